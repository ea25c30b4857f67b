"""Log records built by protobuf's own library, normalised, and read back as plain Python."""

from logevents.build import RECEIVED_MS, TIME_NS, any_value, pairs, record, request, scored, single
from logevents.read import Normalised, normalise, score_rows, text_rows

__all__ = [
    "RECEIVED_MS",
    "TIME_NS",
    "Normalised",
    "any_value",
    "normalise",
    "pairs",
    "record",
    "request",
    "score_rows",
    "scored",
    "single",
    "text_rows",
]
