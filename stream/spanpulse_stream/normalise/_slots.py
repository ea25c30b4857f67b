"""What a dialect's attribute may stand for: one slot a canonical value, and which AnyValues each slot takes.

A value of a kind that its slot does not take never wins it: it stays with the span's other attributes.
"""

from enum import IntEnum
from typing import Final

import numpy as np

from spanpulse_stream.decode import ValueKind

__all__ = ["ACCEPTED", "CONTENT", "TEXTS", "TOKENS", "Family", "Slot"]


class Slot(IntEnum):
    """The places that attributes compete for; the comments give units."""

    # texts
    OPERATION = 0
    PROVIDER = 1
    REQUEST_MODEL = 2
    RESPONSE_MODEL = 3
    MODEL = 4  # the response's if there was one, else the request's
    SERVICE_TIER = 5
    ERROR_TYPE = 6
    USER_ID = 7
    SESSION_ID = 8
    PROMPT_NAME = 9
    PROMPT_VERSION = 10
    ENVIRONMENT = 11
    RESPONSE_ID = 12
    RETRIEVAL_QUERY = 13
    # content: texts, or structures that become JSON
    INPUT_MESSAGES = 14  # in OpenTelemetry's message schema
    OUTPUT_MESSAGES = 15
    SYSTEM_INSTRUCTIONS = 16
    RETRIEVAL_DOCUMENTS = 17
    INPUT = 18  # in any form
    OUTPUT = 19
    OUTPUT_TOOL_CALLS = 20
    # texts or structures that hold several values
    FINISH_REASONS = 21
    USAGE = 22
    PARAMETERS = 23  # of the request
    METADATA = 24
    FIRST_TOKEN_TIME = 25  # ISO 8601, perhaps quoted
    # numbers
    INPUT_TOKENS = 26
    OUTPUT_TOKENS = 27
    CACHE_READ_TOKENS = 28
    CACHE_WRITE_TOKENS = 29
    REASONING_TOKENS = 30
    CACHE_WRITE_1H_TOKENS = 31
    INPUT_AUDIO_TOKENS = 32
    OUTPUT_AUDIO_TOKENS = 33
    TOTAL_TOKENS = 34
    FIRST_TOKEN_S = 35  # seconds from the start
    FIRST_TOKEN_MS = 36  # ms from the start
    WEIGHT = 37
    STREAM = 38
    DURATION_S = 39  # seconds, where the span's own times do not tell
    # what tells the kind of a span; these stay with the other attributes
    TOOL_NAME = 40
    TOOL_CALL_ID = 41
    MCP_METHOD = 42
    DB_SYSTEM = 43
    DB_OPERATION = 44
    # what a call costs as the emitter says, USD; these too stay
    STATED_COST = 45  # a number, in a text perhaps
    COST_DETAILS = 46  # an object with a total


class Family(IntEnum):
    """Attributes that share the start of their key, the rest of which says something too."""

    NONE = 0
    EXPERIMENT = 1
    TAG = 2
    INPUT = 3  # flattened messages
    OUTPUT = 4
    DOCUMENTS = 5  # flattened documents
    EMBEDDINGS = 6  # flattened texts to embed


TEXTS: Final = (*range(Slot.OPERATION, Slot.RETRIEVAL_QUERY + 1), *range(Slot.TOOL_NAME, Slot.DB_OPERATION + 1))
CONTENT: Final = range(Slot.INPUT_MESSAGES, Slot.OUTPUT_TOOL_CALLS + 1)
TOKENS: Final = range(Slot.INPUT_TOKENS, Slot.TOTAL_TOKENS + 1)

_SCALARS: Final = (ValueKind.STRING, ValueKind.BOOL, ValueKind.INT, ValueKind.DOUBLE)
_NUMBERS: Final = (ValueKind.STRING, ValueKind.INT, ValueKind.DOUBLE)
_STRUCTURES: Final = (ValueKind.STRING, ValueKind.ARRAY, ValueKind.KVLIST)


def _accepted() -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    table = np.zeros((len(Slot), len(ValueKind)), np.bool_)
    for slot in Slot:
        if slot in TEXTS:
            kinds: tuple[ValueKind, ...] = _SCALARS
        elif slot == Slot.STREAM:
            kinds = (ValueKind.BOOL, ValueKind.STRING)
        elif slot == Slot.COST_DETAILS:
            kinds = _STRUCTURES
        else:
            kinds = _NUMBERS if slot >= Slot.INPUT_TOKENS else _STRUCTURES
        table[slot, list(kinds)] = True
    return table


ACCEPTED: Final = _accepted()
"""[slot, kind of value]: whether it may win; an empty string never does."""
