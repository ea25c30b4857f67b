"""What a partition makes of rows behind its newest batch: the end of a batch to finish, or a refusal that says why."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from spanpulse_sinks.clickhouse import HalfWritten, WriteFailed
from spanpulse_stream.pipeline import PartitionSteps, Tools


@dataclass
class Known:
    """A writer that knows what the database has."""

    found: HalfWritten | None

    def half_written(self, _source: int, _first: int) -> HalfWritten | None:
        return self.found


def unfinished(found: HalfWritten | None, first: int, end: int | None, *, shared: bool = True) -> int | None:
    nothing: Any = None
    tools = Tools(nothing, cast(Any, Known(found)), nothing, lambda *_: None, 1, shared=shared)
    return PartitionSteps(3, tools).unfinished(first, end)


@pytest.mark.parametrize(
    ("found", "end", "expected"),
    [
        (None, None, None),
        (None, 20, None),
        (HalfWritten(11, 15, None, one_day=True), None, 15),
        (HalfWritten(11, 15, 17, one_day=True), None, 17),
        (HalfWritten(11, 15, None, one_day=True), 20, 15),
        (HalfWritten(11, 20, 20, one_day=True), 20, 20),
        (HalfWritten(4, 9, None, one_day=True), None, None),
    ],
)
def test_the_end_is_that_of_the_sums_or_of_the_rows(
    found: HalfWritten | None, end: int | None, expected: int | None
) -> None:
    assert unfinished(found, 10, end) == expected
    assert unfinished(found, 10, end, shared=False) is None


@pytest.mark.parametrize(
    ("found", "end", "told"),
    [
        (HalfWritten(11, 21, None, one_day=True), 20, "claim ends at 20.*offset of this partition to 10 "),
        (HalfWritten(11, 15, 17, one_day=True), 20, "claim ends at 20"),
        (HalfWritten(11, 20, 17, one_day=True), None, "not of one batch.*offset of this partition to 20;"),
        (HalfWritten(11, 20, None, one_day=False), None, "not of one batch"),
    ],
)
def test_what_cannot_be_one_batch_is_refused(found: HalfWritten, end: int | None, told: str) -> None:
    with pytest.raises(WriteFailed, match=f"source 3 has rows at offsets 11 to .*{told}"):
        unfinished(found, 10, end)
