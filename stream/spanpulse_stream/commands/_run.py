"""Running one typer command: exit codes and errors alike for all of them.

An error that a person can mend (`SettingsError` and every `CommandError`) is one red line on stderr and exit
code 2, never a traceback; anything else is a defect and shows its traceback.
"""

import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

import typer
from rich.console import Console

from spanpulse_stream.settings import SettingsError

__all__ = ["CommandError", "LeaveAtOnce", "run_command"]


class LeaveAtOnce(Exception):  # noqa: N818 -- what to do
    """All is done and closed, but a thread is still inside the database's engine: the process ends here."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class CommandError(Exception):
    """The command cannot do what it was asked; the message says why and what to do next."""


def run_command(name: str, function: Callable[..., int | None], arguments: list[str]) -> int:
    """Parse ``arguments`` by the signature of ``function``, run it and return the exit code."""
    # Without a handler of ours its warnings of every attempt would stand bare between what the command itself says.
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(help=(function.__doc__ or "").strip())(function)
    try:
        code = app(arguments, prog_name=f"spanpulse {name}", standalone_mode=False)
    except (SettingsError, CommandError) as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"spanpulse {name}: {error}", style="red", markup=False
        )
        return 2
    except typer.Exit as stop:
        return stop.exit_code
    except LeaveAtOnce as leave:
        _leave(leave.code)
    except typer.Abort:
        return 130
    except Exception as error:
        if (show := getattr(error, "show", None)) is None:
            raise
        show()
        return int(getattr(error, "exit_code", 2))
    return int(code or 0)


def _leave(code: int) -> NoReturn:
    """End the process without the interpreter's own end, which would tear the engine down under the thread."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
