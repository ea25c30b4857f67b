"""What `spanpulse import` understands and shows, without a data folder: options, mappings, a dry run."""

import re
import threading
from pathlib import Path

import pytest
from rich.console import Console

from importing_files import bodies, json_lines, write
from spanpulse_stream.commands import _import_progress as progress
from spanpulse_stream.commands.import_ import run
from spanpulse_stream.importing import Outcome, Source

TABLE = b"when,took,model,colour\n2025-11-10T12:00:00Z,1.5,gpt-5,red\nsoon,2,gpt-5,\x1b[31m\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def dry(capsys, *words: str) -> tuple[int, str]:
    code = run([*words, "--dry-run"])
    told = capsys.readouterr()
    return code, re.sub(r"\s+", " ", told.out + told.err)


def test_a_dry_run_shows_columns_and_first_rows(tmp_path, capsys):
    path = str(write(tmp_path, TABLE))
    code, told = dry(capsys, path, "--map", "when=start_time", "--map", "took=duration_s", "--map", "colour=-")
    assert code == 1
    assert "csv, would be import/" in told
    assert "when start_time --map" in told
    assert "model gen_ai.request.model its usual name" in told
    assert "colour left out --map" in told
    assert '"endTimeUnixNano":1762776001500000000' in told
    assert "row 2, line 3: column 'when': a time" in told
    assert not (tmp_path / ".spanpulse").exists()


def test_a_dry_run_of_otlp_shows_what_it_begins_with(tmp_path, capsys):
    code, told = dry(capsys, str(write(tmp_path, json_lines(bodies(2)) + b"{no\n")))
    assert code == 1
    assert "its beginning has 7 records in 2 requests, 1 of them unreadable" in told
    assert "line 3, byte " in told


@pytest.mark.parametrize(
    ("name", "text"),
    [("m.yaml", "when: start_time\ntook: duration_s\n"), ("m.toml", 'when = "start_time"\ntook = "duration_s"\n')],
)
def test_a_mapping_stands_in_a_file_and_options_win(name, text, tmp_path, capsys):
    path, mapping = (
        str(write(tmp_path, TABLE.replace(b"soon", b"2025-11-10"))),
        str(write(tmp_path, text.encode(), name)),
    )
    code, told = dry(capsys, path, "--mapping", mapping, "--map", "took=duration_ms", "--map", "colour=a.b")
    assert code == 0
    assert "took duration_ms --map" in told
    assert "colour a.b --map" in told


def test_names_that_a_terminal_would_obey_are_shown_as_text(tmp_path, capsys):
    path = str(write(tmp_path, b"time,[/x],[bold],\x1b[2J\n2025-11-10,1,2,3\n"))
    code, told = dry(capsys, path)
    assert code == 0
    assert "[/x] [/x] its own name" in told
    code, shown = dry(capsys, path, "--map", "other=start_time")
    assert (code, "\x1b" in told + shown) == (2, False)


def test_a_mapping_in_yaml_is_taken_word_by_word(tmp_path, capsys):
    path = str(write(tmp_path, b"on,model,colour,7\n2025-11-10,gpt-5,red,8\n"))
    text = "on: start_time\nmodel: -\ncolour: -  # of no use\n7:\n"
    code, told = dry(capsys, path, "--mapping", str(write(tmp_path, text.encode(), "m.yaml")))
    assert code == 0
    for words in ("on start_time --map", "model left out", "colour left out", "7 left out"):
        assert words in told


def test_a_file_that_cannot_be_read_does_not_keep_the_others(tmp_path, capsys):
    good, empty = str(write(tmp_path, json_lines(bodies(1)))), str(write(tmp_path, b"", "empty"))
    for name in ("one", "two"):
        code, told = dry(capsys, str(tmp_path / name), empty, good)
        assert code == 2
        assert f"cannot read {tmp_path / name}: No such file" in told
        assert "empty: empty, 0 records" in told
        assert "its beginning has 3 records" in told
    assert dry(capsys, empty, good)[0] == 0


def test_half_a_file_is_told_by_a_dry_run(tmp_path, capsys):
    code, told = dry(capsys, str(write(tmp_path, json_lines(bodies(2))[:-9])))
    assert code == 1
    assert "not read from line 2" in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "xml"], "--format is json, proto, proto-varint, csv or parquet, not 'xml'"),
        (["--signal", "metrics"], "--signal is traces or logs, not 'metrics'"),
        (["--map", "when"], "--map is COLUMN=FIELD, not 'when'"),
        (["--map", "whem=start_time"], "there is no column 'whem' (is 'when' meant?)"),
        (["--mapping", "none.yaml"], "--mapping none.yaml: cannot read it: No such file"),
        (["--mapping", "list.yaml"], "lines of COLUMN: FIELD are wanted"),
        (["--mapping", "inner.yaml"], "the field of 'when' is no text"),
        (["--mapping", "number.toml"], "the field of 'when' is no text"),
        (["--mapping", "broken.toml"], "--mapping broken.toml: "),
        ([], "name it with --map COLUMN=start_time"),
    ],
)
def test_what_is_not_understood_says_what_is(words, message, tmp_path, capsys):
    for name, text in (
        ("list.yaml", b"- a\n"),
        ("inner.yaml", b"when: [7]\n"),
        ("number.toml", b"when = 7\n"),
        ("broken.toml", b"when = \n"),
    ):
        write(tmp_path, text, name)
    code, told = dry(capsys, str(write(tmp_path, TABLE)), *words)
    assert code == 2
    assert message in told


def test_progress_without_a_terminal_is_plain_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    path = write(tmp_path, b"x" * 3000)
    with Path(tmp_path / "out").open("w") as out:
        console = Console(file=out, highlight=False, soft_wrap=True)
        with progress.Progress(console, "a\x1b[2J") as shown:
            shown.digests(1000)
            source = Source.open(str(path))
            shown.reads(source)
            threads = [threading.Thread(target=shown.heard, args=(Outcome(records=7),)) for _ in range(2)]
            for thread in threads:
                thread.start()
                thread.join()
            shown.waits("5 MiB wait to be processed")
            source.close()
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines[0] == "a\N{REPLACEMENT CHARACTER}[2J: 1.0 KB, reading"
    assert lines[1].startswith("a\N{REPLACEMENT CHARACTER}[2J: 0 B of 3.0 KB, 7 records")
    assert lines[-1].endswith("waiting: 5 MiB wait to be processed")
