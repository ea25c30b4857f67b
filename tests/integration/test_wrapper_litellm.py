"""litellm, new and old, in every mode: spans say what the server answered, one a call, however many SDKs it went by."""

import json
from dataclasses import replace
from typing import Any

import pytest

from providers.openai import FINISH
from providers.said import Said
from providers.server import Providers
from wrapper_driving import Mode
from wrapper_litellm_modes import MODES
from wrapper_matrix import addresses_of, holds, names_of
from wrapper_same import asked_for
from wrapper_venvs import OLDEST_OPENTELEMETRY, packages, run

VERSIONS = {
    "1.106": ("litellm==1.106.0", "mcp==2.3.0", *OLDEST_OPENTELEMETRY),
    "1.79": ("litellm==1.79.3", "openai==2.8.1", *OLDEST_OPENTELEMETRY),
}
CHANGED = {
    ("1.106", "anthropic"): ["gen_ai.response.id", "gen_ai.usage.reasoning.output_tokens"],
    ("1.79", "anthropic"): ["gen_ai.response.id", "gen_ai.usage.reasoning.output_tokens"],
    ("1.79", "gemini"): ["gen_ai.response.model"],
    ("1.79", "text_completion"): [
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.reasoning.output_tokens",
    ],
}
"""What a version answers in its own way, for a provider or an operation: an id of its own, the model as asked for."""
SILENT = {"1.79": ["stream-cut-off/async"]}
"""Modes in which a version takes a broken stream for one that has ended."""


@pytest.fixture(scope="module", params=VERSIONS)
def ran(request: pytest.FixtureRequest, providers: Providers) -> dict[str, Any]:
    """Run all modes of a version twice, plain and watched."""
    addresses = {
        "plain": addresses_of(providers, MODES, f"plain-{request.param}"),
        "watched": addresses_of(providers, MODES, request.param),
        "held": {"sync": providers.answers(f"held-{request.param}", Said())},
    }
    said = run(packages(*VERSIONS[request.param]), "wrapper_litellm_child.py", text=json.dumps(addresses))
    return {"of": request.param, **json.loads(said.splitlines()[-1])}


@pytest.mark.parametrize("name", names_of(MODES))
def test_a_span_says_what_the_server_answered(ran: dict[str, Any], providers: Providers, name: str) -> None:
    mode = MODES[name.partition("/")[0]]
    if name not in ran["runs"]:
        assert mode.needs
        assert ran["of"] == "1.79"
        return
    wanted = expected(mode) | {"error.type": mode.says.get("error.type", ran["runs"][name]["raised"] or None)}
    for key in CHANGED.get((ran["of"], mode.client or mode.operation), ()):
        del wanted[key]
    if name in SILENT.get(ran["of"], ()):
        mode, wanted = replace(mode, raises=""), {**wanted, "gen_ai.response.finish_reasons": ["stop"]}
    port = {"server.port": int(providers.address.rpartition(":")[2])}
    holds(ran, providers, name, mode, port | wanted)


def test_texts_are_those_that_came(ran: dict[str, Any]) -> None:
    for name, run_of in ran["runs"].items():
        mode = MODES[name.partition("/")[0]]
        if mode.raises or mode.operation == "embeddings" or "gen_ai.response.finish_reasons" in mode.says:
            continue
        (said,) = json.loads(run_of["spans"][0]["attributes"]["gen_ai.output.messages"])
        if mode.said.tool:
            (part,) = [part for part in said["parts"] if part["type"] == "tool_call"]
            assert (part["name"], part["arguments"]) == mode.said.tool, name
        else:
            assert said["parts"] == [{"type": "text", "content": mode.said.text}], name


def test_an_application_sees_the_same(ran: dict[str, Any], providers: Providers) -> None:
    assert len(ran["plain"]) > len(MODES)
    for name in ran["plain"]:
        assert ran["plain"][name] == ran["watched"][name], name
        asked = [providers.asked(f"{of}-{name}".replace("/", "-")) for of in (f"plain-{ran['of']}", ran["of"])]
        assert asked_for(asked[0]) == asked_for(asked[1]), name


def test_nothing_of_an_answer_is_held_and_functions_are_given_back(ran: dict[str, Any]) -> None:
    assert ran["held"] == 0
    assert ran["undone"]


def expected(mode: Mode) -> dict[str, Any]:
    """Return the attributes of a call that the last answer amounts to, as litellm says it."""
    said, streams = mode.said, "stream" in mode.run.__name__
    is_response = mode.run.__name__.startswith("responses")
    usage = {
        "gen_ai.usage.input_tokens": said.input,
        "gen_ai.usage.output_tokens": said.output,
        "gen_ai.usage.cache_read.input_tokens": said.cache_read,
        "gen_ai.usage.reasoning.output_tokens": said.reasoning,
    }
    if said.cache_write:
        usage["gen_ai.usage.cache_write.input_tokens"] = said.cache_write
    if "gen_ai.usage.input_tokens" in mode.says:
        usage = dict.fromkeys(usage)
    return {
        "gen_ai.operation.name": mode.operation,
        "gen_ai.provider.name": {"": "openai", "gemini": "gcp.gemini"}.get(mode.client, mode.client),
        "gen_ai.request.model": "m-x",
        "server.address": "127.0.0.1",
        "gen_ai.response.id": said.id,
        "gen_ai.response.model": "m-x" if streams and not is_response else said.model,
        "gen_ai.response.finish_reasons": ["completed" if is_response else FINISH[said.finish]],
        "openai.api.type": None,
        **usage,
        **mode.says,
    }
