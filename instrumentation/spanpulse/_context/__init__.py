"""What an application says of its work (user, session, prompt, experiments, tags), and how that reaches its spans.

It lies in OpenTelemetry's own context, so it goes wherever that goes: into tasks of asyncio, into whatever copies the
context, and with `watch_threads` into threads. `attributes_of` gives what belongs on a span that starts.
"""

from spanpulse._context._around import NO_RUN, Begin, Run, around, wrapped
from spanpulse._context._context import add_experiment, context
from spanpulse._context._scope import Scope, attributes_of
from spanpulse._context._threads import carry, watch_threads
from spanpulse._context._values import EXPERIMENT, tag_of

__all__ = [
    "EXPERIMENT",
    "NO_RUN",
    "Begin",
    "Run",
    "Scope",
    "add_experiment",
    "around",
    "attributes_of",
    "carry",
    "context",
    "tag_of",
    "watch_threads",
    "wrapped",
]
