"""Definitions of tools, as the provider takes them, without what lets somebody in.

A provider asks servers of tools with keys of the application's: those are part of a definition, and no key that a mask
knows by its looks. Guarantee: what a definition names like one is left out, but for the parameters that a tool takes.
"""

import re
from typing import Any

from spanpulse._shapes._json import Json, items
from spanpulse._shapes._told import public_address

__all__ = ["tools_of"]

DEEPEST = 12  # of what is no schema; definitions have five levels
LETS_IN = re.compile(r"(?i)^auth|headers|token|secret|password|credential|api_?key|cookie")
SCHEMA = re.compile(r"(?i)parameters|schema|^response$")


def tools_of(body: Json) -> list[Any]:
    """Return the definitions of a request's tools."""
    return [_public(tool, DEEPEST) for tool in items(body, "tools")]


def _public(said: Any, deepest: int) -> Any:
    if isinstance(said, list):
        return [_public(each, deepest - 1) for each in said] if deepest else []
    if not isinstance(said, dict):
        return said
    kept = {name: value for name, value in said.items() if isinstance(value, int) or not LETS_IN.search(name)}
    return {name: _member(name, value, deepest - 1) for name, value in kept.items()} if deepest else {}


def _member(name: str, value: Any, deepest: int) -> Any:
    if SCHEMA.search(name):
        return value
    if isinstance(value, str) and name.lower().endswith("url"):
        return public_address(value)
    return _public(value, deepest)
