"""Other instrumentations of the same clients: where one is active, ours steps aside for that client.

Seen are those that follow OpenTelemetry's `BaseInstrumentor` (OpenTelemetry's own, OpenLLMetry, OpenInference, OpenLIT)
and Langfuse's drop-in for OpenAI. Frameworks' instrumentors (LangChain and so on) are others: they watch the framework,
not the client, and the stream counts a call that both tell once. Not guaranteed: that another one is seen at once when
it starts later than ours; it is within `LOOK_EVERY_S`. Not seen is what wraps single clients.
"""

import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from spanpulse._log import say_once

__all__ = ["aside_for", "other_for"]

LOOK_EVERY_S: Final = 1.0
NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
DROP_INS: Final = {"openai": "langfuse.openai"}


def aside_for(client: str) -> Callable[[], bool]:
    """Return what tells, at every call, whether another instrumentation has the client of a distribution."""
    seen, looked = False, float("-inf")

    def aside() -> bool:
        nonlocal seen, looked
        now = time.monotonic()
        if now - looked >= LOOK_EVERY_S:
            looked = now
            other = other_for(client)
            if other and not seen:
                say_once(f"{other} watches {client} already; spanpulse makes no spans of its own for it")
            seen = other is not None
        return seen

    return aside


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
