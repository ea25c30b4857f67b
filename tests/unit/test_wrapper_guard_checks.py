"""The small checks: what they find, what they refuse, and that hostile texts do not take long."""

import asyncio
import re
import time
from functools import partial
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, field_validator

from spanpulse import checks
from spanpulse._guard import Finding, _named


def test_lengths_are_counted_in_characters() -> None:
    check = checks.length(max=5, min=2)
    assert [check.check(text) is None for text in ("", "a", "ab", "abcde", "abcdef")] == [
        False,
        False,
        True,
        True,
        False,
    ]
    found = check.check("abcdef")
    assert isinstance(found, Finding)
    assert (found.label, found.explanation, found.violates) == ("long", "6 characters, at most 5", True)


@pytest.mark.parametrize("given", [{}, {"max": 3, "min": 4}, {"min": -1}])
def test_a_length_that_says_nothing_is_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"max|characters"):
        checks.length(**given)


def test_patterns_say_where_they_match() -> None:
    found = checks.patterns(["secret", r"\d*"], label="X").check("a secret, 42 times, no secret")
    assert isinstance(found, Finding)
    assert [tuple(span) for span in found.spans] == [(2, 8, "X"), (10, 12, "X"), (23, 29, "X")]
    assert checks.patterns("secret").check("none") is None


def test_patterns_that_are_none_are_refused() -> None:
    with pytest.raises(re.error):
        checks.patterns(["("])
    with pytest.raises(ValueError, match="at least one"):
        checks.patterns([])


@pytest.mark.parametrize(
    ("kinds", "labels"),
    [
        (None, ["EMAIL", "CARD", "KEY"]),
        (["email"], ["EMAIL"]),
        (("card", "KEY"), ["CARD", "KEY"]),
        (["iban"], []),
    ],
)
def test_only_the_kinds_that_are_asked_for_are_found(kinds: Any, labels: list[str]) -> None:
    text = "ada@example.org, 4111 1111 1111 1111, 4111 1111 1111 1112, AKIAIOSFODNN7EXAMPLE"
    found = checks.pii(kinds).check(text)
    spans = found.spans if isinstance(found, Finding) else ()
    assert [span[2] for span in spans] == labels  # type: ignore[misc]


@pytest.mark.parametrize("kinds", ["email", [], ["mail"]])
def test_unknown_kinds_are_refused(kinds: Any) -> None:
    with pytest.raises(ValueError, match="kinds are some of card, email"):
        checks.pii(kinds)


