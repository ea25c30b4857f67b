"""Validate one message without decoding it: what a receiver does before it accepts a body.

It accepts and rejects exactly what `decode_spans` and `decode_logs` do.
"""

from dataclasses import dataclass
from typing import Literal

from spanpulse_stream.decode import _schema as schema
from spanpulse_stream.decode._batch import Batch
from spanpulse_stream.decode._columns import Rejected
from spanpulse_stream.decode._limits import DEFAULT_LIMITS, Limits

__all__ = ["Checked", "Malformed", "check"]


class Malformed(ValueError):  # noqa: N818
    """A message whose framing (request, resource, scope) cannot be read; ``reason`` as in `Rejected`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"malformed OTLP message: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Checked:
    """What a message holds: ``records`` spans or log records in all, of which ``rejected`` cannot be read."""

    records: int
    rejected: list[Rejected]


def check(body: bytes, signal: Literal["traces", "logs"], limits: Limits = DEFAULT_LIMITS) -> Checked:
    """Validate a message body. Raises Malformed if it must be rejected whole."""
    batch = Batch([body], schema.SPAN if signal == "traces" else schema.LOG_RECORD, limits.bounds())
    rejected = batch.rejected()
    if rejected and rejected[0].ordinal < 0:
        raise Malformed(rejected[0].reason)
    return Checked(batch.records, rejected)
