"""CSV and Parquet: columns by name and by mapping, values of every kind, and errors that name column and row."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from importing_files import PACKED, read, records, write
from importing_tables import NOON, mapped, parquet, plain, spans
from otlp.requests import spans_of
from spanpulse_stream.decode import check
from spanpulse_stream.importing import ImportFailed, NoSuchColumn
from spanpulse_stream.importing._times import nanoseconds_of
from spanpulse_stream.importing._typed import BadValue
from spanpulse_stream.importing._values import id_of

HEADER = ["timestamp", "latency_ms", "model", "prompt_tokens", "completion_tokens", "user", "status", "colour"]
ROWS = [
    ["2025-11-10T12:00:00Z", "1500.5", "gpt-5", "1000", "50", "ada", "ok", "red"],
    ["2025-11-10 13:00:00.123456789+01:00", "", "gpt-5", "", "7", "", "error", ""],
]


def table(rows, header=HEADER, delimiter=",", end="\r\n") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows([header, *rows])
    return out.getvalue().encode()


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_usual_names_need_no_mapping(delimiter, packed, tmp_path):
    chunks, torn, reading = read(write(tmp_path, PACKED[packed](table(ROWS, delimiter=delimiter))))
    assert (reading.format, torn) == ("csv", None)
    first, second = spans(chunks)
    assert (first.start_time_unix_nano, first.end_time_unix_nano) == (NOON, NOON + 1_500_500_000)
    assert (first.name, first.kind, first.status.code) == ("chat gpt-5", 3, 1)
    assert plain(first) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 50,
        "user.id": "ada",
        "colour": "red",
    }
    assert second.start_time_unix_nano == second.end_time_unix_nano == NOON + 123_456_789
    assert second.status.code == 2
    assert "gen_ai.usage.input_tokens" not in plain(second)
    assert len(first.trace_id) == 16
    assert first.trace_id != second.trace_id


def test_ids_that_are_made_are_the_same_every_time_and_differ_by_row(tmp_path):
    path = write(tmp_path, table([ROWS[0]] * 3))
    once, again = ([(span.trace_id, span.span_id) for span in spans(read(path)[0])] for _ in range(2))
    assert once == again
    assert len(set(once)) == 3
    other = spans(read(write(tmp_path, table([ROWS[0]] * 2), "other"))[0])
    assert not {(span.trace_id, span.span_id) for span in other} & set(once)


def test_a_mapping_wins_over_names_and_leaves_out(tmp_path):
    options = mapped(timestamp="end_time", model="gen_ai.response.model", colour="spanpulse.tag.colour", user="-")
    first = spans(read(write(tmp_path, table(ROWS)), options)[0])[0]
    assert first.end_time_unix_nano == NOON
    assert first.start_time_unix_nano == NOON - 1_500_500_000
    assert plain(first)["gen_ai.response.model"] == "gpt-5"
    assert plain(first)["spanpulse.tag.colour"] == "red"
    assert "user.id" not in plain(first)


def test_ids_parents_resource_and_messages(tmp_path):
    header = ["time", "trace_id", "span_id", "parent_id", "service", "env", "prompt", "completion", "cost"]
    trace, text = "0123456789abcdef0123456789ABCDEF", '[{"role":"user","parts":[]}]'
    rows = [
        ["1762776000", trace, "00000000000000aa", "", "shop", "prod", "hi <b>", "yes", "0.10"],
        ["1762776000123", "order 7", "a", "b", "till", "prod", text, "[no", ""],
    ]
    [chunk], _, _ = read(write(tmp_path, table(rows, header)))
    first, second = spans([chunk])
    assert (first.trace_id.hex(), first.span_id.hex(), first.parent_span_id) == (trace.lower(), "00000000000000aa", b"")
    assert plain(first)["gen_ai.input.messages"] == '[{"role":"user","parts":[{"type":"text","content":"hi <b>"}]}]'
    assert plain(first)["gen_ai.usage.cost"] == "0.10"
    assert plain(second)["gen_ai.input.messages"] == text
    assert '"content":"[no"' in plain(second)["gen_ai.output.messages"]
    assert second.start_time_unix_nano == NOON + 123_000_000
    assert (second.trace_id.hex(), second.span_id.hex()) == (id_of("order 7", 16), id_of("a", 8))
    assert second.parent_span_id.hex() == id_of("b", 8)
    assert all(name in request.body for request, name in zip(chunk.requests, (b"shop",), strict=True))


def test_bad_rows_are_dead_letters_with_column_and_row(tmp_path):
    rows = [
        ROWS[0],
        ["soon", *ROWS[0][1:]],
        [*ROWS[0][:3], "many", *ROWS[0][4:]],
        ROWS[0][:4],
        ["", *ROWS[0][1:]],
        [*ROWS[0][:6], "fine", "red"],
    ]
    content = table(rows) + table([ROWS[0]]).splitlines()[1].replace(b"ada", b"\xff") + b"\n" + table([ROWS[1]])[86:]
    [chunk], torn, _ = read(write(tmp_path, content), mapped(status="status"))
    assert torn is None
    reasons = {bad.place: bad.reason for bad in chunk.bad}
    assert reasons["row 2, line 3"] == (
        "column 'timestamp': a time (ISO 8601, or a number since 1970) is wanted, not 'soon'"
    )
    assert reasons["row 3, line 4"] == "column 'prompt_tokens': a whole number is wanted, not 'many'"
    assert reasons["row 4, line 5"] == "it has 4 columns, the first line has 8"
    assert reasons["row 5, line 6"] == "it has neither a start nor an end"
    assert reasons["row 6, line 7"].startswith("column 'status': a status (ok, error, unset, or one of HTTP) is wanted")
    assert reasons["row 7, line 8"].startswith("it is not UTF-8")
    assert chunk.rejected == len(reasons)
    assert len(check(chunk.requests[-1].body, "traces").rejected) == chunk.rejected


def test_fields_with_line_ends_and_a_torn_last_row(tmp_path):
    whole = table([[*ROWS[0][:7], 'two\nlines, "quoted"'], ROWS[1]], end="\n")
    chunks, torn, _ = read(write(tmp_path, whole))
    assert torn is None
    assert plain(spans(chunks)[0])["colour"] == 'two\nlines, "quoted"'
    for cut in (b"2025-11-10T12:00:00Z,1,gpt", b'2025-11-10T12:00:00Z,1,"gpt'):
        chunks, torn, _ = read(write(tmp_path, whole + cut, "cut"))
        assert records(chunks) == 2
        assert torn is not None
        assert torn.place == "row 3, line 5"
    chunks, torn, _ = read(write(tmp_path, whole[:-1], "no newline"))
    assert (records(chunks), torn) == (2, None)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"modle": "gen_ai.request.model"}, r"no column 'modle' \(is 'model' meant\?\). The columns are: timestamp"),
        ({"model": "request_modell"}, "'request_modell', which is no field"),
        ({"model": "user.id", "user": "user.id"}, "several columns are mapped to user.id"),
        ({"timestamp": "-"}, "--map COLUMN=start_time"),
    ],
)
def test_a_mapping_that_does_not_fit_says_what_does(columns, message, tmp_path):
    with pytest.raises(NoSuchColumn, match=message):
        read(write(tmp_path, table(ROWS)), mapped(**columns))


def test_tables_that_cannot_be_read_are_errors(tmp_path):
    with pytest.raises(NoSuchColumn, match="several columns 'time'"):
        read(write(tmp_path, b"time,time\n1,2\n"))
    with pytest.raises(ImportFailed, match="without a name"):
        read(write(tmp_path, b"time,,x\n1,2,3\n"))
    with pytest.raises(ImportFailed, match="no whole Parquet file"):
        read(write(tmp_path, b"PAR1 and no more"))
    with pytest.raises(ImportFailed, match="no columns to map"):
        read(write(tmp_path, b'{"resourceSpans": []}\n'), mapped(time="start_time"))


def test_parquet_keeps_its_types(tmp_path):
    when = datetime(2025, 11, 10, 12, tzinfo=UTC)
    columns = {
        "start_time": pa.array([when, None], pa.timestamp("us", "UTC")),
        "end_time": pa.array([NOON + 5, NOON + 7], pa.timestamp("ns")),
        "model": ["gpt-5", "gpt-5"],
        "input_tokens": [1.0, 2.5],
        "streaming": [True, None],
        "cost": [Decimal("0.100"), None],
        "scores": [[1.5], []],
        "labels": [["a", "b"], None],
        "trace_id": pa.array([b"\1" * 16, None], pa.binary()),
        "size": [12, 13],
    }
    [chunk], torn, reading = read(parquet(tmp_path, columns))
    assert (reading.format, torn) == ("parquet", None)
    [one] = spans_of(chunk.requests[0].body)
    assert (one.start_time_unix_nano, one.end_time_unix_nano) == (NOON, NOON + 5)
    assert one.trace_id == b"\1" * 16
    found = plain(one)
    assert (found["size"], found["gen_ai.request.stream"], found["gen_ai.usage.cost"]) == (12, True, "0.100")
    assert [each.string_value for each in found["labels"].values] == ["a", "b"]
    assert found["scores"] == "[1.5]"
    assert [(bad.place, bad.reason) for bad in chunk.bad] == [
        ("row 2", "column 'input_tokens': a whole number is wanted, not '2.5'")
    ]


def test_a_damaged_parquet_file_gives_what_comes_before(tmp_path):
    columns = {"start_time": list(range(NOON, NOON + 5000)), "model": [f"m{number}" for number in range(5000)]}
    path = parquet(tmp_path, columns, row_group_size=1000, compression="gzip", use_dictionary=False)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    chunks, torn, _ = read(path)
    assert 1000 <= records(chunks) < 5000
    assert torn is not None
    assert "damaged" in torn.reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-10T12:00:00Z", NOON),
        ("2025-11-10 12:00:00,5", NOON + 500_000_000),
        ("2025-11-10T14:00+0200", NOON),
        ("1762776000.25", NOON + 250_000_000),
        ("1762776000000000000", NOON),
        (1762776000000000, NOON),
        (datetime(2025, 11, 10, 12), NOON),  # noqa: DTZ001
    ],
)
def test_times(text, expected):
    assert nanoseconds_of(text) == expected


@pytest.mark.parametrize("text", ["", "noon", "2025-13-10", "5", "1999-12-31", "2100-01-01", "NaN", True, "12:00"])
def test_what_is_no_time(text):
    with pytest.raises(BadValue, match="is wanted, not"):
        nanoseconds_of(text)


def test_chunks_are_bounded_in_rows_and_bytes(tmp_path):
    rows = [["1762776000", "x" * 1000] for _ in range(9000)]
    chunks, _, _ = read(write(tmp_path, table(rows, ["time", "prompt"])))
    assert [chunk.number for chunk in chunks] == list(range(5))
    assert records(chunks) == 9000
    large = [["1762776000", "x" * 1_000_000] for _ in range(10)]
    chunks, _, _ = read(write(tmp_path, table(large, ["time", "prompt"]), "large"))
    assert [chunk.records for chunk in chunks] == [5, 5]


def test_a_row_with_an_id_is_the_same_span_in_every_file(tmp_path):
    """Exports that overlap, or that have other columns, hold it once."""
    names = [*HEADER, "request_id"]
    rows = [[*ROWS[0], f"request-{number}"] for number in range(4)]
    first = read(write(tmp_path, table(rows[:3], header=names), "first.csv"))[0]
    fewer = [row[:-2] + row[-1:] for row in rows[1:]]
    second = read(write(tmp_path, table(fewer, header=names[:-2] + names[-1:]), "second.csv"))[0]
    one, other = ({(span.trace_id, span.span_id) for span in spans(found)} for found in (first, second))
    assert (len(one), len(other), len(one & other)) == (3, 3, 2)
