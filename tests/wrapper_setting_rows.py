"""The table of the wrapper's settings in docs/instrument.md, as the settings themselves have it."""

from collections.abc import Iterator
from dataclasses import fields

from spanpulse._settings import Settings

__all__ = ["rows"]

MIB = 1 << 20


def rows() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| setting | default | | also read |"
    yield "|---|---|---|---|"
    for each in fields(Settings):
        said = each.metadata["what"]
        choices = ", ".join(f"`{choice}`" for choice in each.metadata["choices"] if choice)
        also = ", ".join(f"`{name}`" for name in each.metadata["otel"])
        yield f"| `{each.name}` | {shown(each.default)} | {said}{f': {choices}' if choices else ''} | {also} |"


def shown(value: object) -> str:
    """Return a default as the table has it."""
    if value in {"", ()}:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value % MIB == 0:
        return f"{value // MIB} MiB"
    return f"`{value}`" if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
