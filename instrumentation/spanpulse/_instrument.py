"""The one line: sets up sending, adds what belongs on every span, and watches the clients that an application has.

Guarantee: called twice it does nothing the second time; a client that cannot be watched is named once and works as
before; what an application has set up of OpenTelemetry stays. Clients are watched when they are imported, before or
after this. Not guaranteed: that a provider which is set after this is seen; set it before.
"""

import threading
import uuid
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
from spanpulse._settings import Settings
from spanpulse._state import State, content_of, set_state, state
from spanpulse._version import VERSION

__all__ = ["flush", "instrument", "stats", "uninstrument"]

DEFAULT_ENDPOINTS: Final = {"http/protobuf": "http://127.0.0.1:4318", "grpc": "http://127.0.0.1:4317"}
_lock = threading.RLock()
_undo: list[Callable[[], None]] = []
_own: list[Any] = []  # providers that were set here; there may be one in a process


def instrument(*, mask: Mask | None = None, **settings: Any) -> None:
    """Instrument this application.

    ``settings`` are the fields of `Settings` (docs/instrument.md), such as `endpoint="https://..."`; what is not given
    is read from `SPANPULSE_*` and `OTEL_*` variables. ``mask`` is a function of the application's own from a text to
    the text that may leave the process; it runs in a thread of spanpulse.

    Raises TypeError for a setting that does not exist and ValueError for a value that cannot be used.
    """
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
        try:
            _set_up(chosen, content)
        except Exception as error:  # noqa: BLE001 -- the application runs on, unwatched
            say_once(f"the application is not instrumented ({type(error).__name__}: {error})", error)


def uninstrument() -> None:
    """Send what is on its way, and take back what `instrument` did, but for the provider that it may have set.

    It waits for `exit_timeout` s at most; what is not sent by then is counted as dropped.
    """
    with _lock:
        while _undo:
            _undo.pop()()


def flush(within: float = 30.0) -> bool:
    """Send what has ended, for ``within`` s at most; tell whether all was acknowledged, or counted as dropped."""
    current = state()
    finished = current.background.flush(within)
    provider = trace.get_tracer_provider()
    if hasattr(provider, "force_flush"):
        return bool(provider.force_flush(int(within * 1000))) and finished
    return finished


def stats() -> dict[str, Any]:
    """Return what became of spans so far: taken, sent, waiting, and dropped by reason; empty without an exporter."""
    exporter = state().exporter
    return {} if exporter is None else exporter.stats.told()


def _set_up(settings: Settings, content: Any) -> None:
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 -- importing spanpulse stays cheap

    from spanpulse._clients import watch_clients  # noqa: PLC0415
    from spanpulse._processor import Processor, install  # noqa: PLC0415
    from spanpulse._sampling import ratio_of  # noqa: PLC0415

    provider = trace.get_tracer_provider()
    is_new = isinstance(provider, trace.ProxyTracerProvider)
    if is_new:
        provider = _provider(settings)
        _own.append(provider)
    background = Background(settings.flush_every)
    made = State(settings, content, _exporter(settings, content, background, is_ours=provider in _own), background)
    if made.exporter is not None:
        background.pump = made.exporter.pump
    set_state(made)
    _undo.append(lambda: _end(made))
    if isinstance(provider, TracerProvider):
        _undo.append(install(provider, Processor(made, ratio_of(provider.sampler))))
    else:
        say_once(f"the tracer provider {type(provider).__name__} takes no processors: spans lack users and experiments")
    if is_new:
        trace.set_tracer_provider(provider)
    _undo.append(at_end(made.end))
    if settings.threads:
        _undo.append(watch_threads())
    outside(settings)  # begins to read weights, before the first user comes
    _undo.append(watch_clients(made))


def _end(ended: State) -> None:
    """Stop sending; what follows has the settings still, and no exporter."""
    ended.end()
    set_state(State(ended.settings, ended.content))


def _provider(settings: Settings) -> Any:
    """Return a provider of our own, with the sampler that OpenTelemetry's variables ask for."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    from spanpulse._sampling import Weighted, ratio_of  # noqa: PLC0415

    said = {"telemetry.distro.name": "spanpulse", "telemetry.distro.version": VERSION}
    said |= {"service.instance.id": str(uuid.uuid4())}  # a process's messages share a partition, not a service's
    said |= {"service.name": settings.service_name} if settings.service_name else {}
    said |= {"deployment.environment.name": settings.environment} if settings.environment else {}
    provider = TracerProvider(resource=Resource.create(said))
    if ratio_of(provider.sampler) < 1:
        provider.sampler = Weighted(provider.sampler)
    return provider


def _exporter(settings: Settings, content: Any, background: Background, *, is_ours: bool) -> Any:
    """Return what sends spans; None where the application's provider has exporters, and nobody asks for ours."""
    from dataclasses import replace  # noqa: PLC0415

    from spanpulse._export import Exporter  # noqa: PLC0415

    if settings.sends == "none" or not (is_ours or settings.says_where()):
        return None
    if not settings.sends:
        settings = replace(settings, endpoint=DEFAULT_ENDPOINTS[settings.protocol])
    return Exporter(transport_of(settings), settings, content, background.wake)
