"""What each SDK's matrix of modes and versions has in common: a server's answers, and spans held against them."""

import json
from typing import Any

from providers.said import Asked, Failure, Reply
from providers.server import Providers
from wrapper_driving import Mode
from wrapper_modes_child import run_modes
from wrapper_venvs import packages, run

__all__ = ["addresses_of", "holds", "names_of", "ran_by"]


def names_of(modes: dict[str, Mode]) -> list[str]:
    """Return "mode/kind" of all modes."""
    return [f"{name}/{kind}" for name, mode in modes.items() for kind in mode.kinds]


def addresses_of(providers: Providers, modes: dict[str, Mode], version: str) -> dict[str, str]:
    """Have a server answer all modes for a version; return the addresses by "mode/kind"."""
    return {
        name: providers.answers(_script(version, name), *modes[name.partition("/")[0]].turns)
        for name in names_of(modes)
    }


def ran_by(sdk: str, version: str, pins: tuple[str, ...], addresses: dict[str, str]) -> dict[str, Any]:
    """Have a version of an SDK make the calls of all modes; without ``pins`` the one that is installed here."""
    if not pins:
        return {"of": version, **run_modes(sdk, addresses)}
    said = run(packages(*pins), "wrapper_modes_child.py", sdk, text=json.dumps(addresses))
    return {"of": version, **json.loads(said)}


def holds(ran: dict[str, Any], providers: Providers, name: str, mode: Mode, expected: dict[str, Any]) -> None:
    """Hold the spans of a mode against what was answered to what was asked."""
    asked, ran = providers.asked(_script(ran["of"], name)), ran["runs"][name]
    spans = ran["spans"]
    assert len(spans) == mode.spans, [span["name"] for span in spans]
    assert bool(ran["raised"]) == bool(mode.raises), ran["raised"]
    if mode.raises not in {"", "*"}:
        assert ran["raised"] == mode.raises
    for place, span in enumerate(spans):
        _one(span, mode, expected, asked if mode.spans == 1 else [asked[place]])


def _script(version: str, name: str) -> str:
    return f"{version}-{name}".replace("/", "-")


def _one(span: dict[str, Any], mode: Mode, expected: dict[str, Any], asked: list[Asked]) -> None:
    attributes = span["attributes"]
    wanted = {"error.type": mode.raises or None, **expected}
    assert {key: attributes.get(key) for key in wanted} == wanted
    assert span["name"] == f"{mode.operation} {expected['gen_ai.request.model']}"
    assert span["kind"] == "CLIENT"
    assert span["status"] == ("ERROR" if wanted["error.type"] else "UNSET")
    assert asked[0].moments["received"] >= span["start"]
    assert span["end"] >= span["start"]
    streams = bool(asked[0].json.get("stream")) or ":stream" in asked[0].path
    assert attributes.get("gen_ai.request.stream", False) is streams
    last = mode.turns[-1]
    plain = not isinstance(last, Failure | Reply)
    assert ("gen_ai.response.time_to_first_chunk" in attributes) is (streams and plain and last.stalls_after != 0)
    if "gen_ai.response.time_to_first_chunk" in attributes:
        seen = span["start"] + attributes["gen_ai.response.time_to_first_chunk"] * 1e9
        assert seen >= asked[-1].moments["first"] - 1_000
        if plain and last.chunk_s:
            assert seen < asked[-1].moments["last"], "it is that of the first chunk"
    assert json.loads(attributes["gen_ai.input.messages"])[0]["role"] == "user"
