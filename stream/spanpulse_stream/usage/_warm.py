"""Compile every kernel, or load it from numba's cache."""

import numpy as np
import pyarrow as pa

from spanpulse_stream.columns import Words
from spanpulse_stream.usage._digest import response_digests
from spanpulse_stream.usage._memory import CONTEXT_FIELDS, ROW, new_batch
from spanpulse_stream.usage._room import with_room
from spanpulse_stream.usage._state import PartitionState

__all__ = ["warm_up"]


def warm_up() -> None:
    """Make the first batch as fast as the next: kernels compile per argument types, so nearly empty batches do."""
    state = PartitionState(1)
    state.fold(new_batch(np.zeros(0, ROW), np.zeros((0, len(CONTEXT_FIELDS)), np.int32)))
    state.keep_logs(Words.absent(0), np.zeros((0, 2), np.uint64))
    with_room(np.zeros((1, 1), np.uint64), 1)
    response_digests(pa.array(["warm"]), np.zeros(1, np.uint64), np.zeros((1, 2), np.uint64))
