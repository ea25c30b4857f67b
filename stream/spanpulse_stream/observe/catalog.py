"""Every metric of spanpulse, in one list. A metric that is not here does not exist.

Units are base units (seconds, bytes, USD). Every label has few values; `Metrics` bounds them all the same.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["METRICS", "Kind", "Metric"]


class Kind(Enum):
    """How a metric behaves."""

    COUNTER = "counter"  # only grows
    GAUGE = "gauge"  # goes up and down
    HISTOGRAM = "histogram"  # counts observations in buckets


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric; ``name`` without the ``_total`` that counters get."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    unit: str
    help: str
    buckets: tuple[float, ...] = ()


LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
AGE = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0, 300.0)
RECORDS = (1.0, 10.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0)

_found: list[Metric] = []


def _metric(
    kind: Kind,
    name: str,
    labels: tuple[str, ...],
    unit: str,
    text: str,
    buckets: tuple[float, ...] = (),
) -> Metric:
    metric = Metric(f"spanpulse_{name}", kind, labels, unit, text, buckets)
    _found.append(metric)
    return metric


# -- receiver -----------------------------------------------------------------------------------------------------
RECEIVER_REQUESTS: Final = _metric(
    Kind.COUNTER, "receiver_requests", ("signal", "code"), "requests", "OTLP requests answered, by HTTP status"
)
RECEIVER_ABORTED: Final = _metric(
    Kind.COUNTER, "receiver_aborted", ("signal",), "requests", "Requests whose sender went away before the body's end"
)
RECEIVER_RECORDS: Final = _metric(
    Kind.COUNTER,
    "receiver_records",
    ("signal", "outcome"),
    "records",
    "Spans and log records: accepted (durable in the log), refused (429 or 503), "
    "rejected (accepted, but unreadable: they become dead letters), too_large (for the log: said, and not kept)",
)
RECEIVER_OVER_QUOTA: Final = _metric(
    Kind.COUNTER, "receiver_over_quota", ("tenant", "quota"), "requests", "Requests refused (429) over a quota"
)
KEYS_VERSION: Final = _metric(
    Kind.GAUGE,
    "keys_version",
    (),
    "ms",
    "Version of the shared API keys that a gateway goes by, ms since 1970; 0: those of its settings",
)
KEYS_AGE: Final = _metric(
    Kind.GAUGE, "keys_age_seconds", (), "seconds", "Time since a gateway read shared API keys that it can use"
)
KEYS_LOOKS: Final = _metric(
    Kind.COUNTER,
    "keys_looks",
    ("outcome",),
    "looks",
    "Looks for shared API keys: changed, same, failed (no answer), unreadable (a row that cannot be used)",
)
IMPORT_CHUNKS: Final = _metric(
    Kind.COUNTER, "import_chunks", (), "chunks", "Chunks of imported files that were appended"
)
IMPORT_BYTES: Final = _metric(Kind.COUNTER, "import_bytes", (), "bytes", "Bytes of OTLP in chunks that were appended")
RECEIVER_BYTES: Final = _metric(
    Kind.COUNTER,
    "receiver_bytes",
    ("signal", "form"),
    "bytes",
    "Request bodies: sent, and decompressed (of accepted ones)",
)
RECEIVER_SECONDS: Final = _metric(
    Kind.HISTOGRAM,
    "receiver_request_seconds",
    ("signal",),
    "seconds",
    "From a request's header to its answer, the durable append included",
    LATENCY,
)
RECEIVER_IN_FLIGHT: Final = _metric(
    Kind.GAUGE, "receiver_in_flight_requests", (), "requests", "Requests being received"
)
RECEIVER_IN_FLIGHT_BYTES: Final = _metric(
    Kind.GAUGE, "receiver_in_flight_bytes", (), "bytes", "Bytes that requests being received hold"
)

# -- log ----------------------------------------------------------------------------------------------------------
LOG_LAG: Final = _metric(
    Kind.GAUGE, "log_lag_records", ("partition",), "records", "Records appended and not yet committed"
)
LOG_PENDING_BYTES: Final = _metric(Kind.GAUGE, "log_pending_bytes", (), "bytes", "Bytes appended and not yet committed")
LOG_PENDING_AGE: Final = _metric(
    Kind.GAUGE, "log_oldest_pending_seconds", (), "seconds", "Age of the oldest message that is not yet committed"
)
LOG_COMMITS: Final = _metric(
    Kind.COUNTER, "log_commits", (), "commits", "Durable commits of the local log; small requests share one"
)

# -- Kafka, as the gateway writes it ------------------------------------------------------------------------------
KAFKA_PRODUCED_MESSAGES: Final = _metric(
    Kind.COUNTER,
    "kafka_produced_messages",
    (),
    "messages",
    "Messages that Kafka acknowledged; each may hold many exports",
)
KAFKA_PRODUCED_BYTES: Final = _metric(
    Kind.COUNTER, "kafka_produced_bytes", (), "bytes", "Bytes of those messages before compression"
)
KAFKA_PRODUCE_ERRORS: Final = _metric(
    Kind.COUNTER, "kafka_produce_errors", ("error",), "batches", "Batches that Kafka refused, or that were given up"
)
KAFKA_ACKNOWLEDGE_SECONDS: Final = _metric(
    Kind.HISTOGRAM,
    "kafka_acknowledge_seconds",
    (),
    "seconds",
    "From giving a batch to the producer to its acknowledgement",
    LATENCY,
)
KAFKA_HELD_BYTES: Final = _metric(
    Kind.GAUGE, "kafka_held_bytes", (), "bytes", "Bytes held for Kafka: waiting and under way"
)

# -- workers of a cluster ------------------------------------------------------------------------------------------
KAFKA_LAG: Final = _metric(
    Kind.GAUGE, "kafka_lag_messages", ("topic", "partition"), "messages", "Messages in Kafka and not yet committed"
)
KAFKA_PARTITIONS: Final = _metric(Kind.GAUGE, "kafka_partitions", (), "partitions", "Partitions that this worker has")
KAFKA_LOST: Final = _metric(
    Kind.COUNTER,
    "kafka_lost_messages",
    ("topic",),
    "messages",
    "Offsets that Kafka deleted before this worker had read and committed them: its retention is too short",
)
PIPELINE_SKIPPED: Final = _metric(
    Kind.COUNTER,
    "pipeline_skipped_messages",
    ("topic",),
    "messages",
    "Messages left out because the database had them, though they were not committed",
)

# -- what workers tell others, and who watches ---------------------------------------------------------------------
PUBLISHED_MESSAGES: Final = _metric(
    Kind.COUNTER, "published_messages", ("topic",), "messages", "Messages that Kafka has: deltas and dead letters"
)
PUBLISHED_BYTES: Final = _metric(
    Kind.COUNTER, "published_bytes", ("topic",), "bytes", "Bytes of those messages before compression"
)
PUBLISH_SECONDS: Final = _metric(
    Kind.HISTOGRAM,
    "publish_seconds",
    (),
    "seconds",
    "Publishing one batch between its write and its commit, repetitions included",
    LATENCY,
)
PUBLISH_RETRIES: Final = _metric(
    Kind.COUNTER, "publish_retries", (), "attempts", "Attempts to publish that failed and were repeated"
)
WATCH_DELTAS: Final = _metric(
    Kind.COUNTER,
    "watch_deltas",
    ("outcome",),
    "messages",
    "Deltas by what became of them: taken, seen (they came again, and were left out), unreadable",
)
WATCH_REQUESTS: Final = _metric(
    Kind.GAUGE, "watch_requests", (), "requests", "Counted calls in the minutes that this process watches"
)
WATCH_SPANS: Final = _metric(Kind.GAUGE, "watch_spans", (), "spans", "Spans in the minutes that this process watches")

# -- what partitions do not see alone ------------------------------------------------------------------------------
RECONCILE_SPANS: Final = _metric(
    Kind.COUNTER, "reconcile_spans", (), "spans", "Stored spans that were held against those of all partitions"
)
RECONCILE_DECISIONS: Final = _metric(
    Kind.COUNTER,
    "reconcile_decisions",
    ("reason",),
    "decisions",
    "Decisions that were sent to partitions, by reason: duplicate, context, response_id and the others of span_updates",
)
RECONCILE_REFUSED: Final = _metric(
    Kind.COUNTER,
    "reconcile_refused",
    ("reason",),
    "decisions",
    "Decisions that were not sent: away (Kafka did not answer), refused (it does not take them), unspeakable",
)
RECONCILE_SECONDS: Final = _metric(
    Kind.HISTOGRAM, "reconcile_seconds", (), "seconds", "One look at what was stored, and sending what follows", LATENCY
)
RECONCILE_BEHIND: Final = _metric(
    Kind.GAUGE,
    "reconcile_behind_seconds",
    (),
    "seconds",
    "How long ago the oldest stored batch was received that the reconciler has not read; 0: it has read all",
)

# -- pipeline -----------------------------------------------------------------------------------------------------
PIPELINE_BATCHES: Final = _metric(Kind.COUNTER, "pipeline_batches", (), "batches", "Batches written and committed")
PIPELINE_RECORDS: Final = _metric(
    Kind.COUNTER,
    "pipeline_records",
    ("signal", "outcome"),
    "records",
    "Records by what became of them: stored, duplicate, filtered, dead_lettered",
)
PIPELINE_DEAD_LETTERS: Final = _metric(
    Kind.COUNTER, "pipeline_dead_letters", ("reason",), "records", "Dead letters by reason"
)
PIPELINE_UNJOINED: Final = _metric(
    Kind.COUNTER, "pipeline_unjoined", (), "records", "Texts and usage that came too late to be joined"
)
PIPELINE_CORRECTIONS: Final = _metric(
    Kind.COUNTER, "pipeline_corrections", (), "spans", "Stored spans that a later batch corrected"
)
PIPELINE_DECISIONS: Final = _metric(
    Kind.COUNTER,
    "pipeline_decisions",
    ("outcome",),
    "decisions",
    "Decisions about stored spans that were read: taken (what they say holds), ignored (there is no such span)",
)
PIPELINE_STAGE_SECONDS: Final = _metric(
    Kind.COUNTER, "pipeline_stage_cpu_seconds", ("stage",), "seconds", "CPU time of each stage"
)
PIPELINE_BATCH_RECORDS: Final = _metric(
    Kind.HISTOGRAM, "pipeline_batch_records", (), "records", "Records of a batch", RECORDS
)
PIPELINE_COMMIT_AGE: Final = _metric(
    Kind.HISTOGRAM,
    "pipeline_commit_age_seconds",
    (),
    "seconds",
    "From a batch's oldest append to its commit: how long data took to become visible",
    AGE,
)
PIPELINE_RESTARTS: Final = _metric(
    Kind.COUNTER, "pipeline_restarts", (), "restarts", "Restarts of the processors after a failure"
)

# -- prices -------------------------------------------------------------------------------------------------------
PRICE_UNPRICED: Final = _metric(
    Kind.COUNTER, "price_unpriced_requests", (), "requests", "Counted requests of models without a known price"
)

# -- writer -------------------------------------------------------------------------------------------------------
WRITER_INSERTS: Final = _metric(Kind.COUNTER, "writer_inserts", ("table",), "inserts", "Inserts that succeeded")
WRITER_SECONDS: Final = _metric(
    Kind.HISTOGRAM, "writer_batch_seconds", (), "seconds", "Writing one batch to all tables, retries included", LATENCY
)
WRITER_RETRIES: Final = _metric(
    Kind.COUNTER, "writer_retries", (), "attempts", "Attempts to write a batch after one that failed"
)
WRITER_FOUND: Final = _metric(
    Kind.COUNTER, "writer_found", ("table",), "inserts", "Inserts left out: an earlier attempt had written the rows"
)
WRITER_MISMATCHES: Final = _metric(
    Kind.COUNTER, "writer_mismatches", ("table",), "checks", "Read-backs that found another content than expected"
)

# -- process ------------------------------------------------------------------------------------------------------
DISK_FREE: Final = _metric(
    Kind.GAUGE, "disk_free_bytes", (), "bytes", "Free bytes of the file system that holds the data folder"
)
DISK_USED: Final = _metric(
    Kind.GAUGE, "disk_used_bytes", (), "bytes", "Bytes that the data folder takes, where disk_max_bytes caps it"
)
DISK_REMOVED_DAYS: Final = _metric(
    Kind.COUNTER, "disk_removed_days", ("table",), "days", "Received days removed because of disk_max_bytes"
)
DISK_REMOVED_BYTES: Final = _metric(
    Kind.COUNTER, "disk_removed_bytes", (), "bytes", "Bytes of the days removed because of disk_max_bytes"
)
READY: Final = _metric(Kind.GAUGE, "ready", (), "bool", "1 if /readyz answers 200")
NOT_READY: Final = _metric(Kind.GAUGE, "not_ready", ("reason",), "bool", "1 for each reason for which /readyz is bad")
LOOP_LAG: Final = _metric(
    Kind.GAUGE, "event_loop_lag_seconds", (), "seconds", "How late the event loop ran the newest timer"
)
INFO: Final = _metric(Kind.GAUGE, "build_info", ("version",), "bool", "Always 1; the version that runs")
LABELS_LIMITED: Final = _metric(
    Kind.COUNTER,
    "metrics_labels_limited",
    ("metric",),
    "updates",
    "Updates counted under `other`: too many values",
)

METRICS: Final[tuple[Metric, ...]] = tuple(_found)
