"""Logfire's instrumentation of SDKs: the conventions, the provider's usage as JSON, and two spans a stream.

The first has the request, the second (of no duration, at the stream's end) the response as well.
"""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import INSTRUMENTOR, Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="logfire",
    scopes={"logfire": INSTRUMENTOR},
    attributes={Slot.USAGE: ("gen_ai.usage.raw",)},
    private=frozenset({"gen_ai.usage.raw"}),
    opens_streams_apart=True,
)
