"""The note of a repair: written before rows come back, read by the next start, gone at the end."""

from datetime import date
from pathlib import Path

import pytest

from spanpulse_sinks.clickhouse import DamagedNote
from spanpulse_sinks.clickhouse._unfinished import Unfinished

DAY, OTHER = date(2026, 11, 20), date(2026, 11, 21)


def test_what_is_owed_is_read_back_until_it_is_paid(tmp_path: Path) -> None:
    path = tmp_path / "note"
    owed = Unfinished.read(path)
    assert (owed.rows, owed.batches) == (set(), set())
    for table, day in (("seen", DAY), ("span_rows", DAY), ("scores", OTHER), ("batches", OTHER)):
        owed.note(table, day)
    found = Unfinished.read(path)
    assert (found.rows, found.batches) == ({DAY, OTHER}, {OTHER})
    found.end()
    assert not path.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"rows": ["x"], "batches": []}', '{"rows": [1], "batches": []}']
)
def test_another_file_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "note"
    path.write_text(text)
    with pytest.raises(DamagedNote, match=r"note is damaged: remove it, start again and run `spanpulse audit`"):
        Unfinished.read(path)
