"""CSV as programs write it: line ends, quotes in the header, delimiters within quotes, fields that are too large."""

import csv

import pytest

from importing_files import read, records, write
from importing_tables import NOON, csv_bytes, plain, spans
from spanpulse_stream.importing import ImportFailed, Options, _csv

ROW = "2025-11-10T12:00:00Z"


def test_lines_that_end_in_carriage_returns_alone_are_an_error_that_says_so(tmp_path):
    with pytest.raises(ImportFailed, match=r"end in carriage returns alone; convert it: tr '\\r' '\\n' <"):
        read(write(tmp_path, f"time,model\r{ROW},m\r".encode()))


def test_a_carriage_return_within_a_row_costs_that_row(tmp_path):
    [chunk], torn, _ = read(write(tmp_path, f"time,model\n{ROW},a\rb\n{ROW},c\n".encode()))
    assert (chunk.records, chunk.rejected, torn) == (2, 1, None)
    assert chunk.bad[0].reason == "it has a carriage return outside of quotes"


def test_a_header_may_have_line_ends_and_delimiters_in_quotes(tmp_path):
    content = f'"time";"a,b,c,d";"of\ntwo ""lines"""\n{ROW};x;y\n'.encode()
    [chunk], _, _ = read(write(tmp_path, content))
    [span] = spans([chunk])
    assert span.start_time_unix_nano == NOON
    assert (plain(span)["a,b,c,d"], plain(span)['of\ntwo "lines"']) == ("x", "y")


def test_a_header_that_cannot_be_read_is_an_error(tmp_path):
    for header in (b'time,"model\n', b'time,"a"b\n', "time,modèle\n".encode("latin-1")):
        with pytest.raises(ImportFailed, match="names no columns"):
            read(write(tmp_path, header + b"1,2\n"), Options(format="csv"))


def test_a_field_that_is_too_large_costs_only_its_row(tmp_path, monkeypatch):
    monkeypatch.setattr(_csv, "LONGEST_FIELD", 1000)
    large = 'line, of "many"\n' * 500
    content = csv_bytes(["time", "prompt"], [ROW, "a"], [ROW, large], [ROW, "b"])
    try:
        [chunk], torn, _ = read(write(tmp_path, content))
        assert (chunk.records, chunk.rejected, torn) == (3, 1, None)
        assert chunk.bad[0].place == "row 2, line 3"
        assert chunk.bad[0].reason.startswith("it has a field of more than")
        chunks, torn, _ = read(write(tmp_path, content[: content.index(b'"many') + 4000], "cut"))
        assert records(chunks) == 1
        assert torn is not None
        assert torn.place == "row 2, line 3"
    finally:
        csv.field_size_limit(131072)


def test_broken_quotes_in_the_last_row_are_no_torn_file(tmp_path):
    [chunk], torn, _ = read(write(tmp_path, f'time,model\n{ROW},"a"b\n'.encode()))
    assert (chunk.rejected, torn) == (1, None)
