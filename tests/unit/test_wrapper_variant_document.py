"""The document of weights is taken as a whole or not at all, and its example stands in docs/assignment.md."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignment_vectors import APPLICATION, EXACT, VECTORS
from spanpulse._experiments._document import MOST_EXPERIMENTS, MOST_VARIANTS, experiments_of

PAGE = (Path(__file__).parents[2] / "docs/assignment.md").read_text("utf-8")
GOOD = {"variants": {"a": 90, "b": 10}}


def document(experiments: Any, version: Any = 1, **others: Any) -> bytes:
    return json.dumps({"version": version, "experiments": experiments, **others}).encode()


def test_the_example_of_the_page() -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    (greeting,) = experiments_of(example[1].encode()).values()
    assert (greeting.salt, greeting.enabled, greeting.variants) == ("greeting-2", True, {"a", "b"})
    assert greeting.shares is not None
    assert [[*each] for each in zip(greeting.shares.names, greeting.shares.cuts, strict=True)] == APPLICATION.ends(
        {"a": 80, "b": 20}
    )


def test_what_may_be_left_out_and_what_is_not_known() -> None:
    said = document({"x": {**GOOD, "owner": "me", "salt": ""}, "y": {**GOOD, "enabled": False}}, note=[1])
    found = experiments_of(said)
    assert {name: (each.salt, each.enabled) for name, each in found.items()} == {"x": ("", True), "y": ("", False)}
    assert experiments_of(document({})) == {}


def test_a_variant_of_weight_0_is_nobodys() -> None:
    (each,) = experiments_of(document({"x": {"variants": {"a": 1, "b": 0, "c": 0.0}}})).values()
    assert each.variants == {"a"}
    (each,) = experiments_of(document({"x": {"variants": {"a": 0}}})).values()
    assert each.shares is None


def test_weights_are_read_as_the_vectors_have_them() -> None:
    for number, each in enumerate(VECTORS["ends"]):
        text = json.dumps(EXACT["ends"][number]["weights"], default=str)  # the same decimals, as they are written
        text = re.sub(r'": "([\d.E+-]+)"', r'": \1', text)
        found = experiments_of(b'{"version": 1, "experiments": {"x": {"variants": %b}}}' % text.encode())["x"].shares
        assert found is not None
        assert [list(pair) for pair in zip(found.names, found.cuts, strict=True)] == each["ends"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting"),
        (b"\xff\xfe\xfd", "codec"),
        (b"[]", "an object"),
        (b"null", "an object"),
        (b"[" * 100_000, "deeply"),
        (b'{"experiments": {}}', "version"),
        (document({}, version=2), "version is 2"),
        (document({}, version=True), "version"),
        (document({}, version=1.0), "version"),
        (document({}, version="1"), "version"),
        (document([]), "experiments"),
        (b'{"version": 1}', "experiments"),
        (b'{"version": 1, "version": 1, "experiments": {}}', "twice"),
        (b'{"version": 1, "experiments": {"x": {"variants": {"a": 1, "a": 2}}}}', "twice"),
        (b'{"version": 1, "experiments": {"x": {"variants": {"a": NaN}}}}', "NaN"),
        (b'{"version": 1, "experiments": {"x": {"variants": {"a": Infinity}}}}', "Infinity"),
        (b'{"version": 1, "experiments": {"x": {"variants": {"a": 1e999999999}}}}', "weight"),
        (b'{"version": 1, "experiments": {"x": {"variants": {"a": 1e-999999999}}}}', "digits"),
        (b'{"version": 1, "experiments": {"x": {"variants": {"a": ' + b"9" * 5000 + b"}}}}", "."),
        (document({"x": {}}), "experiment x: variants"),
        (document({"x": None}), "experiment x"),
        (document({"x": {"variants": {}}}), "0 variants"),
        (document({"x": {"variants": ["a", "b"]}}), "variants"),
        (document({"x": {"variants": {"a": "1"}}}), "number"),
        (document({"x": {"variants": {"a": True}}}), "number"),
        (document({"x": {"variants": {"a": None}}}), "number"),
        (document({"x": {"variants": {"a": -1}}}), "negative"),
        (document({"x": {"variants": {"": 1}}}), "name"),
        (document({"x": {"variants": {"a\n": 1}}}), "name"),
        (document({"x": {"variants": {"\ud800": 1}}}), "name"),
        (document({"": GOOD}), "name"),
        (document({"x" * 129: GOOD}), "name"),
        (document({"x": {**GOOD, "enabled": "false"}}), "enabled"),
        (document({"x": {**GOOD, "enabled": None}}), "enabled"),
        (document({"x": {**GOOD, "salt": 7}}), "salt"),
        (document({"x": {"variants": {str(n): 1 for n in range(MOST_VARIANTS + 1)}}}), "101 variants"),
        (document({str(n): GOOD for n in range(MOST_EXPERIMENTS + 1)}), "more than 10000"),
        (document({"good": GOOD, "bad": {"variants": {"a": -1}}}), "experiment bad"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused_with_its_reason(said: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        experiments_of(said)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["version", "experiments", "variants", "salt", "enabled", "a", "b"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@given(VALUES | st.dictionaries(st.sampled_from("ab"), VALUES).map(lambda each: {"version": 1, "experiments": each}))
def test_whatever_a_document_holds_it_is_read_or_refused(said: Any) -> None:
    try:
        found = experiments_of(json.dumps(said).encode())
    except ValueError:
        return
    assert said["version"] == 1
    assert found.keys() == said["experiments"].keys()


@given(st.binary(max_size=60))
def test_whatever_bytes_come_they_are_refused(said: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        experiments_of(said)
