"""Dead letters for a person: a table of many, one with its bytes, and what became of a replay."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from spanpulse_stream.commands._letters import Listed
from spanpulse_stream.commands._show import count_of, plain_of
from spanpulse_stream.letters import WHOLE_MESSAGE, Letter

__all__ = ["hexdump", "list_as_json", "show_letter", "show_list", "show_report"]

MOST_DETAIL = 60
MOST_SHOWN = 2048  # bytes of a letter
WIDTH = 16
JSON = (b"\0{", b"\0[", b'\0"')  # so begins what came as JSON


def show_list(found: Sequence[Listed], limit: int, console: Console) -> None:
    """Print a table of letters."""
    if not found:
        console.print("no dead letters")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("position", "received (UTC)", "tenant", "signal", "reason", "detail"):
        table.add_column(name, no_wrap=name != "detail")
    table.add_column("bytes", justify="right")
    table.add_column("sent again", no_wrap=True)
    for each in found:
        letter = each.letter
        words = (letter.tenant, letter.signal, letter.reason, _shortened(letter.detail))
        received = f"{letter.received_at:%Y-%m-%d %H:%M:%S}"
        row = (str(letter.position), received, *map(plain_of, words), count_of(letter.size), _replayed(each))
        table.add_row(*map(Text, row))  # which takes nothing in it for markup
    console.print(table)
    if len(found) == limit:
        console.print(f"the newest {count_of(limit)}; --limit shows more")


def list_as_json(found: Sequence[Listed]) -> list[dict[str, Any]]:
    """Return the same as JSON has it."""
    return [
        {
            "position": str(each.letter.position),
            **{name: getattr(each.letter, name) for name in ("tenant", "signal", "reason", "detail")},
            "bytes": each.letter.size,
            "received_at": each.letter.received_at.isoformat(timespec="milliseconds"),
            "run": each.run,
            "replayed_at": each.replayed_at.isoformat(timespec="milliseconds") if each.replayed_at else None,
            "state": each.state,
        }
        for each in found
    ]


def show_letter(letter: Letter, console: Console) -> None:
    """Print all that is known of a letter, and the beginning of its bytes."""
    whole = letter.position.ordinal == WHOLE_MESSAGE
    what = "a whole message" if whole else f"record {letter.position.ordinal} of its message"
    lines = {
        "position": f"{letter.position} ({what})",
        "received": f"{letter.received_at:%Y-%m-%d %H:%M:%S.%f} UTC",
        "tenant": letter.tenant,
        "signal": letter.signal,
        "reason": letter.reason,
        "detail": letter.detail or "-",
        "bytes": count_of(letter.size) + (f" ({letter.missing})" if letter.missing else ""),
    }
    for name, text in lines.items():
        console.print(f"{name:<10}{plain_of(text)}", markup=False, soft_wrap=True)
    data = letter.data or b""
    if (json := _text(letter)) is not None:
        console.print(json, markup=False, soft_wrap=True)
    else:
        for line in hexdump(data[:MOST_SHOWN]):
            console.print(line, markup=False, soft_wrap=True)
    if len(data) > MOST_SHOWN:
        console.print(f"... {count_of(len(data) - MOST_SHOWN)} more bytes; --raw FILE writes all", markup=False)


def show_report(report: Mapping[str, Any], console: Console) -> None:
    """Print what became of a replay."""
    letters = report["letters"]
    if report["dry_run"]:
        console.print(f"{_letters(letters)} would be sent again; nothing was sent")
    elif report["run"] is None:
        console.print("no dead letter to send again")
    else:
        console.print(f"{_letters(report['sent'])} sent again, run {report['run']}", markup=False)
    if report["gone"]:
        console.print(f"{_letters(report['gone'])} gone since the run took them up", style="yellow")
    for why, count in sorted(report["left_out"].items(), key=lambda item: -item[1]):
        console.print(f"{_letters(count)} left out: {plain_of(why)}", style="yellow", markup=False)
    if report["more"]:
        console.print("there are more: run the command again for the rest", style="yellow")
    for each in report["unfinished"]:
        console.print(
            f"run {each['run']} was interrupted, {_letters(int(each['letters']))} are not sent:"
            f" `spanpulse dead-letters replay --run {each['run']}` goes on",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )


def hexdump(data: bytes) -> Iterator[str]:
    """Yield lines of 16 bytes: where they stand, what they are, and those of them that can be printed."""
    for start in range(0, len(data), WIDTH):
        row = data[start : start + WIDTH]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start:08x}  {row.hex(' '):<{3 * WIDTH - 1}}  {shown}"


def _text(letter: Letter) -> str | None:
    """Return the beginning of what came as JSON, as text; None for what did not, or is no text."""
    data = letter.data or b""
    if letter.reason == "invalid_json" and letter.position.ordinal == WHOLE_MESSAGE:
        with suppress(UnicodeDecodeError):
            data.decode()
            return plain_of(data[:MOST_SHOWN].decode(errors="replace"))
    elif data.startswith(JSON):
        return plain_of(data[1 : MOST_SHOWN + 1].decode(errors="replace"))
    return None


def _letters(number: int) -> str:
    return f"{count_of(number)} dead letter{'' if number == 1 else 's'}"


def _replayed(each: Listed) -> str:
    if each.run is None:
        return ""
    return each.run if each.state == "sent" else f"{each.run} ({each.state})"


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_DETAIL else text[: MOST_DETAIL - 3] + "..."
