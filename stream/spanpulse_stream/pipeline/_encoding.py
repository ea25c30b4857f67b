"""Messages that hold JSON become what all others hold, protobuf, before the steps see them.

What cannot be read as JSON becomes a request of one record that nothing can read: its dead letter holds what came.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Literal

from spanpulse_stream.decode import InvalidJson, json_to_protobuf, json_values, unreadable_request
from spanpulse_stream.pipeline._cut import Incoming

__all__ = ["as_protobuf"]

MOST_VALUES = 4_000_000  # of one message: they take 80 bytes each while they are read


def as_protobuf(message: Incoming) -> Incoming:
    """Return a message of traces or logs with its value in protobuf."""
    if message.encoding == "otlp_proto" or message.signal not in ("traces", "logs"):
        return message
    return replace(message, value=_protobuf(message), encoding="otlp_proto")


def _protobuf(message: Incoming) -> bytes:
    signal: Literal["traces", "logs"] = "logs" if message.signal == "logs" else "traces"
    if json_values(message.value) <= MOST_VALUES:
        with suppress(InvalidJson):
            return json_to_protobuf(message.value, signal)
    return unreadable_request([message.value.decode(errors="replace")])
