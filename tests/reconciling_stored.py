"""Real exports spread over several log sources of a real database, reconciled, for the process that owns it.

What a reconciler decides is appended to the log of the source that it is about, as in a cluster, and written by that
source's own steps.
"""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline_running import START_MS, Found, Processed, messages, rolled
from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import BatchWriter, EmbeddedDatabase
from spanpulse_stream.decisions import SIGNAL, Decisions, Finding, Reconciler
from spanpulse_stream.pipeline import Incoming, PartitionSteps, Tools

SOURCES = (7, 8, 9)
WINDOW = 50_000
REACH_S = 3600.0
ROLLUPS = ("rollup_minute", "rollup_quarter", "rollup_experiment", "rollup_user", "rollup_service")
SPANS = (
    *("tenant", "trace_id", "span_id", "counted", "user_id", "session_id", "prompt_name", "prompt_version"),
    *("input_tokens", "output_tokens", "cost", "service_name", "kind"),
)


class Spread(Processed):
    """Several log sources; each message goes to one of them, as the next of its log."""

    def __init__(self, folder: Path, database: EmbeddedDatabase) -> None:
        super().__init__(folder, database, WINDOW)
        self.ends = dict.fromkeys(SOURCES, 0)
        self.all = {source: self._steps(source) for source in SOURCES}
        self.clock = 0.0
        self.reconciler = self.anew()

    def _steps(self, source: int) -> PartitionSteps:
        return PartitionSteps(source, Tools(self.database, BatchWriter(self.database), self.books, lambda *_: None, 1))

    def anew(self) -> Reconciler:
        """Return a reconciler that knows nothing yet."""
        now = START_MS / 1000 + 600
        return Reconciler(self.database, WINDOW, REACH_S, now=lambda: now, clock=lambda: self.clock)

    def take(self, source: int, batch: list[Incoming]) -> None:
        """Append messages to a source's log, and write them as one batch."""
        first = self.ends[source]
        numbered = [replace(message, offset=first + row) for row, message in enumerate(batch)]
        self.ends[source] += len(batch)
        steps = self.all[source]
        steps.write(steps.compute(numbered, self.versions))

    def look(self) -> list[Finding]:
        """Look, some minutes after the last time."""
        self.clock += 1_000
        return self.reconciler.look(SOURCES).findings

    def apply(self, findings: list[Finding], at: int) -> None:
        """Write what was decided, as a batch of each source."""
        for source in SOURCES:
            mine = [each.decision for each in findings if each.log_source == source]
            parts = [mine[start : start + 250] for start in range(0, len(mine), 250)]
            values = [Decisions(source, tuple(part)).encode("otlp_proto") for part in parts]
            if values:
                self.take(source, [Incoming(0, at, "default", SIGNAL, 0, value) for value in values])

    def outcome(self) -> Found:
        """Return what must be as if one source had got everything."""
        content = f"SELECT toString(sum(cityHash64({', '.join(SPANS)}))) AS content, count() AS n FROM spans"
        return {"spans": self.read(content), **{table: rolled(self, table) for table in ROLLUPS}}


def spread(folder: Path, seed: int) -> tuple[Found, Found, dict[str, Any]]:
    """Write a log to one source, and to three with copies; return both outcomes, and what happened with three."""
    rng = random.Random(seed)
    log = [each for each in messages(seed) if each.signal == "traces"]
    with EmbeddedDatabase.open(folder / "one", CONFIG) as database:
        one = Spread(folder / "one", database)
        for start in range(0, len(log), 20):
            one.take(SOURCES[0], log[start : start + 20])
        alone = [len(one.look())]
        expected = one.outcome()
    with EmbeddedDatabase.open(folder / "three", CONFIG) as database:
        three = Spread(folder / "three", database)
        told: dict[str, Any] = {"alone": alone, "first": 0, "again": 0}
        for start in range(0, len(log), 20):
            for source in rng.sample(SOURCES, len(SOURCES)):
                # Each goes to its source, and some to another one as well.
                mine = [
                    each
                    for each in log[start : start + 20]
                    if source in (SOURCES[each.offset % 3], SOURCES[(each.offset * 7 + 1) % 5 % 3])
                ]
                if mine:
                    three.take(source, mine)
            if rng.random() < 0.4:
                found = three.look()
                told["first"] += len(found)
                three.apply(found, log[start].appended_at)
            if rng.random() < 0.3:
                three.reconciler = three.anew()
        at = log[-1].appended_at
        for _ in range(3):
            three.apply(three.look(), at)
        three.reconciler = three.anew()
        told["again"] = len(three.look())
        told["dropped"] = three.read("SELECT countIf(dropped) AS n FROM span_updates")[0]["n"]
        told["written"] = three.read("SELECT count() AS n FROM span_rows")[0]["n"]
        return expected, three.outcome(), told
