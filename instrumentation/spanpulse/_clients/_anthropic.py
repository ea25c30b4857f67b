"""Anthropic's SDK: messages, through its own API, Bedrock, Vertex and others. Batches and counting tokens are no calls.

Newer versions make spans of their own as soon as OpenTelemetry has a provider. One call has one span: ours, which has
the messages and the time to the first chunk, for clients that nobody told what to do (what they propagate stays);
theirs for clients with the option `open_telemetry`, where the variable `ANTHROPIC_OPEN_TELEMETRY` is set, and for
clients that were made before they were watched.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import ModuleType
from typing import Any, Final

from spanpulse._clients._others import aside_for
from spanpulse._clients._providers import provider_at
from spanpulse._clients._stainless import watch
from spanpulse._clients._watcher import Stainless, Watcher
from spanpulse._shapes import MESSAGES
from spanpulse._state import State

__all__ = ["ANTHROPIC", "watch_client"]

RESOLVE: Final = "resolve_open_telemetry"
TOLD: Final = "ANTHROPIC_OPEN_TELEMETRY"
PLATFORMS: Final = {
    "BaseBedrockClient": "aws.bedrock",
    "BaseMantleClient": "aws.bedrock",
    "BaseVertexClient": "gcp.vertex_ai",
    "BaseFoundryClient": "anthropic",  # sold by others, answered and priced by Anthropic
    "BaseGoogleCloudClient": "anthropic",
    "AnthropicAWS": "anthropic",
    "AsyncAnthropicAWS": "anthropic",
}


def provider_of(host: str, classes: tuple[str, ...]) -> str:
    """Return who answers: by the client, whose classes name the platform; else by the host."""
    by_class = next((PLATFORMS[name] for name in classes if name in PLATFORMS), "")
    return by_class or provider_at(host, "anthropic")


def tells_itself(client: Any, options: Any) -> bool:
    """Tell whether the SDK makes a span for this request."""
    return bool(getattr(options, "span_name", None)) and getattr(client, "_tracer", None) is not None


ANTHROPIC: Final = Stainless("anthropic", {"/messages": MESSAGES}, provider_of, tells_itself)


def watch_client(base: ModuleType, state: State) -> Callable[[], None]:
    """Watch what the module `anthropic._base_client` has; return what undoes it. Raises for another shape."""
    unwatch = watch(base, Watcher(ANTHROPIC, state.tracer, state.telling, aside_for("anthropic")))
    resolve = getattr(base, RESOLVE, None)
    if resolve is None:
        return unwatch
    quiet = _quiet_by_default(resolve)
    setattr(base, RESOLVE, quiet)

    def undo() -> None:
        if getattr(base, RESOLVE, None) is quiet:
            setattr(base, RESOLVE, resolve)
        unwatch()

    return undo


def _quiet_by_default(resolve: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what resolves a client's option as the SDK does, but for spans that nobody told it to make."""

    @wraps(resolve)
    def quiet(option: Any) -> Any:
        resolved = resolve(option)
        if option is None and TOLD not in os.environ:
            with suppress(TypeError, KeyError):  # of another shape: both may tell, and the stream counts one
                resolved["traces"]["enabled"] = False
        return resolved

    return quiet
