"""Beside other instrumentations of the same clients, live: every call counts once, whoever was there first.

The wrapper leaves a client to another one that watches it, and says so once. Where it is blind to that one both tell
every call, and the stream counts one of the two.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from providers.server import Providers
from running import Running
from wrapper_beside.others import OTHERS, PINS
from wrapper_beside.truth import Call, hold, made
from wrapper_beside.used import Used, used
from wrapper_venvs import packages, run

NO_DETAILS = {"cache_read_tokens": 0, "reasoning_tokens": 0}
OTHERWISE: dict[tuple[str, str], dict[str, dict[str, int]]] = {
    ("opentelemetry", "openai"): dict.fromkeys(("chat", "stream", "raw", "helper", "tools"), NO_DETAILS),
    ("openllmetry", "openai"): {way: {"reasoning_tokens": 0} for way in ("stream", "helper")},
}
"""Tokens of which others' spans have none, by client and way."""
ADDS_ONE = {("openllmetry", "anthropic"): ("stream", "helper")}
"""Streams whose output others count with the one token that Anthropic says at the start."""
TWICE = {("openllmetry", "anthropic"): ("failing",)}
"""Calls that count twice where the wrapper is blind: two spans of equal standing, in two traces, without any id.

Those of one instrumentation that tells some calls and another that tells the rest look the same, and are two calls.
"""
LEAVES_OUT = {"opentelemetry": {"openai"}}
"""Clients of which others do not tell every call: responses and `parse`."""
PROVIDERS = {"google-genai": "gcp.gemini"}
PRICED_AS = {"google-genai": "google"}
Run = dict[str, Any]


def runs_of(sdks: tuple[str, ...]) -> dict[str, Run]:
    """Return all runs by the name of their service; in `never` nobody watches."""
    others = [name for name, other in OTHERS.items() if set(other.instrumentors) & set(sdks)]
    runs = {"never": run_of("", "never"), "alone": run_of("", "after"), "native": run_of("", "after", native=True)}
    for other in others:
        runs[f"{other}-before"] = run_of(other, "before")
        runs[f"{other}-after"] = run_of(other, "after")
        runs[f"{other}-native"] = run_of(other, "before", native=True)
        runs[f"{other}-blind"] = run_of(other, "after", blind=True)
    return {f"{sdks[0]}-{name}": run for name, run in runs.items()}


def run_of(other: str, order: str, *, native: bool = False, blind: bool = False) -> Run:
    return {"other": other, "order": order, "native": native, "blind": blind}


pytestmark = pytest.mark.slow
RUNS = {service: (sdks, run) for sdks in PINS for service, run in runs_of(sdks).items()}
SERVICES = [service for service in RUNS if not service.endswith("never")]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("up")) as running:
        yield running


@pytest.fixture(scope="module")
def ran(running: Running) -> dict[str, Any]:
    """Have all runs made, and stored; return what came of them by service."""
    found: dict[str, Any] = {}
    with Providers() as providers:
        for sdks, pins in PINS.items():
            asked: dict[str, Run] = {}
            for service, (own, of) in RUNS.items():
                calls = {each.name: address(providers, service, each) for each in used(*sdks)}
                asked |= {service: {**of, "calls": calls}} if own == sdks else {}
            text = json.dumps({"endpoint": running.otlp, "runs": asked})
            found |= json.loads(run(packages(*pins), "wrapper_beside/child.py", text=text))
    assert running.drain()["completeness"]["unaccounted"] == 0
    return found


def address(providers: Providers, service: str, each: Used) -> str:
    return providers.answers(f"{service}-{each.name}".replace("/", "-"), each.turn(service))


@pytest.mark.parametrize("service", SERVICES)
def test_every_call_counts_once(ran: dict[str, Any], running: Running, service: str) -> None:
    sdks, of = RUNS[service]
    calls = [truth(service, of, each) for each in used(*sdks)]
    calls += [truth(service, of, each) for each in used(*sdks) if of["blind"] and counts_twice(of, each)]
    hold(running, service, calls)


def counts_twice(of: Run, each: Used) -> bool:
    return not of["native"] and each.way in TWICE.get((of["other"], each.sdk), ())


def truth(service: str, of: Run, each: Used) -> Call:
    """Return a call as it must be counted: by what the provider said, but for what others do not say."""
    turn, other, kind = each.turn(service), of["other"], "embedding" if each.way == "embeddings" else "llm"
    otherwise = {} if of["blind"] else dict(OTHERWISE.get((other, each.sdk), {}).get(each.way, {}))
    if each.way in ADDS_ONE.get((other, each.sdk), ()) and not of["native"] and not of["blind"]:
        otherwise["output_tokens"] = turn.output + 1
    return made(turn, PRICED_AS.get(each.sdk, each.sdk), kind, **otherwise)


@pytest.mark.parametrize("service", SERVICES)
def test_what_the_application_gets_is_the_same_as_without(ran: dict[str, Any], service: str) -> None:
    without = f"{RUNS[service][0][0]}-never"
    assert ran[service]["results"] == ran[without]["results"]
    raised = {name for name, said in ran[service]["results"].items() if "Error(" in said}
    assert raised == {each.name for each in used(*RUNS[service][0]) if each.way == "failing"}


@pytest.mark.parametrize("service", SERVICES)
def test_the_wrapper_steps_aside_and_says_so_once(ran: dict[str, Any], running: Running, service: str) -> None:
    sdks, of = RUNS[service]
    watched = set() if of["blind"] else set(OTHERS[of["other"]].instrumentors)
    for sdk in sdks:
        said = [words for words in ran[service]["warnings"] if f" watches {sdk} already" in words]
        assert len(said) == (sdk in watched), ran[service]["warnings"]
    found = running.sql(
        f"SELECT DISTINCT provider FROM spans WHERE service_name = '{service}' AND emitter_name = 'spanpulse'"
    )
    assert {str(row["provider"]) for row in found} == {PROVIDERS.get(sdk, sdk) for sdk in told_by_us(sdks, of)}


def told_by_us(sdks: tuple[str, ...], of: Run) -> set[str]:
    """Return the clients of which the wrapper makes spans, of some or all calls."""
    found = set(sdks) - ({"anthropic"} if of["native"] else set())
    return (
        found if of["blind"] else found - (set(OTHERS[of["other"]].instrumentors) - LEAVES_OUT.get(of["other"], set()))
    )
