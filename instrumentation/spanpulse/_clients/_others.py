"""Other instrumentations of the same clients: where one is active, ours steps aside for that client.

Seen are those that follow OpenTelemetry's `BaseInstrumentor` (OpenTelemetry's own, OpenLLMetry, OpenInference, OpenLIT)
and Langfuse's drop-in for OpenAI. One that is known to watch some of a client's calls only is left those that are made
inside a span of its own. Frameworks' instrumentors (LangChain and so on) are others: they watch the framework, not the
client, and the stream counts a call that both tell once. Not guaranteed: that another one is seen at once when it
starts later than ours; it is within `LOOK_EVERY_S`. Not seen is what wraps single clients.
"""

import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from opentelemetry.trace import get_current_span

from spanpulse._log import say_once

__all__ = ["aside_for", "no_other", "other_for"]

LOOK_EVERY_S: Final = 1.0
NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
DROP_INS: Final = {"openai": "langfuse.openai"}
PARTIAL: Final = {
    "opentelemetry.instrumentation.openai_v2": (
        "opentelemetry.instrumentation.openai_v2",
        "opentelemetry.util.genai.handler",
    )
}
"""Those that leave calls out, such as responses and `parse`, by what their spans' scopes are called."""


def aside_for(client: str) -> Callable[[], bool]:
    """Return what tells, at every call, whether another instrumentation has the client of a distribution.

    One that has it already is named at once: it may stand so close to the application that no call is seen here.
    """
    seen, looked = _seen(client), float("-inf")  # the first call looks again: one may be switched on just behind us

    def aside() -> bool:
        nonlocal seen, looked
        now = time.monotonic()
        if now - looked >= LOOK_EVERY_S:
            seen, looked = _seen(client), now
        return bool(seen) and (seen not in PARTIAL or _is_inside(PARTIAL[seen]))

    return aside


def _seen(client: str) -> str:
    """Return another instrumentation that is active for a client, or "", and say so once."""
    other = other_for(client) or ""
    if other:
        rest = "spans only of calls that it leaves out" if other in PARTIAL else "no spans of its own for it"
        say_once(f"{other} watches {client} already; spanpulse makes {rest}")
    return other


def _is_inside(scopes: tuple[str, ...]) -> bool:
    """Tell whether the current span is of one of the scopes."""
    scope = getattr(get_current_span(), "instrumentation_scope", None)
    return getattr(scope, "name", None) in scopes


def no_other() -> bool:
    """Tell that nobody else has a client."""
    return False


def other_for(client: str) -> str | None:
    """Return the module of another instrumentation that is active for a client; None where there is none."""
    if (drop_in := DROP_INS.get(client)) and drop_in in sys.modules:
        return drop_in
    base = getattr(sys.modules.get("opentelemetry.instrumentation.instrumentor"), "BaseInstrumentor", None)
    kinds = _kinds(base) if base is not None else ()
    return next((kind.__module__ for kind in kinds if _is_active(kind) and client in _watches(kind)), None)


def _kinds(base: Any) -> Iterator[Any]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _is_active(kind: Any) -> bool:
    one = kind.__dict__.get("_instance")  # each kind has one, made when it is first used
    return one is not None and bool(getattr(one, "is_instrumented_by_opentelemetry", False))


def _watches(kind: Any) -> set[str]:
    """Return the distributions that an instrumentor watches: `openai >= 1.0` and the like."""
    try:
        wanted = kind.__dict__["_instance"].instrumentation_dependencies()
    except Exception:  # noqa: BLE001 -- somebody else's code
        return set()
    names = (NAME.match(each) for each in wanted if isinstance(each, str))
    return {match[0].lower().replace("_", "-") for match in names if match}
