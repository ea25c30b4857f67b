"""What goes at the cap on the disk, and in which order: only what helps."""

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse_sinks.clickhouse import DayOfTable
from spanpulse_stream.embedded import _limits
from spanpulse_stream.embedded._limits import DiskCap
from spanpulse_stream.observe import Health, Metrics

TODAY = datetime.now(UTC).date()
OLD = [TODAY - timedelta(days=back) for back in (2, 1)]


class Folder:
    """A folder by figures: bytes of the log that are processed and that wait, and of each day of each table."""

    def __init__(self, *, processed: int = 0, waiting: int = 0, ballast: int = 10, today: int = 10) -> None:
        self.processed, self.waiting, self.ballast = processed, waiting, ballast
        self.days = {("span_rows", day): 100 for day in OLD} | {("rollup_minute", day): 20 for day in OLD}
        self.days["span_rows", TODAY] = today

    def sizes(self) -> dict[str, int]:
        log = self.processed + self.waiting + self.ballast
        return {"log": log, "database": sum(self.days.values()), "prices": 0, "other": 0}

    def give_back(self, size: int) -> int:
        freed = min(size, self.processed)
        self.processed -= freed
        return freed

    def days_of(self, _bench: object, tables: tuple[str, ...]) -> list[DayOfTable]:
        found = sorted(self.days.items(), key=lambda item: item[0][1])
        return [DayOfTable(table, day, 1, size) for (table, day), size in found if table in tables]

    def remove_day(self, _bench: object, what: DayOfTable, _reason: str) -> None:
        del self.days[what.table, what.day]

    def left(self, table: str) -> list[date]:
        return sorted(day for name, day in self.days if name == table)


def reduced(folder: Folder, most: int, monkeypatch: pytest.MonkeyPatch) -> tuple[DiskCap, int]:
    monkeypatch.setattr(_limits, "workbench", lambda _database: nullcontext())
    monkeypatch.setattr(_limits, "days_of", folder.days_of)
    monkeypatch.setattr(_limits, "remove_day", folder.remove_day)
    monkeypatch.setattr(_limits, "purge_old_parts", lambda *_: 0)
    kept_long: Any = SimpleNamespace(days=lambda _table: 365)
    denied: list[str | None] = []
    log: Any = SimpleNamespace(
        give_back=folder.give_back,
        oldest_pending_ms=lambda *_: None,
        stats=lambda: SimpleNamespace(ballast_held=True),
        pending_bytes=lambda: folder.waiting,
        deny=denied.append,
        denied=denied,
    )
    settings: Any = SimpleNamespace(disk_max_bytes=most, partitions=1, ballast_bytes=folder.ballast)
    database = SimpleNamespace(config=SimpleNamespace(retention=kept_long))
    maintenance: Any = SimpleNamespace(database=database, busy=False)
    place: Any = folder
    context: Any = SimpleNamespace(database=database)
    cap = DiskCap(settings, place, log, maintenance, Metrics(), Health(lambda: 0.0))
    return cap, cap._reduce(context)


def test_the_log_goes_before_any_day(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(processed=1000)
    _, used = reduced(folder, 400, monkeypatch)
    assert (used, folder.left("span_rows")) == (380, [*OLD, TODAY])  # and a twentieth of the cap
    folder = Folder(processed=1000)
    _, used = reduced(folder, 200, monkeypatch)
    assert (folder.processed, used, folder.left("span_rows")) == (0, 160, [*OLD[1:], TODAY])
    assert folder.left("rollup_minute") == OLD


def test_nothing_goes_where_the_log_alone_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(processed=50, waiting=1000)
    cap, used = reduced(folder, 500, monkeypatch)
    assert (used, folder.processed) == (1260, 0)
    assert (folder.left("span_rows"), folder.left("rollup_minute")) == ([*OLD, TODAY], OLD)
    cap._refuse(used, 500)
    denied: Any = cap.log
    assert "wait to be processed" in denied.denied[-1]


def test_sums_go_only_where_that_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(today=500)
    _, used = reduced(folder, 400, monkeypatch)
    assert (used, folder.left("span_rows"), folder.left("rollup_minute")) == (550, [TODAY], OLD)
    folder = Folder(today=350)
    _, used = reduced(folder, 385, monkeypatch)
    assert (used, folder.left("span_rows"), folder.left("rollup_minute")) == (380, [TODAY], OLD[1:])
