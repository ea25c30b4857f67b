"""The table of docs/settings.md, as the settings themselves have it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spanpulse_stream.settings import Settings

__all__ = ["rows"]

UNITS = ((1024**3, "GiB"), (1024**2, "MiB"))
BOUNDS = {"ge": ">=", "gt": ">", "le": "<="}


def rows() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| setting | default | bounds | |"
    yield "|---|---|---|---|"
    for name, field in Settings.model_fields.items():
        bounds = [
            f"{sign} {shown(name, getattr(each, bound))}"
            for each in field.metadata
            for bound, sign in BOUNDS.items()
            if hasattr(each, bound)
        ]
        yield f"| `{name}` | {shown(name, field.default)} | {', '.join(bounds)} | {field.description} |"


def shown(name: str, value: Any) -> str:
    """Return a value as the table has it."""
    if value is None or value in {"", ()}:
        return ""
    if isinstance(value, int) and name.endswith("_bytes"):
        for size, unit in UNITS:
            if value and value % size == 0:
                return f"{value // size} {unit}"
    return f"`{value}`" if isinstance(value, str | Path) else str(value)
