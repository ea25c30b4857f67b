"""The console that tables are printed on."""

import sys

from rich.console import Console

__all__ = ["output_console"]

WIDTH = 160  # where nobody looks: a file or a pipe, for other programs to read line by line


def output_console() -> Console:
    """Return a console on stdout, as wide as the terminal, or wide enough that no line is folded."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
