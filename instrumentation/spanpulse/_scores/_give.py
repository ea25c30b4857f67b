"""Where events go: to spanpulse by the exporter of this process, else to the logger provider of the application.

Where there is neither, that is said once. Runs in a thread of ours.
"""

from functools import lru_cache
from typing import Any

from opentelemetry import trace

from spanpulse._events import Event
from spanpulse._log import say_once
from spanpulse._state import SCOPE, State
from spanpulse._version import VERSION

__all__ = ["give"]


def give(event: Event, state: State, what: str = "scores") -> None:
    """Hand an event on; ``what`` are such events, for people. May raise what the application's provider does."""
    if state.exporter is not None:
        state.exporter.put_event(event, _resource(state))
    elif not _emitted(event) and state.settings.sends != "none":
        say_once(f"{what} go nowhere: neither spanpulse.instrument() nor OpenTelemetry's logs are set up to send them")


def _resource(state: State) -> Any:
    """Return what the application's spans say of their process."""
    found = getattr(trace.get_tracer_provider(), "resource", None)
    return found or _made(state.settings.service_name, state.settings.environment)


@lru_cache(maxsize=1)
def _made(service: str, environment: str) -> Any:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 -- importing spanpulse stays cheap

    said = {"service.name": service, "deployment.environment.name": environment}
    return Resource.create({name: value for name, value in said.items() if value})


def _emitted(event: Event) -> bool:
    """Give an event to the application's logger provider; tell whether it has one."""
    from opentelemetry._logs import LogRecord, get_logger_provider  # noqa: PLC0415 -- where our exporter is not used

    provider = get_logger_provider()
    if type(provider).__module__.startswith("opentelemetry._logs"):  # the API's own, which drop everything
        return False
    record = LogRecord(
        timestamp=event.time_ns,
        observed_timestamp=event.time_ns,
        context=_around(event),
        attributes=dict(event.attributes),
        event_name=event.name,
    )
    provider.get_logger(SCOPE, VERSION).emit(record)
    return True


def _around(event: Event) -> Any:
    """Return the context in which the event's span is the current one."""
    flags = trace.TraceFlags(event.trace_flags)
    context = trace.SpanContext(event.trace_id, event.span_id, is_remote=False, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(context))
