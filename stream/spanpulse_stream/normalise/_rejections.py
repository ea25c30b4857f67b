"""What a step sets aside for the dead letters: a message, or one span or log record of it, and why.

The bytes are those of the piece as it was received; whoever stores them decides how many to keep.
"""

from dataclasses import dataclass
from typing import Final

from numpy import uint8
from numpy.typing import NDArray

from spanpulse_stream.columns import Origin
from spanpulse_stream.decode import Rejected

__all__ = ["WHOLE_MESSAGE", "Rejection", "undecodable"]

WHOLE_MESSAGE: Final = -1
"""The ordinal of a rejection that is about a whole message."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A piece of the log that became no row: where it lies, whose it is, why, and its bytes.

    ``received_at`` is ms since the epoch; ``signal`` is traces or logs; ``detail`` says what was wrong in words.
    """

    log_offset: int
    ordinal: int
    received_at: int
    tenant: str
    signal: str
    reason: str
    detail: str
    bytes: bytes


def undecodable(rejected: list[Rejected], data: NDArray[uint8], origin: Origin, signal: str) -> list[Rejection]:
    """Return what decoding rejected, with its place in the log."""
    tenants = origin.tenant.tolist()
    return [
        Rejection(
            log_offset=int(origin.log_offset[piece.message]),
            ordinal=piece.ordinal,
            received_at=int(origin.received_at[piece.message]),
            tenant=tenants[piece.message] or "",
            signal=signal,
            reason=piece.reason,
            detail="",
            bytes=data[piece.offset : piece.offset + piece.length].tobytes(),
        )
        for piece in rejected
    ]
