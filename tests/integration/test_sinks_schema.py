"""Schema, views, retention: what the engine really has after opening a folder."""

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sinks_reading as reading
from sinks_batches import SPANS
from sinks_inside import Inside, a_process
from spanpulse_sinks.clickhouse import MEASURES, TABLES, schema_version

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


@pytest.fixture(scope="module")
def creates(inside: Inside, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return inside(reading.creates, tmp_path_factory.mktemp("schema"))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "setting",
    [
        "non_replicated_deduplication_window = 0",
        "fsync_after_insert = 1",
        "fsync_part_directory = 1",
        "old_parts_lifetime = 480",
        "max_suspicious_broken_parts = 1000000",
        "min_free_disk_bytes_to_perform_insert = 8388608",
        "ttl_only_drop_parts = 1",
    ],
)
def test_every_table_has_the_settings_behind_a_write(creates: dict[str, str], setting: str) -> None:
    assert [table for table in TABLES if setting not in creates[table]] == []


def test_every_table_is_partitioned_by_the_day_of_receipt(creates: dict[str, str]) -> None:
    for table in TABLES:
        day = "received_day" if table.startswith("rollup_") else "toDate(received_at)"
        assert f"PARTITION BY {day}" in creates[table]


def test_seen_is_never_trimmed_by_age(creates: dict[str, str]) -> None:
    assert [table for table in TABLES if " TTL " not in creates[table]] == ["seen"]


def test_every_column_is_documented_with_its_table(creates: dict[str, str]) -> None:
    text = (ROOT / "docs/schema.md").read_text("utf-8")
    for table in creates:
        assert f"## {table}\n" in text or f"`{table}`" in text, table
    sections = {part.split("\n", 1)[0]: part for part in text.split("\n## ")}
    for table in TABLES:
        body = creates[table].split("(", 1)[1].split(" ENGINE = ")[0]
        names = set(re.findall(r"`(\w+)` ", body)) - {"by_trace", "by_time"}
        names -= (
            set(MEASURES) if table in ("rollup_minute", "rollup_quarter", "rollup_experiment", "rollup_user") else set()
        )
        absent = [name for name in names if f"`{name}`" not in sections[table]]
        assert absent == [], table
    assert all(f"`{name}`" in sections["Measures"] for name in MEASURES)


@pytest.mark.parametrize(("zstd_from_bytes", "merged"), [(1 << 30, "LZ4"), (1, "ZSTD(1)")])
def test_large_merges_are_compressed_well_and_all_else_fast(
    inside: Inside, tmp_path: Path, zstd_from_bytes: int, merged: str
) -> None:
    assert inside(reading.compression, tmp_path, zstd_from_bytes) == ["LZ4", merged]


def test_configs_of_other_programs_are_not_read(tmp_path: Path) -> None:
    with a_process() as fresh:  # the engine reads it as it is imported
        assert fresh(reading.beside_a_foreign_config, tmp_path) == 1


def test_migrations_may_run_twice_and_a_newer_schema_is_refused(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.migrated_again, tmp_path)
    assert (found["spans"], found["recorded"]) == (SPANS, list(range(1, schema_version() + 1)))
    assert "schema 9999" in found["refused"]
    assert "upgrade" in found["refused"]


def test_rows_from_before_the_weighted_counts_get_them_by_share(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.counted_later, tmp_path)
    assert found["read"] == {"plain": [1, 2], "all": [0, 70], "none": [0, 0], "half": [30, 0], "back": [0, -1]}
    assert found["merged"] == found["read"]
    assert found["kept apart"] == {"new": [5, 6]}


def test_retention_follows_the_configuration(inside: Inside, tmp_path: Path) -> None:
    assert inside(reading.other_retention, tmp_path) == ["7", "6", "5"]


def test_whole_days_go_when_they_are_old(inside: Inside, tmp_path: Path) -> None:
    assert inside(reading.expired, tmp_path) == 0


def test_spans_show_the_newest_state_and_late_texts(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.views, tmp_path)
    none = {"prompt_name": None, "output_text": None, "cost": None, "parent_span_id": None}
    second = {"counted": True, "user_id": "second", "session_id": "s", "input_text": "question 1"}
    assert found["corrected"] == {**none, **second}
    assert (found["uncounted"]["counted"], found["uncounted"]["user_id"]) == (False, None)
    assert found["late"]["input_text"] == "one\ntwo"
    assert found["silent"]["input_text"] is None
    assert found["count"] == SPANS


def test_predicates_on_trace_and_time_reach_the_indexes(inside: Inside, tmp_path: Path) -> None:
    assert inside(reading.views, tmp_path)["pushed"] == ["by_trace", "by_time"]


def test_percentiles_are_within_one_percent_of_the_exact_ones(inside: Inside, tmp_path: Path) -> None:
    times = [17 * 1000 * step**2 for step in range(1, 400)]
    gamma = 1.0202020202
    sketch: dict[int, int] = {}
    for value in times:
        bucket = math.ceil(math.log(value) / math.log(gamma))
        sketch[bucket] = sketch.get(bucket, 0) + 1
    taken_back = [{5: 3, **sketch}, {5: -3}]
    levels = [0.5, 0.95, 0.99, 1.0]
    whole, corrected, empty = inside(reading.sketches, tmp_path, [[sketch], taken_back, [{7: 0}]], levels)
    exact = [times[math.ceil(level * len(times)) - 1] for level in levels]
    assert whole == pytest.approx(exact, rel=0.0101)
    assert corrected == whole
    assert empty == []


def test_the_readable_views_run(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.readable, tmp_path)
    (minute,) = found["requests_by_minute"]
    assert (minute["requests"], minute["time_to_first_token_p50_ms"]) == (SPANS, None)
    assert minute["latency_p50_ms"] == pytest.approx(2 * 1.0202020202**100 / 2.0202020202 / 1e6)
    assert found["services_by_minute"][0]["spans"] == SPANS
    costs = {model: found["costs"][model] for model in ("known", "free", "unknown")}
    assert costs == {"known": "5", "free": "0", "unknown": None}
    assert found["money"] == "Decimal(38, 12)"


def test_a_folder_in_use_is_refused_with_its_owner(tmp_path: Path) -> None:
    hold = "import sys; from pathlib import Path; from spanpulse_sinks.clickhouse import EmbeddedDatabase as D\n"
    hold += "d = D.open(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read(); d.close()"
    try_it = hold.split("\n", 1)[0] + "\nD.open(Path(sys.argv[1]))"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        second = subprocess.run(
            [sys.executable, "-c", try_it, str(tmp_path)], capture_output=True, text=True, check=False
        )
        owner.communicate("")
    assert f"is in use by process {owner.pid}" in second.stderr
    assert owner.returncode == 0


def test_what_a_kill_left_behind_is_swept(inside: Inside, tmp_path: Path) -> None:
    assert inside(reading.swept, tmp_path) == []


def test_an_insert_after_a_larger_and_a_failed_one_is_whole(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.inserted_after_failures, tmp_path)
    assert found["rows"] == found["expected"]
    assert found["left"] == []


@pytest.mark.parametrize("name", ["a*b", "a?b", "a{1,2}", "a\\b"])
def test_a_path_that_the_engine_takes_for_a_pattern_is_refused(inside: Inside, tmp_path: Path, name: str) -> None:
    assert "must not hold" in inside(reading.refused, tmp_path / name)


def test_other_odd_paths_are_taken(inside: Inside, tmp_path: Path) -> None:
    found = inside(reading.inserted_after_failures, tmp_path / "a b&c[d]" / "100%='\"$ü")
    assert found["rows"] == found["expected"]
