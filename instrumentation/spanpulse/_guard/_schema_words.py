"""The keywords of JSON Schema that are known, each as a function that makes a rule of its value.

A rule takes a value and returns where the schema does not allow it, "" if it does. By the specification a keyword says
nothing of values of other types, 1.0 is an integer, and true is no number.
"""

import ipaddress
import math
import re
import uuid
from collections.abc import Callable, Mapping, Sized
from datetime import date, datetime, time
from fractions import Fraction
from typing import Any, Final

__all__ = ["ANNOTATIONS", "WORDS", "Rule", "SchemaRefused"]


class SchemaRefused(ValueError):  # noqa: N818 -- named by what happened
    """A schema says what is no JSON Schema, or what is not known here."""


Rule = Callable[[Any], str]
Compile = Callable[[Any, str], Rule]
Make = Callable[[Any, str, Mapping[str, Any], Compile], Rule]

ANNOTATIONS: Final = frozenset(
    (
        *("$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples"),
        *("deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding"),
    )
)
"""Keywords that allow everything, or only hold what others refer to."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
FORMATS: Final[dict[str, Callable[[str], Any]]] = {
    "date": lambda text: _matches(r"\d{4}-\d\d-\d\d", text) and date.fromisoformat(text),
    "time": lambda text: (
        _matches(r"\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text, re.IGNORECASE)
        and time.fromisoformat(_fraction_cut(text))
    ),
    "date-time": lambda text: (
        _matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text, re.IGNORECASE)
        and datetime.fromisoformat(_fraction_cut(text))
    ),
    "uuid": lambda text: (
        _matches(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text, re.IGNORECASE) and uuid.UUID(text)
    ),
    "ipv4": ipaddress.IPv4Address,
    "ipv6": lambda text: "%" not in text and ipaddress.IPv6Address(text),
    "email": lambda text: _matches(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", text),
}


def _matches(pattern: str, text: str, flags: int = 0) -> bool:
    return re.fullmatch(pattern, text, flags | re.ASCII) is not None


def _fraction_cut(text: str) -> str:
    """Return a time without digits beyond the microsecond, which Python does not have."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text).upper()


def _canonical(value: Any) -> Any:
    """Return something that is equal, and has the same hash, for values that JSON Schema calls equal."""
    if isinstance(value, dict):
        return "object", frozenset((name, _canonical(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_canonical, value))
    return ("number" if _is_number(value) else type(value).__name__), value


def _type(said: Any, place: str, _schema: Any, _compile: Compile) -> Rule:
    names = [said] if isinstance(said, str) else said
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name in TYPES for name in names):
        raise SchemaRefused(f"{place} names no type of JSON")
    tests = [TYPES[name] for name in names]
    return lambda value: "" if any(test(value) for test in tests) else place


def _enum(said: Any, place: str, _schema: Any, _compile: Compile) -> Rule:
    if not isinstance(said, list | tuple):
        raise SchemaRefused(f"{place} is no list")
    allowed = {_canonical(each) for each in said}
    return lambda value: "" if _canonical(value) in allowed else place


def _const(said: Any, place: str, schema: Any, compile_: Compile) -> Rule:
    return _enum([said], place, schema, compile_)


def _bound(allows: Callable[[Any, Any], bool]) -> Make:
    def make(said: Any, place: str, _schema: Any, _compile: Compile) -> Rule:
        if not _is_number(said) or not math.isfinite(said):
            raise SchemaRefused(f"{place} is no number")
        return lambda value: place if _is_number(value) and not allows(value, said) else ""

    return make


def _is_multiple(value: Any, of: Any) -> bool:
    return math.isfinite(value) and Fraction(repr(value)) % Fraction(repr(of)) == 0


def _multiple(said: Any, place: str, schema: Any, compile_: Compile) -> Rule:
    if not _is_number(said) or not said > 0:
        raise SchemaRefused(f"{place} is no number above 0")
    return _bound(_is_multiple)(said, place, schema, compile_)


def _count(kind: type[Sized], allows: Callable[[int, int], bool]) -> Make:
    def make(said: Any, place: str, _schema: Any, _compile: Compile) -> Rule:
        if not _is_integer(said) or said < 0:
            raise SchemaRefused(f"{place} is no count")
        return lambda value: place if isinstance(value, kind) and not allows(len(value), said) else ""

    return make


def _pattern(said: Any, place: str, _schema: Any, _compile: Compile) -> Rule:
    try:
        pattern = re.compile(said)
    except (re.error, TypeError) as error:
        raise SchemaRefused(f"{place} is no regular expression") from error
    return lambda value: place if isinstance(value, str) and not pattern.search(value) else ""


