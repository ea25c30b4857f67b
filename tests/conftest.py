"""Fixtures that tests of several rooms share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from logs import opened
from otlp.log import GatedLog


@pytest.fixture
def log(tmp_path: Path) -> Iterator[GatedLog]:
    """Give a receiver's log: a local one behind a gate."""
    with opened(tmp_path / "log", partitions=16, max_bytes=1 << 30) as local:
        yield GatedLog(local)
