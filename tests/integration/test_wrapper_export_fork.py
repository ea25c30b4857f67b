"""Processes that fork while they export: parent and children send their own spans, each once."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from wrapper_receiving import RECEIVERS

CHILD = Path(__file__).parents[1] / "wrapper_export_child.py"
ROOM = Path(__file__).parents[2] / "instrumentation"
CHILDREN = 8


@pytest.mark.parametrize("kind", RECEIVERS, ids=lambda kind: kind.name)
def test_children_send_their_own_spans_and_no_span_is_sent_twice(kind):
    with kind() as receiver:
        command = [sys.executable, str(CHILD), receiver.name, receiver.endpoint, str(CHILDREN)]
        environ = {**os.environ, "PYTHONPATH": str(ROOM)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environ)
        assert done.returncode == 0, done.stderr[-3000:]
        assert Counter(span.name for span in receiver.spans) == Counter(
            f"{who} {number}" for who in ("parent", "child") for number in range(CHILDREN)
        )
