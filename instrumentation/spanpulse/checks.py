"""Checks for `spanpulse.guard` that need nothing beside Python.

    spanpulse.guard(input=[checks.length(max=8_000), checks.pii()], output=[checks.model(Answer)])

A check of an application's own is a function from a text to a `Finding`, or None where it finds nothing; or an object
with a `name`, a method `check(text)` and, if it likes, a `version` and `whole` (it is shown whole answers alone).
Those of a function that is asynchronous may be too. `named` finds the checks of other packages.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from spanpulse._guard._check import Check
from spanpulse._guard._finding import Finding, Span
from spanpulse._guard._length import Length
from spanpulse._guard._model import Model
from spanpulse._guard._named import named
from spanpulse._guard._patterns import Patterns
from spanpulse._guard._pii import Pii
from spanpulse._guard._schema import JsonSchema
from spanpulse._guard._topics import topics_of

__all__ = ["Check", "Finding", "Span", "json_schema", "length", "model", "named", "patterns", "pii", "topics"]


def length(max: int | None = None, *, min: int = 0, name: str = "length") -> Check:  # noqa: A002 -- what is meant
    """Return a check of texts' lengths in characters. Raises ValueError where no text could have it."""
    return Length(max, min, name)


def patterns(patterns: Iterable[str], *, longest: int = 256, name: str = "patterns", label: str = "MASKED") -> Check:
    """Return a check that finds what regular expressions match; masked it is ``label`` in angle brackets.

    ``longest`` is how many characters a match has at most, with what it looks back and ahead at: so many are held back
    in streams. Raises re.error for a pattern that is none.
    """
    return Patterns(patterns, longest, name, label)


def pii(kinds: Collection[str] | None = None) -> Check:
    """Return a check that finds what belongs to somebody.

    ``kinds`` are some of "key" (of APIs, tokens, private keys), "email", "iban", "ssn", "card", "phone"; None: all.
    Cards and IBANs count only where their check digits are right. Raises ValueError for another kind.
    """
    return Pii(kinds)


def json_schema(schema: Any, *, name: str = "json_schema") -> Check:
    """Return a check that finds answers which are no JSON, or not what a JSON Schema (2020-12) allows.

    Raises ValueError for a schema that says something this check does not know: nothing is passed by.
    """
    return JsonSchema(schema, name)


def model(model: Any, *, name: str = "model") -> Check:
    """Return a check that finds answers which are no JSON for a pydantic model. Raises TypeError for what is none."""
    return Model(model, name)


def topics(topic_of: Callable[[str], Any], allowed: Collection[str] | None = None, *, name: str = "topics") -> Check:
    """Return a check of what texts are about.

    ``topic_of`` takes a text and returns its topic or topics, which have to be ``allowed``; without a list of these it
    returns True where the text is. It may be asynchronous.
    """
    return topics_of(topic_of, allowed, name)
