"""What the embedded engine is told: sizes, retention, and the settings behind the promises of a write.

Every setting here is a measured choice or closes a loss found by experiment; docs/schema.md says which.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

__all__ = [
    "DATABASE",
    "GUEST_SETTINGS",
    "OLD_PARTS_LIFETIME_S",
    "ONE_PART",
    "READ_SETTINGS",
    "WRITE_SETTINGS",
    "EmbeddedConfig",
    "QueryLimits",
    "Retention",
]

DATABASE = "spanpulse"
MIB = 1024 * 1024
OLD_PARTS_LIFETIME_S = 480  # that the sources of a merge are kept

# One insert is one part, here and on a server: one partition, and no cut before 1 GiB or a million rows.
ONE_PART: Mapping[str, int | str] = {
    "async_insert": 0,
    "max_partitions_per_insert_block": 1,
    "throw_on_max_partitions_per_insert_block": 1,
    "max_insert_threads": 1,
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 1024 * MIB,
    "optimize_on_insert": 0,  # batches are grouped already, and their parts keep level 0
    "input_format_null_as_default": 0,
    "input_format_defaults_for_omitted_fields": 0,  # no column has a DEFAULT; a tenth of a small insert
    "session_timezone": "UTC",
}

# Session of the writer.
WRITE_SETTINGS: Mapping[str, int | str] = {
    **ONE_PART,
    "max_threads": 2,
    # the default halves the threads below 2 GiB of free memory, which this engine never has
    "max_threads_min_free_memory_per_thread": 0,
}

# Sessions of readers. They cannot write, and cannot leave that mode.
READ_SETTINGS: Mapping[str, int | str] = {
    "session_timezone": "UTC",
    "max_threads": 2,
    "max_threads_min_free_memory_per_thread": 0,
    "timeout_overflow_mode": "throw",
    "result_overflow_mode": "throw",
    "output_format_json_validate_utf8": 1,  # the bytes of dead letters are seldom UTF-8, and JSON must be
    # a table function that asks another machine gives up soon: such a wait cannot be cancelled
    "http_max_tries": 1,
    "http_connection_timeout": 1,
    "http_receive_timeout": 10,
    "http_send_timeout": 10,
    "max_query_size": 16 * MIB,  # long lists of ids; the text is quoted once more when it is checked
    "readonly": 2,
}

# Sessions of guests. They cannot write, change a setting or reach anything but the database: no file, no address.
GUEST_SETTINGS: Mapping[str, int | str] = {**READ_SETTINGS, "readonly": 1}


@dataclass(frozen=True, slots=True)
class Retention:
    """Days after receipt that each kind of row is kept. `seen` is trimmed by offset, never by age."""

    spans: int = 30
    rollups: int = 400
    dead_letters: int = 90

    def days(self, table: str) -> int:
        """Return the days that rows of ``table`` are kept."""
        if table == "dead_letters":
            return self.dead_letters
        return self.rollups if table.startswith("rollup_") or table == "batches" else self.spans


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Bounds of one query: seconds, rows and bytes of its result, bytes of memory. 0 rows means no limit of rows."""

    seconds: float = 30.0
    rows: int = 1_000_000
    result_bytes: int = 256 * MIB
    memory_bytes: int = 256 * MIB

    def settings(self) -> dict[str, int | float]:
        """Return them as session settings."""
        return {
            "max_execution_time": self.seconds,
            "max_result_rows": self.rows,
            "max_result_bytes": self.result_bytes,
            "max_memory_usage": self.memory_bytes,
        }


@dataclass(frozen=True, slots=True)
class EmbeddedConfig:
    """Sizes in bytes. The process takes about 300 MB more than ``memory_bytes``.

    A merge of at least ``zstd_from_bytes`` is compressed by ZSTD(1), a smaller one and an insert by LZ4.

    ``readers`` is the number of the program's own sessions, ``guests`` that of sessions for people's queries; what
    the limits allow to all guests together leaves memory for the rest.
    """

    memory_bytes: int = 700 * MIB
    mark_cache_bytes: int = 64 * MIB
    readers: int = 3
    guests: int = 2
    free_bytes_to_insert: int = 256 * MIB
    zstd_from_bytes: int = 16 * MIB
    limits: QueryLimits = field(default_factory=QueryLimits)
    retention: Retention = field(default_factory=Retention)
    database: ClassVar[str] = DATABASE

    def engine_options(self) -> dict[str, int]:
        """Return the server settings; every client of the process must be opened with the same."""
        return {
            "max_server_memory_usage": self.memory_bytes,
            "mark_cache_size": self.mark_cache_bytes,
            "index_mark_cache_size": self.mark_cache_bytes // 4,
            "primary_index_cache_size": self.mark_cache_bytes // 4,
            "query_condition_cache_size": self.mark_cache_bytes // 4,
            "uncompressed_cache_size": 0,
            "background_pool_size": 1,
            "background_merges_mutations_concurrency_ratio": 1,
            "background_schedule_pool_size": 4,
        }

    def engine_file(self) -> str:
        """Return the engine's configuration file: what compresses a part, by the bytes that are merged into it.

        While data keep coming a row is soon written again by a merge, and what its insert spent on zstd is lost.
        LZ4 is the engine's own default, for whatever fits no case.
        """
        case = f"<min_part_size>{self.zstd_from_bytes}</min_part_size><min_part_size_ratio>0</min_part_size_ratio>"
        return f"<clickhouse><compression><case>{case}<method>zstd</method></case></compression></clickhouse>\n"

    def table_settings(self) -> str:
        """Return the MergeTree settings that stand for {settings}."""
        settings: dict[str, int | str] = {
            # durable once an insert returns; no token can hide a repeated insert (a check of the content does)
            "fsync_after_insert": 1,
            "fsync_part_directory": 1,
            "non_replicated_deduplication_window": 0,
            # a broken merged part is restored from its sources, and a database with broken parts still opens
            "old_parts_lifetime": OLD_PARTS_LIFETIME_S,
            "max_suspicious_broken_parts": 1_000_000,
            "max_suspicious_broken_parts_bytes": 1 << 50,
            "min_free_disk_bytes_to_perform_insert": self.free_bytes_to_insert,
            # whole days go, and a change of retention rewrites nothing
            "ttl_only_drop_parts": 1,
            "materialize_ttl_recalculate_only": 1,
            # merges: ten parts into one, so a row is rewritten two or three times in its life; small parts in one
            # file (half the CPU time of an insert); nothing above 1.5 GB is merged again
            "merge_selector_base": 10,
            "min_bytes_for_wide_part": 256 * MIB,
            "max_bytes_to_merge_at_max_space_in_pool": 1_500_000_000,
            # memory: a merge holds a granule of each of its parts (80 MB instead of 250), and the cache of primary keys
            # has a bound, where each part of the last minutes would hold its own
            "index_granularity_bytes": 2 * MIB,
            "use_primary_key_cache": 1,
            # a tenth of an insert's CPU time, and nothing reads them: skip indexes know the same
            "auto_statistics_types": "''",
        }
        return "SETTINGS " + ", ".join(f"{name} = {value}" for name, value in settings.items())

    def placed(self, statement: str) -> str:
        """Return a statement of the schema as this database takes it: as it is written."""
        return statement
