"""Logfire's instrumentation of SDKs: the conventions, the provider's usage as JSON, and two spans a stream.

The first has the request, the second (at the stream's end, which is where it starts) the response as well, and how
long reading the stream took. What came before, until the first span ended, is in no time of the second.
"""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import INSTRUMENTOR, Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="logfire",
    scopes={"logfire": INSTRUMENTOR},
    attributes={Slot.USAGE: ("gen_ai.usage.raw",), Slot.DURATION_S: ("duration",)},
    private=frozenset({"gen_ai.usage.raw", "duration"}),
    opens_streams_apart=True,
)
