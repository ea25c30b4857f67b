"""Metrics of the pipeline: what each written batch says of itself."""

import time
from collections import Counter
from collections.abc import Callable

from spanpulse_sinks.clickhouse import WriteReport
from spanpulse_stream.observe import Metrics, catalog
from spanpulse_stream.pipeline import Computed

__all__ = ["Recorder"]

OUTCOMES = ("stored", "duplicate", "filtered", "dead_lettered")


class Recorder:
    """Counts written batches; ``clock`` is ns since the epoch. Safe to use from threads."""

    def __init__(self, metrics: Metrics, clock: Callable[[], int] = time.time_ns) -> None:
        self._metrics = metrics
        self._clock = clock

    def written(self, computed: Computed, report: WriteReport) -> None:
        """Count a batch that has just been written."""
        metrics, task = self._metrics, computed.task
        metrics.add(catalog.PIPELINE_BATCHES)
        metrics.observe(catalog.PIPELINE_BATCH_RECORDS, task.tally.total("accepted"))
        age = self._clock() / 1e9 - task.messages[0].appended_at / 1e3
        metrics.observe(catalog.PIPELINE_COMMIT_AGE, max(0.0, age))
        for signal in ("traces", "logs"):
            for outcome in OUTCOMES:
                metrics.add(catalog.PIPELINE_RECORDS, task.tally.total(outcome, signal), signal, outcome)
        metrics.add(catalog.PIPELINE_UNJOINED, task.tally.total("unjoined"))
        metrics.add(catalog.PIPELINE_CORRECTIONS, task.tally.total("updates"))
        for outcome, count in task.decisions.items():
            metrics.add(catalog.PIPELINE_DECISIONS, count, outcome)
        for reason, count in Counter(letter.reason for letter in computed.rejected).items():
            metrics.add(catalog.PIPELINE_DEAD_LETTERS, count, reason)
        for stage, seconds in task.stages.seconds.items():
            metrics.add(catalog.PIPELINE_STAGE_SECONDS, seconds, stage)
        metrics.add(catalog.PRICE_UNPRICED, sum(requests for _, _, requests in task.unpriced))
        self._write(report)

    def _write(self, report: WriteReport) -> None:
        metrics = self._metrics
        metrics.observe(catalog.WRITER_SECONDS, report.seconds)
        metrics.add(catalog.WRITER_RETRIES, report.attempts - 1)
        for table in report.inserted:
            metrics.add(catalog.WRITER_INSERTS, 1, table)
        for table in report.found:
            metrics.add(catalog.WRITER_FOUND, 1, table)
        for mismatch in report.mismatches:
            metrics.add(catalog.WRITER_MISMATCHES, 1, mismatch.table)
