"""The schemas that guards know allow what another validator allows."""

import json
from typing import Any

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from spanpulse._guard._schema import compiled

WORDS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([1.0, 0.5, 2.5, -1.5, 0.1, 0.3]),
        st.sampled_from(["", "a", "ab", "abc", "2026-01-02"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]


def schemas_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    counts = st.integers(0, 3)
    several = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "minimum": st.integers(-2, 2),
            "exclusiveMaximum": st.sampled_from([0.5, 1, 2]),
            "multipleOf": st.sampled_from([1, 2, 0.5, 0.1]),
            "minLength": counts,
            "maxLength": counts,
            "pattern": st.sampled_from(["a", "^a", "b$", "^a.c$"]),
            "required": st.lists(WORDS, max_size=2, unique=True),
            "minProperties": counts,
            "maxProperties": counts,
            "properties": st.dictionaries(WORDS, inner, max_size=3),
            "additionalProperties": inner,
            "minItems": counts,
            "maxItems": counts,
            "uniqueItems": st.booleans(),
            "prefixItems": several,
            "items": inner,
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": inner,
            "title": st.just("of no account"),
        },
    )


SCHEMAS = st.recursive(st.booleans() | schemas_of(st.booleans()), schemas_of, max_leaves=4)


@settings(deadline=None, max_examples=300)
@given(schema=SCHEMAS, values=st.lists(VALUES, min_size=1, max_size=5))
def test_schemas_allow_what_another_validator_allows(schema: Any, values: list[Any]) -> None:
    rule = compiled(schema)
    other = jsonschema_rs.Draft202012Validator(schema)
    for value in values:
        assert (rule(value) == "") is other.is_valid(value), (value, json.dumps(schema))


@settings(deadline=None)
@given(defined=SCHEMAS, value=VALUES)
def test_references_lead_to_definitions(defined: Any, value: Any) -> None:
    schema = {"$defs": {"x/y": defined}, "anyOf": [{"$ref": "#/$defs/x~1y"}, {"items": {"$ref": "#"}, "type": "array"}]}
    assert (compiled(schema)(value) == "") is jsonschema_rs.Draft202012Validator(schema).is_valid(value)
