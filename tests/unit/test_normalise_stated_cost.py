"""What a call costs as its emitter says: where that stands, exactly, and what can be no cost."""

import json
from typing import Any

import pytest

from making_spans import CHAT, one
from spanpulse_stream.normalise import stated_in

OWN = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "own", "gen_ai.usage.input_tokens": 9}
LANGFUSE = {"langfuse.observation.type": "generation", "langfuse.observation.model.name": "own"}
DETAILS = "langfuse.observation.cost_details"


@pytest.mark.parametrize(
    ("scope", "attributes", "cost"),
    [
        ("app", OWN | {"gen_ai.usage.cost": 0.3}, 300_000_000_000),
        ("app", OWN | {"gen_ai.usage.cost": 0}, 0),
        ("app", OWN | {"gen_ai.usage.cost": "0.000000000001"}, 1),
        ("app", OWN | {"gen_ai.usage.cost": "0.0000000000025"}, 2),
        ("app", OWN | {"gen_ai.usage.cost": 10**6}, 10**18),
        ("litellm", OWN | {"gen_ai.cost.total_cost": 0.01}, 10**10),
        ("openinference.instrumentation.openai", OWN | {"llm.cost.total": 0.1}, 10**11),
        ("pydantic-ai", OWN | {"operation.cost": 7.7e-05}, 77_000_000),
        ("langfuse-sdk", LANGFUSE | {DETAILS: '{"input":0.1,"output":0.2,"total":0.3}'}, 3 * 10**11),
        ("langfuse-sdk", LANGFUSE | {DETAILS: '{"input":0.1,"output":0.2}'}, 3 * 10**11),
        ("langfuse-sdk", LANGFUSE | {DETAILS: "{}"}, None),
        (
            "langfuse-sdk",
            LANGFUSE | {"langfuse.observation.usage_details": '{"input":9,"output":2,"cost":0.00123}'},
            1_230_000_000,
        ),
        (
            "openinference.instrumentation.openai",
            {
                "openinference.span.kind": "LLM",
                "llm.model_name": "own",
                "output.value": json.dumps({"id": "gen-1", "model": "own", "usage": {"prompt_tokens": 1, "cost": 0.5}}),
            },
            5 * 10**11,
        ),
        ("app", {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.cost": 0.3}, None),
    ],
)
def test_a_cost_is_read_as_it_is_written(scope: str, attributes: dict[str, Any], cost: int | None) -> None:
    got = one(attributes, scope)
    assert got.rows("stated_cost", "anomalies") == [(cost, [])]
    stated = {key: value for key, value in attributes.items() if "cost" in key}
    assert got.attributes().keys() >= stated.keys()
    if stated and "usage" not in got.attributes():
        pass


@pytest.mark.parametrize("cost", [-0.01, 1e6 + 1, float("nan"), float("inf"), "sNaN", "free", "1_0", "9" * 65, 1e300])
def test_what_can_be_no_cost_is_noted_and_ignored(cost: Any) -> None:
    got = one(CHAT | {"gen_ai.usage.cost": cost, "gen_ai.usage.input_tokens": 9})
    assert got.rows("stated_cost", "anomalies", "usage_status") == [(None, ["cost_out_of_range"], "reported")]


@pytest.mark.parametrize(
    "details", ['{"input":-1,"output":2}', '{"total":"x"}', '{"input":[1]}', "{'a': 0x" + "f" * 4000 + "}"]
)
def test_details_that_are_none_are_noted(details: str) -> None:
    got = one(LANGFUSE | {DETAILS: details}, "langfuse-sdk")
    assert got.rows("stated_cost", "anomalies") == [(None, ["cost_out_of_range"])]


@pytest.mark.parametrize(
    ("scope", "attributes"),
    [
        ("app", {"gen_ai.usage.cost": 0.3}),
        ("app", {"gen_ai.usage.cost": 7.7e-05, "operation.cost": 2}),
        ("pydantic-ai", {"gen_ai.usage.cost": 7.7e-05, "operation.cost": 2}),
        ("openinference.instrumentation.openai", {"llm.cost.total": "0.1", "gen_ai.usage.total_cost": 4}),
        ("langfuse-sdk", {DETAILS: '{"input":0.1,"output":0.2}'}),
        ("langfuse-sdk", {DETAILS: '{"input":0.1,"output":-2}'}),
        ("app", {"gen_ai.usage.cost": "free"}),
        ("app", {"gen_ai.usage.cost": "", "llm.cost.total": 3}),
        ("app", {}),
    ],
)
def test_the_attributes_that_are_stored_say_what_was_read(scope: str, attributes: dict[str, Any]) -> None:
    got = one(OWN | attributes, scope)
    assert [(stated_in(scope, got.attributes()),)] == got.rows("stated_cost")
