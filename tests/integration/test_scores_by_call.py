"""Scores that come later, with nothing but an id, count by the model, prompt and variant of their call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import scores_reading as reading
from sinks_inside import Inside, a_process

A, B = "'" + "a" * 32 + "'", "'" + "b" * 32 + "'"
CHAT = "'r1', 'gpt-5', 'gpt-5-2026', 'openai', 'support', '3', map('greeting', 'b')"
CALLS = [
    f"2026-11-19 10:00:00; acme; {A}, 'a1'; llm; {CHAT}",
    f"2026-11-19 10:00:01; acme; {A}, 'a0'; other; NULL, NULL, NULL, NULL, NULL, NULL, map()",
    f"2026-11-19 11:00:00; acme; {B}, 'b1'; llm; 'r2', 'first', NULL, NULL, NULL, NULL, map()",
    f"2026-11-19 11:00:05; acme; {B}, 'b2'; llm; 'r3', 'last', NULL, NULL, NULL, NULL, map()",
    f"2026-11-19 11:00:09; acme; {B}, 'b3'; embedding; NULL, 'vectors', NULL, NULL, NULL, NULL, map()",
    f"2026-11-19 11:00:00; other; {A}, 'a1'; llm; 'r9', 'of another tenant', NULL, NULL, NULL, NULL, map()",
    f"2026-11-10 11:00:00; acme; {B}, 'b4'; llm; 'old', 'of long ago', NULL, NULL, NULL, NULL, map()",
]
NOTHING = "NULL, NULL, map()"
WHOLE = ["gpt-5", "openai", "support", "3", {"greeting": "b"}]
UNKNOWN = [None, None, None, None, {}]


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


def score(name: str, ids: str, said: str = f"NULL, {NOTHING}", at: str = reading.SCORED_AT) -> str:
    return f"{at}; {name}; {ids}, {said}"


def test_a_late_score_is_of_the_call_that_its_ids_name(inside: Inside, tmp_path: Path) -> None:
    scores = [
        score("response", "'r1', NULL, NULL"),
        score("span", f"NULL, {A}, 'a1'"),
        score("trace", f"NULL, {A}, NULL"),
        score("step", f"NULL, {A}, 'a0'"),
        score("last call", f"NULL, {B}, NULL"),
        score("response before trace", f"'r2', {B}, NULL"),
        score("unknown response", f"'r0', {B}, NULL"),
        score("of another", "'r9', NULL, NULL"),
        score("too old", "'old', NULL, NULL"),
        score("nothing", "NULL, NULL, NULL"),
        score("before", "'r1', NULL, NULL", at="2026-11-19 23:59:59"),
        score("behind", "'r1', NULL, NULL", at=reading.UNTIL),
    ]
    a, b = A.strip("'"), B.strip("'")
    assert inside(reading.by_call, tmp_path, CALLS, scores) == {
        "response": [*WHOLE, a, "a1"],
        "span": [*WHOLE, a, "a1"],
        "trace": [*WHOLE, a, None],
        "step": [*WHOLE, a, "a0"],
        "last call": ["last", None, None, None, {}, b, None],
        "response before trace": ["first", None, None, None, {}, b, "b1"],
        "unknown response": ["last", None, None, None, {}, b, None],
        "of another": [*UNKNOWN, None, None],
        "too old": [*UNKNOWN, None, None],
        "nothing": [*UNKNOWN, None, None],
    }


def test_what_a_score_says_itself_goes_first(inside: Inside, tmp_path: Path) -> None:
    scores = [
        score("model", "'r1', NULL, NULL", f"'own', {NOTHING}"),
        score("prompt", "'r1', NULL, NULL", "NULL, 'own', NULL, map('greeting', 'a', 'size', 's')"),
    ]
    found = inside(reading.by_call, tmp_path, CALLS, scores)
    assert found["model"][:5] == ["own", None, None, None, {}]
    assert found["prompt"][:5] == ["gpt-5", "openai", "own", None, {"greeting": "a", "size": "s"}]


def test_the_rates_of_the_page_are_those_of_the_calls(inside: Inside, tmp_path: Path) -> None:
    scores = [score("thumbs", "'r1', NULL, NULL") for _ in range(4)]  # 0 and 1 in turn
    scores += [score("thumbs", "'r3', NULL, NULL"), score("other", "'r3', NULL, NULL")]
    by_model, by_variant = inside(reading.documented, tmp_path, CALLS, scores)
    assert by_model.splitlines() == ['"gpt-5","support","3",4,0.5,0.5', '"last",\\N,\\N,1,0,0']
    assert by_variant.splitlines() == ['"greeting","b",4,0.5']


def test_one_call_among_many_is_found_by_the_index(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.read_parts, tmp_path)
    assert found["model"] == "m"
    read, there = (sum(int(each[place]) for each in found["granules"]) for place in (0, 1))
    assert 0 < read < there / 4


def test_sums_from_before_tell_how_many_were_above_nothing(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.counted_later, tmp_path)
    assert found["read"] == {"thumbs": 3, "none": 0, "down": 0, "one": 1, "large": 2, "empty": 0}
    assert found["merged"] == found["read"]
