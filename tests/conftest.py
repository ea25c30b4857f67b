"""Fixtures that tests of several rooms share, and how Hypothesis is set for all of them.

How long an example takes says nothing: the first one may compile kernels, and the machine is shared.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from kafka_running import Kafka
from logs import opened
from ordering import ordered
from otlp.log import GatedLog
from providers.server import Providers
from requirements import need_java

settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the kernels before several workers would each do so."""
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        warm_up = "from spanpulse_stream.process import warm_up; warm_up()"
        subprocess.run([sys.executable, "-c", warm_up], check=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files into the order of ordering.py; their own tests stay as they are."""
    places = {file: place for place, file in enumerate(ordered(list({item.path for item in items})))}
    items.sort(key=lambda item: places[item.path])


def pytest_collection_finish() -> None:
    """End a run in which a module that tests import has instrumented this process: all clients would be watched."""
    instrumenting = sys.modules.get("spanpulse._instrument")
    if instrumenting is not None and instrumenting._undo:
        raise pytest.UsageError("a module that tests import calls spanpulse.instrument(); a process of its own has to")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[GatedLog]:
    """Give a receiver's log: a local one behind a gate."""
    with opened(tmp_path / "log", partitions=16, max_bytes=1 << 30) as local:
        yield GatedLog(local)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Give one broker for all tests of this process. Who kills it starts it again; topics are made per test."""
    need_java()
    with Kafka.start(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="module")
def providers() -> Iterator[Providers]:
    """Imitate the providers of models."""
    with Providers() as running:
        yield running
