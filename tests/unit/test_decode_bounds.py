"""The kernels with every load checked, in a process of its own: numba reads the setting at import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import random
from oracle import assert_equal, corpus_bodies, mutate
from spanpulse_stream.jit import kernel
from spanpulse_stream.decode._memory import PADDING, Buffer, byte_at, word_at
import numpy as np

memory = np.zeros(4 + PADDING, np.uint8)
buffer = Buffer.of(memory)
assert byte_at(buffer, 3) == 0
assert word_at(buffer, 4) == 0
for load, pos in ((byte_at, 4), (byte_at, -1), (word_at, 5), (word_at, -1)):
    try:
        load(buffer, pos)
    except IndexError:
        continue
    raise SystemExit(f"{load} at {pos} was not refused")

rejected = 0
for signal in ("traces", "logs"):
    bodies = [body for _, body in corpus_bodies(signal)]
    assert assert_equal(bodies, signal) == 0
    for seed in range(400):
        rng = random.Random(seed)
        rejected += assert_equal([mutate(rng.choice(bodies[:40]), rng, 3)], signal)
print("rejected", rejected)
"""


@pytest.mark.slow
def test_no_kernel_reads_outside_of_its_buffer() -> None:
    tests = Path(__file__).parent.parent
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": str(tests)}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=250, check=False
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[1]) > 100
