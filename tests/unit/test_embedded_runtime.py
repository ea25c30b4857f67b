"""Free memory goes back to the system although what is around it stays in use."""

import ctypes

import psutil
import pytest

from spanpulse_stream.process import give_back_memory

BLOCKS = 4_000
BLOCK = 32 * 1024  # below what the C library takes from the system one by one


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library has no malloc_trim")
def test_holes_between_blocks_in_use_go_back_to_the_system() -> None:
    process = psutil.Process()
    blocks = [bytearray(BLOCK) for _ in range(BLOCKS)]
    del blocks[::2]
    full = process.memory_info().rss
    give_back_memory()
    assert full - process.memory_info().rss > BLOCKS * BLOCK // 4
    assert len(blocks) == BLOCKS // 2  # they were there all the time
