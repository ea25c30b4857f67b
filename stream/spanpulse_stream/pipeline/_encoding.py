"""Messages that hold JSON become what all others hold, protobuf, before the steps see them.

What cannot be read as JSON, or is too large to be read, stays as it came and is marked: the steps leave it out, and its
dead letter holds its bytes.
"""

import hashlib
from dataclasses import replace
from typing import Literal

from spanpulse_stream.decode import InvalidJson, json_to_protobuf, json_values
from spanpulse_stream.pipeline._cut import Incoming
from spanpulse_stream.pipeline._size import LARGEST_MESSAGE

__all__ = ["as_protobuf"]

TOO_LARGE = "too_large"

MOST_VALUES = 4_000_000  # of one message: they take 80 bytes each while they are read


def as_protobuf(message: Incoming) -> Incoming:
    """Return a message of traces or logs with its value in protobuf, or marked as unreadable."""
    if message.unreadable:
        return message
    if (size := len(message.value)) > LARGEST_MESSAGE:
        digest = hashlib.sha256(message.value).hexdigest()
        why = f"{size} bytes, of which {LARGEST_MESSAGE} are read; their sha256 is {digest}"
        return replace(message, unreadable=why, reason=TOO_LARGE)
    if message.encoding == "otlp_proto" or message.signal not in ("traces", "logs"):
        return message
    if json_values(message.value) > MOST_VALUES:
        return replace(message, unreadable=f"the body has more than {MOST_VALUES} values")
    signal: Literal["traces", "logs"] = "logs" if message.signal == "logs" else "traces"
    try:
        return replace(message, value=json_to_protobuf(message.value, signal), encoding="otlp_proto")
    except InvalidJson as error:
        return replace(message, unreadable=str(error))
