"""spanpulse: watches LLM applications as they run.

This package is what an application imports. It needs OpenTelemetry alone; it does not start, configure or import the
server (the extra `server`), and importing it changes nothing in the process: `instrument()` does.
"""

from spanpulse import _version
from spanpulse._context import carry, context
from spanpulse._experiments import variant
from spanpulse._guard import Finding, Guard, GuardBlocked, guard
from spanpulse._instrument import flush, instrument, stats, uninstrument
from spanpulse._scores import score
from spanpulse._steps import Step, observe, span

__version__ = _version.VERSION
__all__ = [
    "Finding",
    "Guard",
    "GuardBlocked",
    "Step",
    "__version__",
    "carry",
    "context",
    "flush",
    "guard",
    "instrument",
    "observe",
    "score",
    "span",
    "stats",
    "uninstrument",
    "variant",
]