HOSTILE = [
    *("1 " * 50_000, "a" * 100_000 + "@", "+1" * 50_000, "A1 " * 33_000, "1-" * 50_000, "sk-" * 33_000),
    *("a@b." * 25_000, "-----BEGIN PRIVATE KEY-----\n" * 3_500, "(1) " * 25_000, "\u4e2d" * 100_000, "AB12 " * 20_000),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    checks.pii().check(text)
    assert time.process_time() - begun < 2, "a second for 100 KB would be more than the network takes"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_stream_takes_long(text: str) -> None:
    check: Any = checks.pii()
    begun, buffer, start = time.process_time(), "", 0
    for at in range(0, 20_000, 20):
        buffer += text[at : at + 20]
        _, start = check.scan(buffer, start, ended=False)
        buffer, start = buffer[start:], 0
    assert time.process_time() - begun < 4, "1,000 pieces"


class Capital(BaseModel):
    city: str
    people: int = 0

    @field_validator("city")
    @classmethod
    def _known(cls, city: str) -> str:
        if city == "Atlantis":
            raise ValueError(f"{city} is no city")
        return city


@pytest.mark.parametrize("model", [Capital, TypeAdapter(Capital)])
def test_a_model_says_what_it_does_not_take(model: Any) -> None:
    check = checks.model(model)
    assert check.check('{"city": "Paris"}') is None
    told = {}
    for answer in ("Paris", '{"city": 1}', "{}", '{"city": "Atlantis"}', '{"city": "P", "people": "my secret"}'):
        found = check.check(answer)
        assert isinstance(found, Finding)
        told[answer] = found.explanation
    assert list(told.values()) == [
        *("json_invalid", "city: string_type", "city: missing", "city: value_error", "people: int_parsing"),
    ]


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TypeError, match="model_validate_json"):
        checks.model(dict)


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "when": {"format": "date"}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ('{"city": "Paris", "when": "2026-01-31"}', None),
        ('{"city": "Paris", "when": "2026-02-31"}', "not as #/properties/when/format says"),
        ('{"city": "Paris", "x": 1}', "not as #/additionalProperties says"),
        ("{}", "not as #/required says"),
        ("[]", "not as #/type says"),
        ('```json\n{"city": "Paris"}\n```', "the answer is no JSON"),
        ('{"city": NaN}', "the answer is no JSON"),
        ('{"city": "Paris"', "the answer is no JSON"),
        ("", "the answer is no JSON"),
        ("[" * 100_000, "the answer is no JSON"),
        ("1" * 5_000, "the answer is no JSON"),
    ],
)
def test_a_schema_says_which_of_its_words_is_broken(answer: str, wrong: str | None) -> None:
    found = checks.json_schema(SCHEMA).check(answer)
    assert (found.explanation if isinstance(found, Finding) else None) == wrong


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"type": "integer"}, "1.0", "true"),
        ({"type": "number"}, "0.5", "false"),
        ({"enum": [1, "a"]}, "1.0", "true"),
        ({"const": {"a": [0]}}, '{"a": [0.0]}', '{"a": [false]}'),
        ({"uniqueItems": True}, "[1, true, [1], [true]]", "[1, 1.0]"),
        ({"uniqueItems": True}, '[{"a": 1, "b": 2}, {"a": 1}]', '[{"a": 1, "b": 2}, {"b": 2, "a": 1}]'),
        ({"multipleOf": 0.1}, "0.3", "0.35"),
        ({"maxLength": 1}, '"\\ud83d\\ude00"', '"ab"'),
        ({"minimum": 3}, '"a"', "2.9"),
        ({"properties": {"a": False}}, '{"b": 1}', '{"a": 1}'),
        ({"prefixItems": [{"type": "null"}], "items": {"type": "string"}}, '[null, "a"]', '["a", "a"]'),
        ({"oneOf": [{"type": "number"}, {"minimum": 3}]}, "2", "4"),
    ],
)
def test_values_are_equal_as_json_has_it(schema: Any, right: str, wrong: str) -> None:
    check = checks.json_schema(schema)
    assert check.check(right) is None
    assert check.check(wrong) is not None


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"patternProperties": {}}, "patternProperties"),
        ({"items": {"contains": {}}}, "#/items says 'contains'"),
        ({"$defs": {"a": {"if": {}}}}, "#/\\$defs/a says 'if'"),
        ({"format": "hostname"}, "known are date"),
        ({"type": "text"}, "#/type"),
        ({"properties": []}, "#/properties"),
        ({"items": 3}, "#/items is no schema"),
        ({"pattern": "("}, "regular expression"),
        ({"$ref": "other.json"}, "may go to"),
        ({"$ref": "#/$defs/none"}, "not there"),
        ({"$ref": "#"}, "leads to itself"),
        ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}, "leads to itself"),
        ({"minLength": -1}, "#/minLength"),
        ({"multipleOf": 0}, "#/multipleOf"),
        ({"anyOf": []}, "#/anyOf"),
        ("text", "# is no schema"),
    ],
)
def test_schemas_that_are_not_understood_are_refused(schema: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        checks.json_schema(schema)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("date-time", "2026-01-31T10:30:00.1234567Z", "2026-01-31 10:30"),
        ("time", "10:30:00+01:00", "25:00:00Z"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"),
        ("ipv4", "127.0.0.1", "127.0.0.256"),
        ("ipv6", "::1", "::1%eth0"),
        ("email", "a@b.example", "a@"),
    ],
)
def test_formats_are_checked(name: str, right: str, wrong: str) -> None:
    check = checks.json_schema({"format": name})
    assert check.check(f'"{right}"') is None
    assert check.check(f'"{wrong}"') is not None


def test_schemas_of_pydantic_are_understood() -> None:
    class Place(BaseModel):
        name: str
        inside: "Place | None" = None
        tags: dict[str, int] = {}

    check = checks.json_schema(Place.model_json_schema())
    assert check.check('{"name": "a", "inside": {"name": "b", "inside": null}, "tags": {"x": 1}}') is None
    assert check.check('{"name": "a", "inside": {"inside": null}}') is not None
    assert check.check('{"name": "a", "tags": {"x": "y"}}') is not None


def test_topics_that_are_not_allowed_are_found() -> None:
    check = checks.topics(lambda text: text.split(), ["billing", "delivery"])
    assert check.check("billing delivery") is None
    found = check.check("billing politics weather")
    assert isinstance(found, Finding)
    assert (found.label, found.explanation) == ("politics", "politics, weather")
    assert checks.topics(lambda text: text == "ok").check("ok") is None
    assert checks.topics(lambda text: text == "ok").check("no") is not None
    with pytest.raises(TypeError, match="True or False"):
        checks.topics(lambda text: text).check("billing")  # type: ignore[unused-coroutine]
    with pytest.raises(ValueError, match="at least one"):
        checks.topics(str.split, [])


def test_topics_may_be_asked_for_elsewhere() -> None:
    async def ask(_text: str) -> str:
        await asyncio.sleep(0)
        return "politics"

    class Asks:
        async def __call__(self, text: str) -> str:
            return await ask(text)

    async def found(topic_of: Any) -> Any:
        return await checks.topics(topic_of, ["billing"]).check("?")  # type: ignore[misc]

    for topic_of in (ask, partial(ask), Asks()):
        assert asyncio.run(found(topic_of)).label == "politics"


def test_checks_of_other_packages_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("lengths", "spanpulse.checks:length", "spanpulse.guards")
    monkeypatch.setattr(_named, "entry_points", lambda group: [entry] if group == "spanpulse.guards" else [])
    assert checks.named("lengths", max=3).check("long") is not None
    with pytest.raises(LookupError, match=r"'injection': there are lengths; .* pip install \"spanpulse\[server\]\""):
        checks.named("injection")


@pytest.mark.parametrize(("score", "threshold"), [(1.5, 0.5), (-0.1, 0.5), (0.5, 2), (float("nan"), 0.5)])
def test_findings_have_scores_from_0_to_1(score: float, threshold: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Finding(score, threshold)
