"""Values as tables have them: failures told in several ways, words for nothing, times and durations by their types."""

import time

import pyarrow as pa
import pytest

from importing_files import read, write
from importing_tables import NOON, csv_bytes, mapped, parquet, plain, spans

UNSET, OK, ERROR = 0, 1, 2


def one_by_one(tmp_path, column, values, options=None):
    content = csv_bytes(["time", "model", column], *[["2025-11-10T12:00:00Z", "m", value] for value in values])
    [chunk], _, _ = read(write(tmp_path, content), options)
    return chunk


@pytest.mark.parametrize("column", ["error", "error_message"])
def test_a_column_of_failures_may_be_a_truth_or_a_text(column, tmp_path):
    values = ["False", "false", "0", "0.0", "no", "None", "null", "nan", "", "True", "1", "1.0", "timeout"]
    found = [(span.status.code, span.status.message) for span in spans([one_by_one(tmp_path, column, values)])]
    assert found == [(UNSET, "")] * 9 + [(ERROR, "")] * 3 + [(ERROR, "timeout")]


def test_a_column_of_failures_in_parquet_is_a_truth(tmp_path):
    path = parquet(tmp_path, {"time": [NOON] * 3, "error": [True, False, None]})
    assert [span.status.code for span in spans(read(path)[0])] == [ERROR, UNSET, UNSET]


def test_a_status_may_be_one_of_http(tmp_path):
    values = ["200", "302", "404", "500", "500.0", "0", "1", "2", "failed", "null"]
    chunk = one_by_one(tmp_path, "status_code", values)
    assert [span.status.code for span in spans([chunk])] == [
        OK,
        OK,
        ERROR,
        ERROR,
        ERROR,
        UNSET,
        OK,
        ERROR,
        ERROR,
        UNSET,
    ]
    assert not chunk.rejected


@pytest.mark.parametrize(
    ("column", "field", "value"), [("kind", "kind", "LLM"), ("status", "status", "done?"), ("stream", None, "sse")]
)
def test_a_column_that_is_a_field_only_by_its_name_becomes_an_attribute(column, field, value, tmp_path):
    chunk = one_by_one(tmp_path, column, [value])
    assert [plain(span)[column] for span in spans([chunk])] == [value]
    chunk = one_by_one(tmp_path, column, [value], mapped(**{column: field or "gen_ai.request.stream"}))
    assert chunk.rejected == 1
    assert chunk.bad[0].reason.startswith(f"column '{column}': ")


def test_words_for_nothing_are_nothing_where_no_text_is_meant(tmp_path):
    header = ["time", "model", "tokens_in", "latency_ms", "parent_id", "colour"]
    row = ["2025-11-10T12:00:00Z", "m", "NaN", "null", "None", "null"]
    [chunk], _, _ = read(write(tmp_path, csv_bytes(header, row)))
    [span] = spans([chunk])
    assert (chunk.rejected, span.parent_span_id, span.end_time_unix_nano) == (0, b"", NOON)
    assert plain(span) == {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "colour": "null"}


def test_a_number_that_is_none_in_parquet_is_absent(tmp_path):
    path = parquet(tmp_path, {"time": [NOON] * 2, "prompt_tokens": [5.0, float("nan")], "cost": [float("nan"), 0.5]})
    [chunk], _, _ = read(path)
    assert chunk.rejected == 0
    assert [plain(span).get("gen_ai.usage.input_tokens") for span in spans([chunk])] == [5, None]


@pytest.mark.parametrize(("unit", "size"), [("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1)])
def test_times_and_durations_of_parquet_have_their_unit(unit, size, tmp_path):
    columns = {
        "start_time": pa.array([NOON // size, NOON // 1000 // size], pa.timestamp(unit)),
        "took": pa.array([2 * 10**9 // size] * 2, pa.duration(unit)),
        "seen": pa.array([NOON // size] * 2, pa.timestamp(unit, "Mars/Olympus")),
    }
    [chunk], _, _ = read(parquet(tmp_path, columns), mapped(took="duration_ms"))
    [span] = spans([chunk])
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (NOON, NOON + 2 * 10**9)
    assert plain(span)["seen"] == "2025-11-10T12:00:00Z"
    assert "a time from 2000 to 2099" in chunk.bad[0].reason  # 1970-01-21 is not taken for another unit
    assert "1970-01-21" in chunk.bad[0].reason


def test_what_a_type_allows_and_python_does_not_costs_only_who_wants_it(tmp_path):
    columns = {
        "time": [NOON] * 2,
        "far": pa.array([10**15, 0], pa.timestamp("ms")),
        "early": pa.array([-7 * 10**16, 0], pa.timestamp("us")),
        "day": pa.array([10**7, 0], pa.date32()),
        "text": pa.Array.from_buffers(
            pa.string(), 2, [None, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xffa")]
        ),
    }
    path = parquet(tmp_path, columns)
    [chunk], torn, _ = read(path, mapped(day="-", text="-"))
    assert (chunk.rejected, torn) == (0, None)
    assert plain(spans([chunk])[0])["far"] == f"{10**21} ns since 1970"
    [chunk], torn, _ = read(path)
    assert (chunk.records, chunk.rejected, torn) == (2, 1, None)
    assert "that cannot be read" in chunk.bad[0].reason


def test_a_number_of_many_digits_is_no_kind_and_no_time(tmp_path):
    chunk = one_by_one(tmp_path, "kind", ["9" * 5000], mapped(kind="kind"))
    assert "a kind of span" in chunk.bad[0].reason
    [chunk], _, _ = read(write(tmp_path, csv_bytes(["time", "model"], ["9" * 5000, "m"], ["1e999", "m"]), "far"))
    assert chunk.rejected == 2


@pytest.mark.parametrize("took", ["4e9", "60000000"])
def test_a_row_that_ends_in_the_future_is_no_span(took, tmp_path):
    rows = [[str(time.time()), took], [str(time.time()), "1"]]
    [chunk], _, _ = read(write(tmp_path, csv_bytes(["time", "latency_s"], *rows)))
    assert (chunk.records, chunk.rejected) == (2, 1)
    assert chunk.bad[0].reason == "it ends more than a day from now"


def test_a_row_that_began_before_1970_is_no_span(tmp_path):
    [chunk], _, _ = read(write(tmp_path, csv_bytes(["end_time", "latency_s"], ["2025-11-10", "4000000000"])))
    assert [bad.reason for bad in chunk.bad] == ["it begins before 1970"]