def _format(said: Any, place: str, _schema: Any, _compile: Compile) -> Rule:
    if said not in FORMATS:
        raise SchemaRefused(f"{place} is {said!r}; known are {', '.join(FORMATS)}")
    test = FORMATS[said]

    def rule(value: Any) -> str:
        try:
            return "" if not isinstance(value, str) or test(value) is not False else place
        except ValueError:
            return place

    return rule


def _required(said: Any, place: str, _schema: Any, _compile: Compile) -> Rule:
    if not isinstance(said, list | tuple) or not all(isinstance(name, str) for name in said):
        raise SchemaRefused(f"{place} is no list of names")
    names = frozenset(said)
    return lambda value: place if isinstance(value, dict) and not names <= value.keys() else ""


def _properties(said: Any, place: str, _schema: Any, compile_: Compile) -> Rule:
    if not isinstance(said, Mapping):
        raise SchemaRefused(f"{place} is no object")
    rules = {name: compile_(each, f"{place}/{name}") for name, each in said.items()}

    def rule(value: Any) -> str:
        if not isinstance(value, dict):
            return ""
        return next((wrong for name in rules if name in value and (wrong := rules[name](value[name]))), "")

    return rule


def _additional(said: Any, place: str, schema: Mapping[str, Any], compile_: Compile) -> Rule:
    inner, known = compile_(said, place), frozenset(schema.get("properties", ()))

    def rule(value: Any) -> str:
        if not isinstance(value, dict):
            return ""
        return next((wrong for name, each in value.items() if name not in known and (wrong := inner(each))), "")

    return rule


def _prefix(said: Any, place: str, _schema: Any, compile_: Compile) -> Rule:
    rules = _several(said, place, compile_)

    def rule(value: Any) -> str:
        if not isinstance(value, list):
            return ""
        return next((wrong for each, inner in zip(value, rules, strict=False) if (wrong := inner(each))), "")

    return rule


def _items(said: Any, place: str, schema: Mapping[str, Any], compile_: Compile) -> Rule:
    inner, first = compile_(said, place), len(schema.get("prefixItems", ()))

    def rule(value: Any) -> str:
        return next((wrong for each in value[first:] if (wrong := inner(each))), "") if isinstance(value, list) else ""

    return rule


def _unique(said: Any, place: str, _schema: Any, _compile: Compile) -> Rule:
    if not isinstance(said, bool):
        raise SchemaRefused(f"{place} is neither true nor false")
    return lambda value: (
        place if said and isinstance(value, list) and len(set(map(_canonical, value))) < len(value) else ""
    )


def _several(said: Any, place: str, compile_: Compile) -> list[Rule]:
    if not isinstance(said, list | tuple) or not said:
        raise SchemaRefused(f"{place} is no list of schemas")
    return [compile_(each, f"{place}/{number}") for number, each in enumerate(said)]


def _all(said: Any, place: str, _schema: Any, compile_: Compile) -> Rule:
    rules = _several(said, place, compile_)
    return lambda value: next((wrong for rule in rules if (wrong := rule(value))), "")


def _any(said: Any, place: str, _schema: Any, compile_: Compile) -> Rule:
    rules = _several(said, place, compile_)
    return lambda value: place if all(rule(value) for rule in rules) else ""


def _one(said: Any, place: str, _schema: Any, compile_: Compile) -> Rule:
    rules = _several(said, place, compile_)
    return lambda value: "" if sum(not rule(value) for rule in rules) == 1 else place


def _not(said: Any, place: str, _schema: Any, compile_: Compile) -> Rule:
    rule = compile_(said, place)
    return lambda value: "" if rule(value) else place


WORDS: Final[dict[str, Make]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _bound(lambda value, said: bool(value >= said)),
    "maximum": _bound(lambda value, said: bool(value <= said)),
    "exclusiveMinimum": _bound(lambda value, said: bool(value > said)),
    "exclusiveMaximum": _bound(lambda value, said: bool(value < said)),
    "multipleOf": _multiple,
    "minLength": _count(str, lambda length, said: length >= said),
    "maxLength": _count(str, lambda length, said: length <= said),
    "pattern": _pattern,
    "format": _format,
    "required": _required,
    "minProperties": _count(dict, lambda length, said: length >= said),
    "maxProperties": _count(dict, lambda length, said: length <= said),
    "properties": _properties,
    "additionalProperties": _additional,
    "minItems": _count(list, lambda length, said: length >= said),
    "maxItems": _count(list, lambda length, said: length <= said),
    "uniqueItems": _unique,
    "prefixItems": _prefix,
    "items": _items,
    "allOf": _all,
    "anyOf": _any,
    "oneOf": _one,
    "not": _not,
}
"""What may be said, those that look at values first."""
