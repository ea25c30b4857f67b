"""What an erasure finds, and what it leaves alone: odd ids, broken spans, the leftovers of a count that was killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import erasing
from otlp.requests import attributes, resource_spans, traces
from sinks_inside import Inside, a_process

ALICE, BOB = "alice-4711@example.org", "bob-0815@example.org"
USERS = {"users": "SELECT arrayStringConcat(arraySort(groupUniqArray(user_id)), ' ') AS users FROM spans"}
IN_SUMS = {"sums": "SELECT arrayStringConcat(arraySort(groupUniqArray(user_id)), ' ') AS users FROM rollup_user"}


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


def call(trace: int, number: int = 1, **told: str | int) -> Span:
    usage: dict[str, str | int] = {"gen_ai__usage__input_tokens": 100, "gen_ai__operation__name": "chat"}
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=(trace % 1000 * 100 + number).to_bytes(8, "big"),
        name="chat",
        start_time_unix_nano=1_795_000_000_000_000_000,
        end_time_unix_nano=1_795_000_001_000_000_000,
        attributes=attributes({name.replace("__", "."): value for name, value in (usage | told).items()}),
    )


def spans(*found: Span) -> tuple[str, bytes]:
    return "traces", traces(resource_spans({"service.name": "shop"}, list(found)))


def test_a_list_that_a_killed_count_left_erases_nobody_else(inside: Inside, tmp_path: Path) -> None:
    messages = [spans(call(1, user__id=ALICE)), spans(call(2, user__id=BOB))]
    found = inside(erasing.erased_after_a_killed_count, tmp_path, messages, BOB, ALICE, USERS | IN_SUMS)
    assert found == [{"users": BOB, "sums": BOB}] * 2
