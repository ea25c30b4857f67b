"""`spanpulse.variant`: which variant of an experiment a user gets, always the same; and that it is told.

Guarantee: it never waits, and raises for nothing but an experiment without any variant; the same salt, user and weights
give the same variant in every process and every language (docs/assignment.md). What goes wrong is said once, and the
first variant of the code is returned. Not guaranteed: that calls are marked which are made outside of any
`spanpulse.context` or `spanpulse.span`: nothing would say where one user's work ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from opentelemetry.trace import get_current_span

from spanpulse._context import EXPERIMENT, add_experiment, attributes_of
from spanpulse._experiments._document import Experiment
from spanpulse._experiments._exposures import Seen, tell
from spanpulse._experiments._hash import POINT_BYTES, digest_of, prefix_of, user_bytes
from spanpulse._experiments._refresh import outside
from spanpulse._experiments._weights import Shares, shares_of
from spanpulse._log import say_once
from spanpulse._state import State, state

__all__ = ["variant"]

MOST_PLANS: Final = 1024
LONGEST: Final = 128
"""Characters of a name that are said."""

_seen: Seen | None = None


def variant(
    name: str,
    user_id: str | int | UUID | None,
    weights: Mapping[str, float | Decimal],
    *,
    salt: str | None = None,
) -> str:
    """Return the variant of the experiment ``name`` that a user gets.

    ``weights`` say how often each variant is given, in any unit: whole numbers, or decimals that count to six places.
    Their order does not matter, but for the first: it is the one that is returned where nobody is assigned, which is
    not told either: there is no user id (None, empty), all weights are 0, or the experiment is switched off from
    outside. ``salt`` is the experiment's name if it is not given; another one assigns all users anew. Weights from
    outside the code (`SPANPULSE_EXPERIMENTS`) come first where they know the experiment and no other variants.

    The work that follows in the innermost `spanpulse.context` or `spanpulse.span` is marked with the variant, as are
    the current span and those that start below it; that the user met it is told once.

    Raises ValueError where ``weights`` have no variant at all.
    """
    first = next(iter(weights), None)
    if first is None:
        raise ValueError(f"the experiment {name!r} has no variants")
    try:
        return _assigned(name, user_id, weights, salt) or first
    except Exception as error:  # noqa: BLE001 -- the application goes on, with what it would do without us
        known = repr(name[:LONGEST]) if isinstance(name, str) else "an experiment"
        say_once(f"everybody gets the first variant of {known} ({type(error).__name__}: {error})", error)
        return first


@dataclass(frozen=True, slots=True)
class _Plan:
    """How an experiment is assigned; ``shares`` are None where it is not."""

    shares: Shares | None
    prefix: bytes
    key: str
    """Of the attribute that marks calls."""


@lru_cache(maxsize=MOST_PLANS)
def _plan_of(name: str, salt: str | None, weights: tuple[tuple[str, Any], ...], told: Experiment | None) -> _Plan:
    if not name.encode():  # raises for what could be no attribute
        raise ValueError("an experiment has no name")
    shares, salt = shares_of(weights), salt or name
    if told is not None and told.enabled and not told.variants <= {variant for variant, _ in weights}:
        say_once(f"weights from outside the code name variants of {name!r} that the code does not have; its own count")
    elif told is not None:
        shares, salt = told.shares if told.enabled else None, told.salt or salt
    return _Plan(shares, prefix_of(salt), EXPERIMENT + name)


def _assigned(name: str, user_id: Any, weights: Mapping[str, Any], salt: str | None) -> str | None:
    """Return the variant of a user, and tell it; None where nobody is assigned."""
    current = state()
    plan = _plan_of(name, salt, tuple(weights.items()), outside(current.settings).get(name))
    user = user_bytes(user_id)
    if user is None:
        say_once(f"spanpulse.variant assigns no {type(user_id).__name__}: a user's id is a text, an integer or a UUID")
    if not user or plan.shares is None:
        return None
    digest = digest_of(plan.prefix, user)
    found = plan.shares.at(int.from_bytes(digest[:POINT_BYTES], "big"))
    if not current.settings.disabled:
        try:
            _tell(plan.key, name, found, user, digest, current)
        except Exception as error:  # noqa: BLE001 -- a user's variant does not depend on what becomes of spans
            say_once(f"a variant could not be told ({type(error).__name__})", error)
    return found


def _tell(key: str, name: str, found: str, user: bytes, digest: bytes, current: State) -> None:
    if not _is_marked(key, found) and not add_experiment(name, found) and not get_current_span().is_recording():
        say_once("calls are not marked with their variant: call spanpulse.variant and them within spanpulse.context")
    if _seen_by(current).is_new((name, found, digest)):
        tell(name, found, user, current)


def _is_marked(key: str, found: str) -> bool:
    """Tell whether the context and the current span say so already, which is less work than to say it again."""
    if attributes_of().get(key) != found:
        return False
    span = get_current_span()
    return not span.is_recording() or (getattr(span, "attributes", None) or {}).get(key) == found


def _seen_by(current: State) -> Seen:
    global _seen  # noqa: PLW0603 -- of the one state
    seen = _seen
    if seen is None or seen.state is not current:
        _seen = seen = Seen(current)
    return seen
