"""The one line: sets up sending, adds what belongs on every span, and watches the clients that an application has.

Guarantee: called twice it does nothing the second time; a client that cannot be watched is named once and works as
before; what an application has set up of OpenTelemetry stays. Clients are watched when they are imported, before or
after this. A tracer provider that it sets after this takes the place of ours (see `_own`).
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import trace

from spanpulse._background import Background
from spanpulse._context import watch_threads
from spanpulse._ends import at_end
from spanpulse._experiments import outside
from spanpulse._export import transport_of
from spanpulse._log import LOG, say_once
from spanpulse._privacy import Mask
from spanpulse._settings import LONGEST_S, Settings
from spanpulse._state import State, content_of, set_state, state

__all__ = ["flush", "instrument", "stats", "uninstrument"]

DEFAULT_ENDPOINTS: Final = {"http/protobuf": "http://127.0.0.1:4318", "grpc": "http://127.0.0.1:4317"}
_lock = threading.RLock()
_undo: list[Callable[[], None]] = []


def instrument(*, mask: Mask | None = None, **settings: Any) -> None:
    """Instrument this application.

    ``settings`` are the fields of `Settings` (docs/instrument.md), such as `endpoint="https://..."`; what is not given
    is read from `SPANPULSE_*` and `OTEL_*` variables. ``mask`` is a function of the application's own from a text to
    the text that may leave the process; it runs in a thread of spanpulse.

    Raises TypeError for a setting that does not exist and ValueError for a value that cannot be used.
    """
    if mask is not None and not callable(mask):
        raise ValueError(f"mask must be a function of a text, not {type(mask).__name__}")
    with _lock:
        if _undo:
            LOG.debug("spanpulse.instrument() was called before; this call does nothing")
            return
        chosen = Settings.read(**settings)
        if chosen.disabled:
            return
        content = content_of(chosen, mask)
        if settings.get("endpoint"):
            transport_of(chosen)  # raises for an address that is none
        _try_to_set_up(chosen, content)


def uninstrument() -> None:
    """Send what is on its way, and take back what `instrument` did, but for the provider that it may have set.

    It waits for `exit_timeout` s at most; what is not sent by then is counted as dropped.
    """
    with _lock:
        while _undo:
            undo = _undo.pop()
            try:
                undo()
            except Exception as error:  # noqa: BLE001 -- the rest is taken back all the same
                say_once(f"not all could be taken back ({type(error).__name__})", error)


def flush(within: float = 30.0) -> bool:
    """Send what has ended, for ``within`` s at most; tell whether all was acknowledged, or counted as dropped."""
    current, within = state(), min(within, LONGEST_S)
    deadline = time.monotonic() + within
    finished = current.background.flush(within)
    provider = trace.get_tracer_provider()
    if hasattr(provider, "force_flush"):
        finished = _flushed(provider, deadline) and finished
    if current.exporter is not None:  # a provider may know nothing of it
        finished = current.exporter.flush(deadline - time.monotonic()) and finished
    return finished


def stats() -> dict[str, Any]:
    """Return what became of spans so far: taken, sent, waiting, and dropped by reason; empty without an exporter.

    `forgotten` are calls that there was no room for to read their content, `lost` those that there was none for at all.
    """
    current = state()
    if current.exporter is None:
        return {}
    return {
        **current.exporter.stats.told(),
        "forgotten": current.background.forgotten,
        "lost": current.background.lost,
    }


def _flushed(provider: Any, deadline: float) -> bool:
    try:
        return bool(provider.force_flush(max(0, int((deadline - time.monotonic()) * 1000))))
    except Exception as error:  # noqa: BLE001 -- the application's own, and it goes on
        say_once(f"the tracer provider could not be flushed ({type(error).__name__})", error)
        return False


def _try_to_set_up(settings: Settings, content: Any) -> None:
    try:
        _set_up(settings, content)
    except Exception as error:  # noqa: BLE001 -- the application runs on, unwatched
        say_once(f"the application is not instrumented ({type(error).__name__}: {error})", error)


def _start_over(settings: Settings, content: Any) -> None:
    """Set up the same for a provider that the application has set after `instrument`."""
    with _lock:
        uninstrument()
        _try_to_set_up(settings, content)


def _set_up(settings: Settings, content: Any) -> None:
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 -- importing spanpulse stays cheap

    from spanpulse._clients import unknown_clients, watch_clients  # noqa: PLC0415
    from spanpulse._own import Own, own_provider, use, when_replaced  # noqa: PLC0415
    from spanpulse._processor import Processor, install  # noqa: PLC0415
    from spanpulse._sampling import ratio_of, ratio_of_called  # noqa: PLC0415

    provider: Any = trace.get_tracer_provider()
    is_new = isinstance(provider, trace.ProxyTracerProvider)
    if is_new:
        provider = own_provider(settings)
    is_ours = isinstance(provider, Own)
    background = Background(settings.flush_every)
    made = State(settings, content, _exporter(settings, content, background, is_ours=is_ours), background)
    if made.exporter is not None:
        background.pump = made.exporter.pump
    set_state(made)
    if isinstance(provider, TracerProvider):
        sampler = provider.sampler
        _undo.append(install(provider, Processor(made, ratio_of(sampler), ratio_of_called(sampler))))
    else:
        say_once(f"the tracer provider {type(provider).__name__} takes no processors: spans lack users and experiments")
    _undo.append(lambda: _end(made))  # before the processor goes, which takes what has ended
    if is_new:
        use(provider)
    if is_ours:
        _undo.append(when_replaced(lambda: _start_over(settings, content)))
    _undo.append(at_end(made.end))
    if settings.threads:
        _undo.append(watch_threads())
    if unknown := unknown_clients(settings.skip):
        say_once(f"skip names {unknown}")
    outside(settings)  # begins to read weights, before the first user comes
    _undo.append(watch_clients(made))


def _end(ended: State) -> None:
    """Stop sending; what follows has the settings still, and no exporter."""
    ended.end()
    ended.background.rest()
    set_state(State(ended.settings, ended.content))


def _exporter(settings: Settings, content: Any, background: Background, *, is_ours: bool) -> Any:
    """Return what sends spans; None where the application's provider has exporters, and nobody asks for ours."""
    from dataclasses import replace  # noqa: PLC0415

    from spanpulse._export import Exporter  # noqa: PLC0415

    if settings.sends == "none" or not (is_ours or settings.says_where()):
        return None
    if not settings.sends:
        settings = replace(settings, endpoint=DEFAULT_ENDPOINTS[settings.protocol])
    return Exporter(transport_of(settings), settings, content, background.wake, background.breathe)
