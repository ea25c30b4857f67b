"""What `spanpulse dead-letters` prints: nothing in it that a terminal or the printing itself would obey."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from spanpulse_stream.commands import dead_letters
from spanpulse_stream.commands._letters import Listed
from spanpulse_stream.commands._letters_shown import hexdump, show_letter, show_list, show_report
from spanpulse_stream.letters import Letter, Position

WHEN = datetime(2026, 11, 22, 8, 41, 35, 931_000, tzinfo=UTC)
REPORT = {
    "run": "r1",
    "dry_run": False,
    "letters": 3,
    "sent": 3,
    "gone": 0,
    "left_out": {},
    "more": False,
    "unfinished": [],
}


def printed(show: Any, *arguments: Any) -> str:
    out = io.StringIO()
    show(*arguments, Console(file=out, width=160, highlight=False))
    return out.getvalue()


def letter(data: bytes, detail: str = "", ordinal: int = 2) -> Letter:
    return Letter(Position(3, 7, ordinal), WHEN, "acme", "traces", "too_deep", detail, len(data), data)


def test_a_list_shows_where_when_why_and_whether_it_was_sent_again() -> None:
    found = [
        Listed(letter(b"abc", "[red]x[/]\x1b[31m" + "y" * 99), None, None, None),
        Listed(letter(b"abc", ordinal=-1), "r1", WHEN, "sent"),
        Listed(letter(b"abc"), "r2", WHEN, "planned"),
    ]
    head, first, second, third = printed(show_list, found, 50).splitlines()
    assert head.split() == [
        "position",
        "received",
        "(UTC)",
        "tenant",
        "signal",
        "reason",
        "detail",
        "bytes",
        "sent",
        "again",
    ]
    assert first.split()[:6] == ["3/7/2", "2026-11-22", "08:41:35", "acme", "traces", "too_deep"]
    assert "[red]x[/]\N{REPLACEMENT CHARACTER}[31myy" in first
    assert "y..." in first
    assert second.split()[0] == "3/7/-1"
    assert second.split()[-1] == "r1"
    assert third.rstrip().endswith("r2 (planned)")
    assert "--limit" in printed(show_list, found, 3)
    assert printed(show_list, [], 3) == "no dead letters\n"


def test_a_letter_is_shown_with_the_beginning_of_its_bytes() -> None:
    shown = printed(show_letter, letter(bytes(range(40)) * 100, "why\x1b[0m"))
    assert "position  3/7/2 (record 2 of its message)" in shown
    assert "detail    why\N{REPLACEMENT CHARACTER}[0m" in shown
    assert "00000020  20 21 22 23 24 25 26 27 00 01 02 03 04 05 06 07   !\"#$%&'........" in shown
    assert "... 1,952 more bytes" in shown
    assert "a whole message" in printed(show_letter, letter(b"", ordinal=-1))


def test_what_came_as_json_is_shown_as_that() -> None:
    shown = printed(show_letter, letter(b'\0{"name": "[bold]\x07"}'))
    assert '{"name": "[bold]\N{REPLACEMENT CHARACTER}"}' in shown


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"{half \xc3\xa9\x07", "{half \N{LATIN SMALL LETTER E WITH ACUTE}\N{REPLACEMENT CHARACTER}"),
        (b"{half \xff", "00000000  7b 68 61 6c 66 20 ff                             {half ."),
    ],
)
def test_a_message_that_was_to_be_json_is_shown_as_text_where_it_is_one(data: bytes, line: str) -> None:
    assert printed(show_letter, replace(letter(data, ordinal=-1), reason="invalid_json")).splitlines()[-1] == line


def test_a_hexdump_has_16_bytes_a_line() -> None:
    assert list(hexdump(b"")) == []
    first, second = hexdump(b"0123456789abcdef\xff")
    assert first == "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef"
    assert second == "00000010  ff                                               ."


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, ["3 dead letters sent again, run r1"]),
        ({"run": None, "letters": 0, "sent": 0}, ["no dead letter to send again"]),
        ({"dry_run": True, "run": None, "sent": 0}, ["3 dead letters would be sent again; nothing was sent"]),
        (
            {"letters": 1, "sent": 1, "left_out": {"still too_deep": 2, "its bytes were erased": 1}},
            [
                "1 dead letter sent again, run r1",
                "2 dead letters left out: still too_deep",
                "1 dead letter left out: its bytes were erased",
            ],
        ),
        (
            {"unfinished": [{"run": "r0", "letters": 5}]},
            [
                "3 dead letters sent again, run r1",
                "run r0 was interrupted, 5 dead letters are not sent: `spanpulse dead-letters replay --run r0` goes on",
            ],
        ),
    ],
)
def test_a_report_says_what_was_done_and_what_was_not(changes: dict[str, Any], lines: list[str]) -> None:
    assert printed(show_report, {**REPORT, **changes}).splitlines() == lines


@pytest.mark.parametrize(
    ("words", "code"), [([], 0), (["--help"], 0), (["wipe"], 2), (["show", "x"], 2), (["replay"], 2)]
)
def test_the_command_line_says_what_it_takes(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert dead_letters.run(words) == code
    shown = capsys.readouterr()
    assert "usage: spanpulse dead-letters" in shown.out or "spanpulse dead-letters" in shown.err
