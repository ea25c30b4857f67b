"""From OTLP protobuf bytes to columns: numba scanners that make no object per span or attribute.

`decode_spans` and `decode_logs` give the same values as protobuf; a span or log record that cannot be read is
set aside alone, a message whose framing cannot be read is set aside whole. `check` is the validation alone,
`read_heads` that and the ids and times.
`json_to_protobuf` makes the same bytes of OTLP in JSON.
"""

from spanpulse_stream.decode._check import Checked, Malformed, check
from spanpulse_stream.decode._columns import (
    Attributes,
    DecodedLogs,
    DecodedSpans,
    Events,
    Links,
    Rejected,
    Scopes,
    ValueKind,
    Values,
)
from spanpulse_stream.decode._heads import Heads, read_heads
from spanpulse_stream.decode._json import (
    json_to_protobuf,
    json_values,
    unreadable_request,
    values_to_protobuf,
)
from spanpulse_stream.decode._json_text import InvalidJson, read_json
from spanpulse_stream.decode._keys import KeyTable, KeyView, find_key
from spanpulse_stream.decode._limits import Limits
from spanpulse_stream.decode._logs import decode_logs
from spanpulse_stream.decode._spans import decode_spans
from spanpulse_stream.decode._values import Value, decode_value
from spanpulse_stream.decode._warm import warm_up

__all__ = [
    "Attributes",
    "Checked",
    "DecodedLogs",
    "DecodedSpans",
    "Events",
    "Heads",
    "InvalidJson",
    "KeyTable",
    "KeyView",
    "Limits",
    "Links",
    "Malformed",
    "Rejected",
    "Scopes",
    "Value",
    "ValueKind",
    "Values",
    "check",
    "decode_logs",
    "decode_spans",
    "decode_value",
    "find_key",
    "json_to_protobuf",
    "json_values",
    "read_heads",
    "read_json",
    "unreadable_request",
    "values_to_protobuf",
    "warm_up",
]
