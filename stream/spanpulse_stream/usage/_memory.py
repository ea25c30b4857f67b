"""The memory of a partition: a ring of the last spans, the tables that find them, and what a batch gives back.

All of it is flat arrays, allocated for the window and paged in as it fills, and tables that grow with it: about 220
bytes a span of the window when full. Rows are addressed by their slot in the ring; slot -1 is none. Nothing here
computes.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.usage._room import capacity_of

__all__ = [
    "BUCKETS",
    "CALL_EMBEDDING",
    "CALL_FAILED",
    "CALL_IDENTIFIED",
    "CALL_LLM",
    "CALL_RANK",
    "CALL_TOOL",
    "CALL_USAGE",
    "CONTEXT_FIELDS",
    "CORRECTIONS",
    "CURRENT",
    "DECIDED_DISCOUNTED",
    "DECIDED_DROPPED",
    "FIRST_OF_BATCH",
    "GROUPS",
    "HAD_NO_TARGET",
    "HAS_CHANGED",
    "REASONS",
    "ROW",
    "SPANS",
    "STATE_COUNTED",
    "STATE_DECISION",
    "STATE_DROPPED",
    "STATE_LISTED",
    "STATE_WAITING",
    "TAKEN",
    "WAITING",
    "Batch",
    "Key",
    "Memory",
    "Number",
    "new_batch",
    "new_memory",
]

# The context that a call inherits, in the order of the columns of every context array.
CONTEXT_FIELDS = ("user_id", "session_id", "prompt_name", "prompt_version")

# Bits of `call`, what a span says of itself: a model call has one of the first two. The rank takes two bits.
CALL_LLM, CALL_EMBEDDING, CALL_USAGE, CALL_IDENTIFIED = 1, 2, 4, 8
CALL_RANK = 4  # shift
CALL_FAILED, CALL_TOOL = 64, 128

# Bits of `state`, what the partition made of it. The last one marks rows that come in and are no spans but decisions:
# their ids are those of the target, `start` and `end` its offset and ordinal, `provider` is the reason, `usage` what is
# decided.
STATE_COUNTED, STATE_WAITING, STATE_LISTED, STATE_DROPPED, STATE_DECISION = 1, 2, 4, 8, 128
DECIDED_DISCOUNTED, DECIDED_DROPPED = 1, 2

# What became of a decision: nothing (0), a change, or its target does not lie in the memory.
HAS_CHANGED, HAD_NO_TARGET = 1, 2

# Why a span stopped to count, or was dropped; the words of `span_updates.reason`.
REASONS = ("context", "response_id", "descendant", "native_span", "same_moment", "ancestor", "duplicate")

# Which table of Memory.tables. Numpy scalars, because numba compiles a kernel anew for every Python constant it gets.
SPANS, WAITING, GROUPS, BUCKETS = np.int64(0), np.int64(1), np.int64(2), np.int64(3)

# Which counter of Memory.counters: spans ever taken, the value of that when the batch began, the row of the batch
# that is being folded in, corrections so far.
TAKEN, FIRST_OF_BATCH, CURRENT, CORRECTIONS = range(4)

# Kernels work with 64-bit integers throughout: numba compiles them anew for every other width.
Number = int | np.int64
Key = tuple[Number, np.uint64, np.uint64, np.uint64]  # tenant and up to three words

ROW = np.dtype(
    [
        ("trace_high", "u8"),
        ("trace_low", "u8"),
        ("span_id", "u8"),
        ("parent_id", "u8"),
        ("response_high", "u8"),
        ("response_low", "u8"),
        ("call_key", "u8"),  # hash of process, kind and request model; 0: no model call
        ("start", "i8"),  # ns
        ("end", "i8"),  # below 0: the span of a stream ended before its first token, which came at -end
        ("log_offset", "i8"),
        ("received_at", "i8"),  # ms
        ("ordinal", "i4"),
        ("tenant", "i4"),  # interned
        ("provider", "u4"),  # hash of the provider's family, 0 none
        ("usage", "u4"),  # hash of the tokens in and out, 0 none
        ("parent", "i4"),  # slots from here on
        ("child", "i4"),
        ("next", "i4"),  # siblings, or spans that wait for the same parent
        ("previous", "i4"),
        ("bucket_next", "i4"),
        ("bucket_previous", "i4"),
        ("correction", "i4"),  # its row in Memory.corrections, if that row still names this span
        ("below", "u4"),  # what calls its descendants are
        ("above", "u2"),  # what calls its ancestors are
        ("call", "u1"),
        ("state", "u1"),
    ],
)

CORRECTION = np.dtype(
    [
        ("slot", "i4"),
        ("ordinal", "i4"),
        ("log_offset", "i8"),
        ("received_at", "i8"),
        ("trace_high", "u8"),
        ("trace_low", "u8"),
        ("span_id", "u8"),
        ("tenant", "i4"),
        ("cause", "i4"),  # row of the batch
        ("reason", "u1"),
        ("discounted", "u1"),
        ("dropped", "u1"),
    ],
)


class Memory(NamedTuple):
    """The state of a partition, as its kernels see it."""

    rows: NDArray[Any]  # (window,) of ROW
    context: NDArray[np.int32]  # (window, 4) interned, 0 none: own, else inherited
    tables: NDArray[np.uint64]  # (4, capacity): tag << 32 | slot + 1, 0 empty
    counters: NDArray[np.int64]
    corrections: NDArray[Any]  # (window,) of CORRECTION: the batch's, the first counters[CORRECTIONS] of them
    corrected: NDArray[np.int32]  # (window, 4) interned, 0 unchanged
    seed: np.uint64  # of the tables' hash; decides where entries lie, never what is found


class Batch(NamedTuple):
    """One batch, as the kernels see it: what came in, and one entry a row of what became of it."""

    incoming: NDArray[Any]  # (n,) of ROW; only its first columns, to `usage`, `call` and STATE_DECISION are read
    context: NDArray[np.int32]  # (n, 4) in: own; out: own or inherited
    keep: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    dropped: NDArray[np.bool_]
    decided: NDArray[np.uint8]  # (n,) what became of a decision
    origin: NDArray[np.int32]  # (n,) row of the batch of its k-th kept span
    lost: NDArray[np.int32]  # (n,) calls that left the window without their parent when the row came


def new_memory(window: int, seed: int) -> Memory:
    """Return an empty memory of ``window`` spans (at least 1); pages are taken as they are touched.

    Its tables have room for few spans: see `with_room`.
    """
    return Memory(
        rows=np.zeros(window, ROW),
        context=np.zeros((window, len(CONTEXT_FIELDS)), np.int32),
        tables=np.zeros((4, capacity_of(0)), np.uint64),
        counters=np.zeros(4, np.int64),
        corrections=np.zeros(window, CORRECTION),
        corrected=np.zeros((window, len(CONTEXT_FIELDS)), np.int32),
        seed=np.uint64(seed | 1),
    )


def new_batch(incoming: NDArray[Any], context: NDArray[np.int32]) -> Batch:
    """Return a batch of ``incoming`` spans (ROW) with their own ``context`` (n, 4; changed in place)."""
    size = len(incoming)
    return Batch(
        incoming=incoming,
        context=context,
        keep=np.zeros(size, np.bool_),
        counted=np.zeros(size, np.bool_),
        dropped=np.zeros(size, np.bool_),
        decided=np.zeros(size, np.uint8),
        origin=np.zeros(size, np.int32),
        lost=np.zeros(size, np.int32),
    )
