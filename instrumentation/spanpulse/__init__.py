"""spanpulse: watches LLM applications as they run.

This package is what an application imports. It needs OpenTelemetry alone; it does not start, configure or import the
server (the extra `server`), and importing it changes nothing in the process: `instrument()` does.
"""

from spanpulse._context import context
from spanpulse._instrument import flush, instrument, stats, uninstrument
from spanpulse._version import VERSION as __version__

__all__ = ["__version__", "context", "flush", "instrument", "stats", "uninstrument"]
