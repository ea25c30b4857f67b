"""`spanpulse-instrument COMMAND`: runs an application that is instrumented without a change in its code.

    spanpulse-instrument [--service-name NAME] [--endpoint URL] [--SETTING VALUE ...] python app.py

It puts the folder `site` in front of `PYTHONPATH`, whose `sitecustomize` the interpreter imports at its start,
and becomes the command. So every Python that the application starts is instrumented too (gunicorn, celery,
multiprocessing). Not guaranteed: that it works for an interpreter that is told to ignore its environment or sites
(`python -I`, `-E`, `-S`).
"""

import os
import sys
from collections.abc import MutableMapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from spanpulse._settings import NO, YES, Settings

__all__ = ["main"]

SITE = Path(__file__).parent / "site"
UNUSABLE, NOT_FOUND, NOT_RUN = 2, 127, 126  # as a shell has it


def main(arguments: list[str] | None = None) -> int:
    """Become the command that ``arguments`` (default: the process's) name; return an exit code where that fails."""
    words = sys.argv[1:] if arguments is None else arguments
    environ = dict(os.environ)
    try:
        command = take_settings(words, environ)
    except ValueError as error:
        sys.stderr.write(f"spanpulse-instrument: {error}\n")
        return UNUSABLE
    if not command:
        sys.stdout.write(usage())
        return 0 if "--help" in words or "-h" in words else UNUSABLE
    paths = [str(SITE), *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))]
    environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    return _become(command, environ)


def take_settings(words: list[str], environ: MutableMapping[str, str]) -> list[str]:
    """Put the options in front of a command into ``environ`` as variables, and return the command.

    Those that are true or false may stand alone. Raises ValueError for an option that is no setting, or has no value.
    """
    known = {each.name: each.default for each in fields(Settings)}
    left = list(words)
    while left and left[0].startswith("-"):
        option, given, value = left.pop(0).partition("=")
        if option in {"-h", "--help"}:
            return []
        if option == "--":
            break
        name = option[2:].replace("-", "_")
        if not option.startswith("--") or name not in known:
            raise ValueError(f"there is no setting {option}; `spanpulse-instrument --help` lists them")
        if not given and isinstance(known[name], bool) and not (left and left[0].lower() in YES | NO):
            value = "true"
        elif not given:
            if not left:
                raise ValueError(f"{option} needs a value")
            value = left.pop(0)
        environ[f"SPANPULSE_{name.upper()}"] = value
    return left


def usage() -> str:
    """Return what `--help` says."""
    lines = [
        f"  --{each.name.replace('_', '-'):<24} {each.metadata['what']}{_choices(each)}" for each in fields(Settings)
    ]
    head = "usage: spanpulse-instrument [--SETTING VALUE ...] COMMAND ...\n\nRuns an application instrumented, such as"
    return "\n".join([f"{head} `python app.py`. Each setting is also SPANPULSE_...\n\nsettings:", *lines, ""])


def _choices(setting: "Field[Any]") -> str:
    words = ", ".join(filter(None, setting.metadata["choices"]))
    return f": {words}" if words else ""


def _become(command: list[str], environ: dict[str, str]) -> int:
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 -- the command is the caller's own
    except FileNotFoundError:
        sys.stderr.write(f"spanpulse-instrument: there is no command {command[0]!r}{_hint(command[0])}\n")
        return NOT_FOUND
    except OSError as error:
        sys.stderr.write(f"spanpulse-instrument: {command[0]!r} cannot be run: {error.strerror}{_hint(command[0])}\n")
        return NOT_RUN


def _hint(command: str) -> str:
    return f"; is `python {command}` meant?" if command.endswith(".py") else ""
