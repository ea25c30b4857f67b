"""What the options of `spanpulse import` say about a file: its format, its tenant, the fields of its columns."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from spanpulse_stream.decode import Limits
from spanpulse_stream.importing import FORMATS, IGNORED, ImportFailed, MappingWanted, Options
from spanpulse_stream.log import Signal
from spanpulse_stream.settings import Settings

__all__ = ["options_of"]

LARGEST_FILE = 1024 * 1024
LEFT_OUT = re.compile(r"(?m)(:[ \t]+)-(?=[ \t]*(?:#.*)?$)")  # YAML reads a list there


def options_of(
    settings: Settings,
    tenant: str,
    form: str | None,
    signal: str | None,
    pairs: Sequence[str],
    file: Path | None,
) -> Options:
    """Return the options as importing has them. Raises ImportFailed for what is not understood."""
    chosen = next((known for known in FORMATS if known == form), None)
    if form is not None and chosen is None:
        raise ImportFailed(f"--format is {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, not {form!r}")
    held: Signal | None = "traces" if signal == "traces" else "logs" if signal == "logs" else None
    if signal != held:
        raise ImportFailed(f"--signal is traces or logs, not {signal!r}")
    columns = {**_of_file(file), **dict(map(_pair, pairs))}
    limits = Limits(max_attributes=settings.max_attributes, max_depth=settings.max_depth)
    return Options(tenant, chosen, held, MappingWanted(columns), limits)


def _pair(text: str) -> tuple[str, str]:
    column, mark, name = text.rpartition("=")
    if not (mark and column and name):
        raise ImportFailed(f"--map is COLUMN=FIELD, not {text!r}")
    return column, name.strip()


def _of_file(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        text = path.read_bytes()[: LARGEST_FILE + 1].decode()
        found: Any = tomllib.loads(text) if path.suffix == ".toml" else _of_yaml(text)
    except OSError as error:
        raise ImportFailed(f"--mapping {path}: cannot read it: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise ImportFailed(f"--mapping {path}: {error}") from None
    if len(text) > LARGEST_FILE or not isinstance(found, Mapping) or not found:
        raise ImportFailed(f'--mapping {path}: lines of COLUMN: FIELD are wanted (in TOML, COLUMN = "FIELD")')
    if wrong := [column for column, name in found.items() if not isinstance(name, str)]:
        raise ImportFailed(f"--mapping {path}: the field of {wrong[0]!r} is no text")
    return {str(column): name or IGNORED for column, name in found.items()}


def _of_yaml(text: str) -> Any:
    """Return what YAML says, every word as it stands: `on` is a column's name; `-` and nothing leave a column out."""
    return yaml.load(LEFT_OUT.sub(r"\1", text), Loader=yaml.BaseLoader)  # noqa: S506 -- it makes texts, lists, mappings
