"""Evaluation results become scores, with who made them."""

import math
from typing import Any

import pytest

from logevents import TIME_NS, normalise, record, request, scored


def only(given: Any, **of_request: Any) -> dict[str, Any]:
    found = normalise(request(record("other"), given, **of_request))
    assert not found.rejected
    (row,) = found.scores
    return row


def test_a_score_has_all_that_is_known_of_it() -> None:
    row = only(
        scored(
            gen_ai__evaluation__score__label="good",
            gen_ai__evaluation__explanation="it answers",
            gen_ai__response__id="resp-1",
            gen_ai__request__model="gpt-5",
            gen_ai__prompt__name="support",
            spanpulse__prompt__version=7,
            spanpulse__evaluator__name="judge",
            spanpulse__evaluator__version="3",
            error__type="timeout",
            ratio=0.5,
            flags=[1, True],
            spanpulse__experiment__greeting="b",
            spanpulse__experiment__size=2,
        ),
        resource={"service.name": "shop", "deployment.environment": "old", "deployment.environment.name": "prod"},
    )
    assert row == {
        "record": 1,
        "trace_id": [int.from_bytes(b"t" * 8, "big")] * 2,
        "span_id": int.from_bytes(b"s" * 8, "big"),
        "time": TIME_NS,
        "response_id": "resp-1",
        "evaluator": "judge",
        "evaluator_version": "3",
        "name": "relevance",
        "value": 0.75,
        "label": "good",
        "explanation": "it answers",
        "service_name": "shop",
        "environment": "prod",
        "request_model": "gpt-5",
        "prompt_name": "support",
        "prompt_version": "7",
        "experiments": {"greeting": "b", "size": "2"},
        "attributes": {"error.type": "timeout", "ratio": "0.5", "flags": "[1,true]"},
    }


def test_who_made_it_is_the_scope_where_nothing_else_tells() -> None:
    row = only(scored(), scope="ragas", version="0.3")
    assert (row["evaluator"], row["evaluator_version"]) == ("ragas", "0.3")
    row = only(scored(spanpulse__evaluator__name="judge"), scope="ragas", version="")
    assert (row["evaluator"], row["evaluator_version"]) == ("judge", None)


def test_what_is_absent_is_null() -> None:
    row = only(scored(gen_ai__evaluation__score__value=None), resource={}, scope="", version="")
    absent = {name for name, value in row.items() if value is None}
    texts = {"response_id", "evaluator", "evaluator_version", "label", "explanation", "request_model", "value"}
    assert absent == texts | {"service_name", "environment", "prompt_name", "prompt_version"}
    assert row["attributes"] == {}


@pytest.mark.parametrize(
    ("given", "value"),
    [
        *[(0.0, 0.0), (1, 1.0), (True, 1.0), ("0.25", 0.25), (-(2**63), -(2.0**63)), (1e308, 1e308)],
        *[(math.inf, math.inf), (math.nan, None), ("nan", None), ("good", None), ([1], None), (b"1", None)],
    ],
)
def test_values_are_numbers_or_null(given: Any, value: float | None) -> None:
    assert only(scored(gen_ai__evaluation__score__value=given))["value"] == value


def test_a_value_of_an_odd_kind_stays_with_the_attributes() -> None:
    row = only(scored(gen_ai__evaluation__score__label=[1, "a"]))
    assert row["label"] is None
    assert row["attributes"] == {"gen_ai.evaluation.score.label": '[1,"a"]'}


def test_of_repeated_keys_the_last_counts() -> None:
    made = scored(note="first")
    made.attributes.add(key="note").value.string_value = "last"
    made.attributes.add(key="gen_ai.evaluation.name").value.string_value = "toxicity"
    row = only(made)
    assert (row["name"], row["attributes"]) == ("toxicity", {"note": "last"})


def test_current_names_go_before_older_ones() -> None:
    row = only(scored(gen_ai__evaluation__score=0.1, gen_ai__evaluation__label="bad"))
    assert (row["value"], row["label"]) == (0.75, "bad")
    assert row["attributes"] == {"gen_ai.evaluation.score": "0.1"}


@pytest.mark.parametrize("name", [None, "", ["relevance"]])
def test_a_score_of_nothing_is_refused(name: Any) -> None:
    found = normalise(request(scored(gen_ai__evaluation__name=name)))
    assert found.columns.size == 0
    assert [each.reason for each in found.rejected] == ["missing_evaluation_name"]


def test_texts_and_scores_of_one_batch_keep_their_records() -> None:
    given = [scored(), record("gen_ai.user.message", {"content": "hi"}), record("x"), scored()]
    found = normalise(request(*given), request(*given))
    assert [row["record"] for row in found.scores] == [0, 3, 4, 7]
    assert [row["record"] for row in found.texts] == [1, 5]
