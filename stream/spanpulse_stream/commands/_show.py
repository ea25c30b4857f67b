"""Numbers as a person reads them."""

from decimal import Decimal

__all__ = ["bytes_of", "count_of", "milliseconds_of", "plain_of", "seconds_of", "short_of", "small_usd_of", "usd_of"]


def count_of(number: float) -> str:
    """Return a count with separators."""
    return f"{number:,.0f}"


def bytes_of(size: float) -> str:
    """Return a size in the largest unit that keeps it above 1."""
    for unit in ("B", "KB", "MB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def usd_of(cost: Decimal | None) -> str:
    """Return a cost in USD: cents where it is large, more digits where it is small; '-' where there is none."""
    if cost is None:
        return "-"
    return f"${cost:,.2f}" if cost >= 100 else f"${cost:,.4f}"


def small_usd_of(cost: Decimal) -> str:
    """Return a cost in USD with three significant digits, however small; cents from $1 on."""
    digits = 2 if cost >= 1 or not cost else 2 - cost.adjusted()
    return f"${cost:,.{digits}f}"


def milliseconds_of(value: float | None) -> str:
    """Return a duration given in ms."""
    if value is None:
        return "-"
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def seconds_of(value: float) -> str:
    """Return a duration given in s, in few characters."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def short_of(number: float) -> str:
    """Return a count in at most five characters: 4, 950, 12k, 3.4M."""
    if number < 10_000:
        return f"{number:.0f}"
    return f"{number / 1e3:.0f}k" if number < 1e6 else f"{number / 1e6:.1f}M"


def plain_of(name: str) -> str:
    """Return a name that a sender chose without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
