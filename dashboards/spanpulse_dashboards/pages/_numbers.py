"""Numbers as a person reads them: three significant digits and a unit, the full value on hover.

Small money stays readable (``$0.0014``, never ``$0.00``), what is missing is ``-`` with its reason and never 0, what is
estimated begins with ``~``. static/numbers.js follows the same rules for charts; tests hold the two together, and that
is why values are rounded as binary floats, half up, as JavaScript does. Not guaranteed: anything but the full value
for arithmetic; a shown number is not to be read back.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal

__all__ = [
    "Number",
    "Shown",
    "bytes_",
    "change",
    "count",
    "duration",
    "estimated",
    "milliseconds",
    "missing",
    "money",
    "percent",
    "points",
]

Number = int | float | Decimal
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
THREE = Context(prec=3, rounding=ROUND_HALF_UP)
SIX = Context(prec=6, rounding=ROUND_HALF_UP)
SCALES = ((1e3, ""), (1e6, "k"), (1e9, "M"), (1e12, "B"), (float("inf"), "T"))
# Below the first number a duration in ns is told in the unit, which has the second number of ns.
DURATIONS = (
    (1e9, 1e6, "ms"),
    (6e10, 1e9, "s"),
    (3.6e12, 6e10, "min"),
    (1.728e14, 3.6e12, "h"),
    (float("inf"), 8.64e13, "d"),
)
BINARY = (
    (1024.0, 1.0, "B"),
    (1024.0**2, 1024.0, "KiB"),
    (1024.0**3, 1024.0**2, "MiB"),
    (float("inf"), 1024.0**3, "GiB"),
)
NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Shown:
    """A number to show: ``text``, and ``full``, which is shown on hover: the exact value, or why there is none."""

    text: str
    full: str
    absent: bool = False
    rises: bool | None = None
    """Of a change: whether the value rose; None where it stayed or cannot be told."""


def missing(reason: str | None = None) -> Shown:
    """Return what stands where a number is not known, and why it is not."""
    return Shown("-", reason or NOT_KNOWN, absent=True)


def estimated(figure: Shown, reason: str) -> Shown:
    """Mark a number as an estimate, and say why it is one."""
    return figure if figure.absent else replace(figure, text=f"~{figure.text}", full=f"{figure.full}, {reason}")


def count(value: Number | None, unit: str = "", reason: str | None = None) -> Shown:
    """Return a number of things: ``999``, ``12.3k``, ``1.23M``. The unit is told on hover."""
    if value is None:
        return missing(reason)
    full = f"{_exact(value)} {unit}".rstrip()
    size = abs(float(value))
    if size < 1000 and size == int(size):
        return Shown(_signed(value, str(int(size))), full)
    rounded, scale = _rounded(size), 1.0
    for bound, suffix in SCALES:
        if rounded < bound:
            return Shown(_signed(value, f"{_three(size / scale)}{suffix}"), full)
        scale = bound
    raise OverflowError(value)


def money(value: Number | None, reason: str | None = None) -> Shown:
    """Return USD: ``$1.23k``, ``$12.3``, ``$0.50``, ``$0.0014``, ``<$0.000001``."""
    if value is None:
        return missing(reason)
    full = f"{_signed(value, '$' + _digits(value))} USD"
    size = abs(float(value))
    if size == 0:
        return Shown("$0", "$0 USD")
    if size < 1e-6:
        return Shown("<$0.000001", full)
    if size >= 1 or _rounded(size) >= 1:
        return Shown(_signed(value, "$" + (_three(size) if _rounded(size) < 1000 else count(size).text)), full)
    whole, _, decimals = _three(size).partition(".")
    return Shown(_signed(value, f"${whole}.{decimals.rstrip('0').ljust(2, '0')}"), full)


def duration(ns: Number | None, reason: str | None = None) -> Shown:
    """Return a time given in ns: ``0.523 ms``, ``523 ms``, ``1.23 s``, ``2.08 min``, ``1.50 h``, ``3.00 d``."""
    if ns is None:
        return missing(reason)
    full = f"{_exact(round(Decimal(str(ns)) / 1_000_000, 6))} ms"
    size = abs(float(ns))
    if size == 0:
        return Shown("0 ms", full)
    if size < 1000:
        return Shown(_signed(ns, "<0.001 ms"), full)
    return Shown(_signed(ns, _in_units(size, DURATIONS)), full)


def milliseconds(ms: Number | None, reason: str | None = None) -> Shown:
    """Return a time given in ms, as `duration` does."""
    return duration(None if ms is None else float(ms) * 1e6, reason)


def bytes_(value: Number | None, reason: str | None = None) -> Shown:
    """Return a size given in bytes: ``512 B``, ``1.21 MiB``."""
    if value is None:
        return missing(reason)
    full = f"{_exact(value)} bytes"
    return Shown(f"{int(value)} B" if value < 1000 else _in_units(float(value), BINARY), full)


def percent(ratio: Number | None, reason: str | None = None) -> Shown:
    """Return a ratio in percent: ``0%``, ``<0.001%``, ``1.23%``, ``>99.9%`` (less than all), ``100%``."""
    if ratio is None:
        return missing(reason)
    size = abs(float(ratio)) * 100
    full = f"{_signed(ratio, _six(size))}%"
    if size == 0:
        return Shown("0%", "0%")
    if size < 0.001:
        return Shown("<0.001%", full)
    if size < 100 <= _rounded(size):
        return Shown(">99.9%", full)
    return Shown(_signed(ratio, f"{_three(size)}%"), full)


def change(now: Number | None, before: Number | None, before_text: str = "") -> Shown:
    """Return the change against the period before: ``+12.3%``, the factor from the tenfold on, ``0%``.

    ``before_text`` is the value of the period before as it is shown on hover.
    """
    if now is None or before is None:
        return missing("one of the two periods has no value")
    if before == 0:
        return (
            Shown("0%", f"{before_text} before")
            if now == 0
            else missing("the period before has nothing to compare with")
        )
    ratio = float(now) / float(before) - 1
    full = f"{before_text} before" if before_text else "against the period before"
    if abs(ratio) < 0.0005:
        return Shown("0%", full)
    text = f"{TIMES}{_three(ratio + 1)}" if ratio >= 9 else f"{'+' if ratio > 0 else MINUS}{_three(abs(ratio) * 100)}%"
    return Shown(text, full, rises=ratio > 0)


def points(now: Number | None, before: Number | None, before_text: str = "") -> Shown:
    """Return the change of a ratio in percentage points: ``+0.42 pp``."""
    if now is None or before is None:
        return missing("one of the two periods has no value")
    difference = (float(now) - float(before)) * 100
    full = f"{before_text} before" if before_text else "against the period before"
    if abs(difference) < 0.0005:
        return Shown("0 pp", full)
    return Shown(f"{'+' if difference > 0 else MINUS}{_three(abs(difference))} pp", full, rises=difference > 0)


def _in_units(size: float, units: tuple[tuple[float, float, str], ...]) -> str:
    for bound, unit, name in units:
        if _rounded(size / unit) * unit < bound:
            return f"{_three(size / unit)} {name}"
        size = max(size, bound)  # 59.96 s is a minute, not 0.999 of one
    raise OverflowError(size)


def _rounded(value: float) -> float:
    """Round to three significant digits, half up, as JavaScript's toPrecision does."""
    return float(THREE.create_decimal(Decimal(value)))


def _three(value: float) -> str:
    """Write with three significant digits, their zeros kept; thousands are grouped."""
    digits = THREE.create_decimal(Decimal(value))
    return f"{digits:,.{max(0, 2 - digits.adjusted())}f}"


def _six(value: float) -> str:
    return f"{SIX.create_decimal(Decimal(value)).normalize():,f}"


def _exact(value: Number) -> str:
    return _signed(value, _digits(value))


def _digits(value: Number) -> str:
    """Write the whole value without its sign; a float as Python writes it."""
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return f"{abs(exact).normalize():,f}"


def _signed(value: Number, text: str) -> str:
    return f"{MINUS}{text}" if value < 0 else text
