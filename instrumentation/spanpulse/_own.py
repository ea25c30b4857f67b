"""The tracer provider of our own, for applications that set none; one that an application sets takes its place.

`spanpulse-instrument` runs before the application does, so whether it sets a provider is known later. Guarantee: one
that is set with `opentelemetry.trace.set_tracer_provider` is accepted as if there were none, and tracers that somebody
got before give its spans from then on. Not guaranteed: that spans which began before are sent; that who imported
`set_tracer_provider` by its name before `instrument()` is noticed: its provider is used, without users and experiments.
"""

import functools
import uuid
from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from spanpulse._log import say_once
from spanpulse._sampling import Weighted, ratio_of
from spanpulse._settings import Settings
from spanpulse._version import VERSION

__all__ = ["Own", "own_provider", "use", "when_replaced"]

INSTANCE = "service.instance.id"


class Own(TracerProvider):
    """Ours, as long as there is no other."""

    def get_tracer(self, *args: Any, **options: Any) -> trace.Tracer:
        """Return a tracer of whatever provider is the process's when it is used."""
        return _Following(self, super().get_tracer(*args, **options), (args, options))


class _Following(trace.Tracer):
    """Begins spans by a tracer of the provider that is there."""

    def __init__(self, provider: Any, tracer: trace.Tracer, named: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
        self._of = provider, tracer
        self._named = named

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracer(), name)

    def start_span(self, *args: Any, **options: Any) -> trace.Span:
        """Begin a span."""
        return self._tracer().start_span(*args, **options)

    def start_as_current_span(self, *args: Any, **options: Any) -> Any:
        """Begin a span, and make it the current one."""
        return self._tracer().start_as_current_span(*args, **options)

    def _tracer(self) -> trace.Tracer:
        provider, tracer = self._of
        current = trace.get_tracer_provider()
        if current is not provider and not isinstance(provider := current, trace.ProxyTracerProvider):
            args, options = self._named
            tracer = provider.get_tracer(*args, **options)
            self._of = provider, tracer
        return tracer


def own_provider(settings: Settings) -> Own:
    """Return a provider with the sampler and the resource that OpenTelemetry's variables ask for."""
    said = {"telemetry.distro.name": "spanpulse", "telemetry.distro.version": VERSION}
    said |= {"service.name": settings.service_name} if settings.service_name else {}
    said |= {"deployment.environment.name": settings.environment} if settings.environment else {}
    resource = Resource.create(said)
    if INSTANCE not in resource.attributes:  # a process's messages share a partition, not a service's
        resource = resource.merge(Resource({INSTANCE: str(uuid.uuid4())}))
    provider = Own(resource=resource)
    if ratio_of(provider.sampler) < 1:
        provider.sampler = Weighted(provider.sampler)
    return provider


def use(provider: Own) -> None:
    """Make a provider the process's, until another one is set."""
    if hasattr(trace, "_TRACER_PROVIDER"):
        trace._TRACER_PROVIDER = provider  # noqa: SLF001 -- what is set publicly stays for ever
    else:
        trace.set_tracer_provider(provider)


def when_replaced(act: Callable[[], object]) -> Callable[[], None]:
    """Call ``act`` when the application has set a provider of its own; return what takes that back."""
    original = trace.set_tracer_provider

    @functools.wraps(original)
    def set_tracer_provider(tracer_provider: trace.TracerProvider) -> None:
        original(tracer_provider)
        if trace.get_tracer_provider() is tracer_provider and wanted:
            wanted.clear()
            try:
                act()
            except Exception as error:  # noqa: BLE001 -- the application has its provider
                say_once(f"the application's tracer provider is not watched ({type(error).__name__})", error)

    def take_back() -> None:
        wanted.clear()
        if trace.set_tracer_provider is set_tracer_provider:
            trace.set_tracer_provider = original

    wanted = [act]
    trace.set_tracer_provider = set_tracer_provider
    return take_back
