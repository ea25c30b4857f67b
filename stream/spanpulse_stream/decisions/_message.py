"""Decisions about stored spans of one partition, as a message of that partition.

To whoever else reads the topic the message is an export request without spans: the decisions stand in a protobuf
field, or a member of the JSON object, that OTLP does not know and parsers pass over. Not guaranteed: that a decision
still changes anything when it is read; it may have come before, or the partition may have decided the same itself.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

import orjson

from spanpulse_stream.decisions._checks import NoDecisions, checked_decision, checked_number
from spanpulse_stream.usage import CONTEXT_FIELDS

__all__ = ["HEADERS", "MOST_DECISIONS", "SIGNAL", "Decision", "Decisions", "Encoding", "NoDecisions"]

SIGNAL: Final = "decisions"
HEADERS: Final = (("signal", SIGNAL.encode()), ("records", b"0"))
MOST_DECISIONS: Final = 1_000  # in a message
FORMAT: Final = 1
FIELD: Final = 9_001  # of ExportTraceServiceRequest, which has field 1 alone
MEMBER: Final = "spanpulseDecisions"
LENGTH_DELIMITED: Final = 2
MOST_LENGTH_BYTES: Final = 5  # of a varint that says how long a field is

Encoding = Literal["otlp_proto", "otlp_json"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one stored span: its place in the partition's log, and what changes.

    ``trace_id`` and ``span_id`` are lowercase hex, ``received_at`` is in ms since 1970. ``dropped``: the same span is
    stored from another partition, which came first. ``discounted``: another span tells of the same call. Context that
    is None stays as it is. ``reason`` is one of those of `span_updates`.
    """

    log_offset: int
    ordinal: int
    received_at: int
    tenant: str
    trace_id: str
    span_id: str
    reason: str
    dropped: bool = False
    discounted: bool = False
    user_id: str | None = None
    session_id: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None

    @property
    def context(self) -> tuple[str | None, ...]:
        """What the span inherits, in the order of CONTEXT_FIELDS."""
        return tuple(getattr(self, field) for field in CONTEXT_FIELDS)


@dataclass(frozen=True, slots=True)
class Decisions:
    """A message: decisions about spans of one log source, at least one and at most MOST_DECISIONS.

    ``log_source`` is the source of the partition that the message is for. Where another one reads it, the topic was
    made anew since, and the message changes nothing.
    """

    log_source: int
    decisions: tuple[Decision, ...]

    def encode(self, encoding: Encoding) -> bytes:
        """Return the message's value. Raises NoDecisions where `decode` would not read it."""
        if not 1 <= len(self.decisions) <= MOST_DECISIONS:
            raise NoDecisions(f"{len(self.decisions)} decisions")
        told = {"format": FORMAT, "log_source": self.log_source, "decisions": [*map(_brief, self.decisions)]}
        _read(told)
        if encoding == "otlp_json":
            return orjson.dumps({"resourceSpans": [], MEMBER: told})
        text = orjson.dumps(told)
        return TAG + _varint(len(text)) + text

    @classmethod
    def decode(cls, value: bytes, encoding: Encoding) -> "Decisions":
        """Read a message's value. Raises NoDecisions."""
        return _read(_json_member(value) if encoding == "otlp_json" else _loads(_protobuf_field(value)))


def _brief(decision: Decision) -> dict[str, Any]:
    """Return the members of a decision, without those that say nothing."""
    return {name: told for name, told in asdict(decision).items() if told is not None and told is not False}


def _read(told: Any) -> Decisions:
    if not isinstance(told, dict) or told.keys() != {"format", "log_source", "decisions"}:
        raise NoDecisions("it has other members than decisions have")
    if told["format"] != FORMAT:
        raise NoDecisions(f"it is of another format than {FORMAT}")
    each = told["decisions"]
    if not isinstance(each, list) or not 1 <= len(each) <= MOST_DECISIONS:
        raise NoDecisions(f"it is no list of 1 to {MOST_DECISIONS} decisions")
    source = checked_number("log_source", told["log_source"])
    return Decisions(source, tuple(Decision(**checked_decision(one, NAMES)) for one in each))


def _json_member(value: bytes) -> Any:
    request = _loads(value)
    if not isinstance(request, dict) or request.keys() != {"resourceSpans", MEMBER} or request["resourceSpans"] != []:
        raise NoDecisions("it is another request than decisions are")
    return request[MEMBER]


def _loads(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NoDecisions(f"it is no JSON: {error}") from None


def _protobuf_field(value: bytes) -> bytes:
    """Return what the field holds, which is all that the request has."""
    if not value.startswith(TAG):
        raise NoDecisions("it is another request than decisions are")
    for end in range(len(TAG) + 1, len(TAG) + 1 + MOST_LENGTH_BYTES):
        if value[len(TAG) : end] == _varint(len(value) - end):
            return value[end:]
    raise NoDecisions("it is cut off or goes on")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, max(number, 0)])


TAG: Final = _varint(FIELD << 3 | LENGTH_DELIMITED)
NAMES: Final = frozenset(field.name for field in fields(Decision))
