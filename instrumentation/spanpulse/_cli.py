"""The console script `spanpulse`: finds commands through entry points and runs one.

Standard library alone, so that it works on the thin install, where it says how to get the rest. Each entry
point of the group `spanpulse.commands` is a function from the arguments behind the command's name to an exit
code; its module opens with one line that `spanpulse --help` shows. Only the command that runs is imported.
"""

import ast
import importlib.util
import os
import select
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from spanpulse import __version__

__all__ = ["main"]

GROUP = "spanpulse.commands"
INTERRUPTED, UNREAD = 130, 141  # as a shell has it: 128 and the number of the signal
INSTALL = 'This command needs the extra "server"; from a checkout: pip install ".[server]"'


def main(arguments: list[str] | None = None) -> int:
    """Run the command that ``arguments`` (default: the process's) name and return its exit code.

    Ctrl-C, and an output that nobody reads to its end (`| head`), end it as they end other programs: without a word.
    """
    try:
        code = _main(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        if not _output_is_closed():
            raise
        return UNREAD
    return code


def _main(arguments: list[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else arguments
    commands = {entry.name: entry for entry in entry_points(group=GROUP)}
    if not words or words[0] in {"-h", "--help", "help"}:
        _print_help(commands)
        return 0
    if words[0] in {"-V", "--version"}:
        print(f"spanpulse {__version__}")
        return 0
    entry = commands.get(words[0])
    if entry is None:
        print(f"spanpulse: no command {words[0]!r}; `spanpulse --help` lists them", file=sys.stderr)
        return 2
    return _run(entry, words[1:])


def _output_is_closed() -> bool:
    """Tell whether nobody reads the output any more, and drop what is left of it."""
    watch = select.poll()
    watch.register(sys.stdout, 0)  # errors are told unasked
    closed = bool(watch.poll(0))
    if closed:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter writes it at its end
    return closed


def _run(entry: EntryPoint, arguments: list[str]) -> int:
    try:
        command = cast("Callable[[list[str]], int]", entry.load())
    except ModuleNotFoundError as error:
        print(f"spanpulse {entry.name}: module {error.name!r} is missing. {INSTALL}", file=sys.stderr)
        return 2
    return command(arguments)


def _print_help(commands: dict[str, EntryPoint]) -> None:
    print("usage: spanpulse COMMAND [OPTION ...]\n\nWatches LLM applications as they run.\n\ncommands:")
    width = max(map(len, commands), default=0)
    for name in sorted(commands):
        print(f"  {name:<{width}} {_summary(commands[name])}")
    print("\n`spanpulse COMMAND --help` explains one.")


def _summary(entry: EntryPoint) -> str:
    """Return the first line of the command's module docstring, read without importing the module."""
    package, _, module = entry.module.rpartition(".")
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return INSTALL
    for folder in (spec.submodule_search_locations or []) if spec else []:
        source = Path(folder, f"{module}.py")
        if source.is_file():
            text = ast.get_docstring(ast.parse(source.read_text("utf-8"))) or ""
            return text.partition("\n")[0]
    return ""
