"""Operations of maintenance on a database that the steps wrote, in its own process: no log, nothing that arrives."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pipeline_running import SOURCE, Processed
from spanpulse_sinks.clickhouse import workbench
from spanpulse_stream.maintenance import Context
from spanpulse_stream.maintenance._rebuild_days import committed_ends

ALL = {"from": "1970-01-01"}


@dataclass
class StillLog:
    """Of a log what operations ask: everything is processed, nothing was counted, all of it is there."""

    end: int

    def source(self, _topic: str, _partition: int) -> int:
        return SOURCE

    def committed(self, _topic: str, _partition: int) -> int:
        return self.end

    def claimed(self, _topic: str, _partition: int) -> None:
        return None

    def oldest_pending_ms(self, _topic: str, _partition: int) -> None:
        return None

    def first_offset(self, _topic: str, _partition: int) -> int:
        return 0

    def accepted(self, _since: int, _until: int) -> dict[tuple[int, str, str], int]:
        return {}


def context_of(folder: Path, processed: Processed, prices: Path | None = None, floor: int = 0) -> Context:
    """Return what operations are given; ``prices`` is the operator's file, ``floor`` what the disk keeps free."""
    settings: Any = SimpleNamespace(partitions=1, prices=prices, disk_floor_bytes=floor)
    log: Any = StillLog(_ends(processed).get(SOURCE, 0))

    @contextmanager
    def held() -> Iterator[Mapping[int, int]]:
        yield _ends(processed)

    return Context(settings, folder, log, processed.database, processed.books, held, held)


def _ends(processed: Processed) -> dict[int, int]:
    with workbench(processed.database) as bench:
        return committed_ends(bench)
