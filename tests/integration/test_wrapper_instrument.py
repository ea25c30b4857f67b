"""The one line in applications that do something unusual around it; each is a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wrapper_receiving import HttpReceiver

TESTS = Path(__file__).parents[1]
CHILD = TESTS / "wrapper_instrument_child.py"
ROOMS = os.pathsep.join(map(str, (TESTS.parent / "instrumentation", TESTS)))
AUTO = ("-c", "import sys; from spanpulse._auto import main; sys.exit(main())", sys.executable)
WITHIN_S = 60


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as running:
        yield running


def seen(name: str, *before: str, **variables: str) -> Any:
    """Run an application; return what it printed."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("SPANPULSE_", "OTEL_"))}
    said = subprocess.run(
        [sys.executable, *before, str(CHILD), name],
        env={**bare, "PYTHONPATH": ROOMS, "PYTHONDONTWRITEBYTECODE": "1", **variables},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=True,
    )
    assert "Overriding of current TracerProvider" not in said.stderr
    return json.loads(said.stdout)


def names(receiver: HttpReceiver) -> list[str]:
    """Return the names of spans that came."""
    return sorted(span.name for span in receiver.spans)


def test_a_provider_that_is_set_later_has_all_spans_from_then_on(receiver: HttpReceiver) -> None:
    """Also by tracers from before; spanpulse has them as well, for it was told where to send."""
    found = seen("late_provider", *AUTO, SPANPULSE_ENDPOINT=receiver.endpoint)
    assert found == {"early": "ada", "step": "ada", "late": "ada"}
    assert names(receiver) == ["before", "early", "late", "step"]


def test_a_provider_that_is_set_later_gets_no_exporter_that_nobody_asked_for(receiver: HttpReceiver) -> None:
    found = seen("late_provider", *AUTO, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    assert found == {"early": "ada", "step": "ada", "late": "ada"}
    assert names(receiver) == ["before"]


def test_what_ended_a_moment_before_it_is_taken_back_is_sent(receiver: HttpReceiver) -> None:
    seen("taken_back", SPANPULSE_ENDPOINT=receiver.endpoint)
    assert names(receiver) == [f"step {number}" for number in range(5)]


def test_a_child_that_instruments_itself_sends_all_before_it_leaves(receiver: HttpReceiver) -> None:
    seen("only_in_children", SPANPULSE_ENDPOINT=receiver.endpoint)
    assert names(receiver) == ["fork", "forkserver", "spawn"]


def test_a_flush_sends_scores_whatever_the_provider_is(receiver: HttpReceiver) -> None:
    assert seen("strange_provider", SPANPULSE_ENDPOINT=receiver.endpoint) == [False, 1]
    assert len(receiver.records) == 1


def test_the_end_does_not_wait_for_a_mask_that_does_not_come_back(receiver: HttpReceiver) -> None:
    took, dropped = seen("hanging_mask", SPANPULSE_ENDPOINT=receiver.endpoint)
    assert took < 10
    assert dropped == {"shutdown": 1}, "the span that came behind; the other one is in the mask's hands"


def test_an_instance_that_has_a_name_keeps_it(receiver: HttpReceiver) -> None:
    more = {"SPANPULSE_ENDPOINT": receiver.endpoint}
    assert seen("instance", OTEL_RESOURCE_ATTRIBUTES="service.instance.id=pod-7", **more) == "pod-7"
    assert seen("instance", **more) != seen("instance", **more)
