"""spanpulse: watches LLM applications as they run.

This package is what an application imports. It needs opentelemetry alone; it does not start, configure or
import the server (the extra `server`), and importing it changes nothing in the process.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
