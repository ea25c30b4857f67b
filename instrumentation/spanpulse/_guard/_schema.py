"""Answers that are to be JSON of a schema: the part of JSON Schema 2020-12 that structured outputs use.

A schema is made into functions once; what it says beyond `_schema_words` is refused then, never passed by. `$ref`
goes to `#` and `#/...` in the same schema. Patterns are Python's regular expressions. Guarantee: texts that are no JSON
as RFC 8259 has it (NaN, half a document, a fence of Markdown around it) are found as well, and what is said about an
answer never quotes it. Not guaranteed: answers nested so deeply that Python cannot read them; they are invalid.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from spanpulse._guard._finding import Finding
from spanpulse._guard._schema_words import ANNOTATIONS, WORDS, Rule, SchemaRefused

__all__ = ["JsonSchema", "compiled"]


class JsonSchema:
    """Finds answers that a schema does not allow."""

    version = "1"
    whole = True

    def __init__(self, schema: Any, name: str) -> None:
        self.name = name
        self._rule = compiled(schema)

    def check(self, text: str) -> Finding | None:
        """Return what is wrong: a keyword of the schema, and where it is in the schema."""
        try:
            wrong = self._rule(json.loads(text, parse_constant=_refuse))
        except (ValueError, RecursionError):
            return Finding(label="no JSON", explanation="the answer is no JSON")
        return Finding(label="invalid", explanation=f"not as {wrong} says") if wrong else None


def compiled(schema: Any) -> Rule:
    """Return a function that says where a schema does not allow a value, "" if it does.

    Raises ValueError for a schema that says something unknown.
    """
    rule = _Compiler(schema).rule(schema, "#")
    try:
        samples: tuple[Any, ...] = (None, "", 0, [], {})
        for value in samples:
            rule(value)
    except RecursionError:
        raise SchemaRefused("a $ref of the schema leads to itself without going into the value") from None
    return rule


class _Compiler:
    """Makes rules of one schema's parts, each once."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._made: dict[str, Rule] = {}
        self._under_way: set[str] = set()

    def rule(self, schema: Any, place: str) -> Rule:
        if schema is True:
            return _allow
        if schema is False:
            return lambda _value: place
        if not isinstance(schema, Mapping):
            raise SchemaRefused(f"{place} is no schema: an object, true or false")
        unknown = [word for word in schema if word not in WORDS and word not in ANNOTATIONS and word != "$ref"]
        if unknown:
            raise SchemaRefused(f"{place} says {', '.join(map(repr, unknown))}, which this check does not know")
        rules = [self._reference(schema["$ref"], place)] if "$ref" in schema else []
        for word, make in WORDS.items():
            if word in schema:
                rules.append(make(schema[word], f"{place}/{word}", schema, self.rule))
        if "$defs" in schema or "definitions" in schema:
            self._check_definitions(schema, place)
        return _all_of(rules)

    def _reference(self, target: Any, place: str) -> Rule:
        if not isinstance(target, str) or not (target == "#" or target.startswith("#/")):
            raise SchemaRefused(f"{place}/$ref goes to {target!r}; it may go to '#' or '#/$defs/...'")
        if target not in self._made and target not in self._under_way:
            self._under_way.add(target)
            self._made[target] = self.rule(self._find(target, place), target)
        made = self._made
        return lambda value: made[target](value)  # noqa: PLW0108 -- it may not be there yet

    def _find(self, target: str, place: str) -> Any:
        found = self._root
        for part in target.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found:
                raise SchemaRefused(f"{place}/$ref goes to {target!r}, which is not there")
            found = found[name]
        return found

    def _check_definitions(self, schema: Mapping[str, Any], place: str) -> None:
        for word in ("$defs", "definitions"):
            inner = schema.get(word, {})
            if not isinstance(inner, Mapping):
                raise SchemaRefused(f"{place}/{word} is no object")
            for name, each in inner.items():
                self.rule(each, f"{place}/{word}/{name}")


def _allow(_value: Any) -> str:
    return ""


def _all_of(rules: list[Rule]) -> Rule:
    if len(rules) == 1:
        return rules[0]
    return lambda value: next((wrong for rule in rules if (wrong := rule(value))), "")


def _refuse(_constant: str) -> Callable[[], None]:
    raise ValueError("JSON has no such number")
