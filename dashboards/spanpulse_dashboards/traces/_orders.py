"""What the lists of traces are ordered by, in SQL over `span_rows` and in words.

Not guaranteed: orders by anything that a span does not have as a column; sums are in _dearest.
"""

from dataclasses import dataclass

from spanpulse_dashboards.traces._models import Order

__all__ = ["BY_CALL", "ORDERS", "SUMMED", "By"]

TIME = ("end_time", "toString(toUnixTimestamp64Nano(end_time))", "fromUnixTimestamp64Nano(toInt64({{{}:String}}))")
DURATION = ("duration_ns", "toString(duration_ns)", "toInt64({{{}:String}})")
COST = ("cost", "toString(cost)", "toDecimal128({{{}:String}}, 12)")


@dataclass(frozen=True, slots=True)
class By:
    """One order, largest first.

    ``column`` is what spans are ordered by, ``value`` the same as text, ``form`` a parameter of that text as a value of
    the column; ``wanted`` is what few spans fulfil; ``ranked`` is a trace's own value, an aggregate of _summaries, as
    text;
    ``floored``: a floor spares the reading of other columns.
    """

    words: str
    column: str
    value: str
    form: str
    ranked: str
    wanted: str = ""
    floored: bool = False

    def literal(self, parameter: str) -> str:
        """Return the value that a parameter holds."""
        return self.form.format(parameter)


ORDERS: dict[Order, By] = {
    "newest": By("the end of the latest matching span", *TIME, "toString(maxIf(end_ns, matching)) AS ranked"),
    "slowest": By(
        "the duration of the longest matching span, as a rule the root",
        *DURATION,
        "toString(maxIf(duration_ns, matching)) AS ranked",
        "duration_ns > 0",
        floored=True,
    ),
    "failed": By(
        "the end of the latest matching span that failed",
        *TIME,
        "toString(maxIf(end_ns, matching AND status = 'error')) AS ranked",
        "status = 'error'",
    ),
}
SUMMED = By("the cost of the matching calls", *COST, "NULL AS ranked")
BY_CALL = By(
    "the cost of the dearest matching call",
    *COST,
    "toString(maxIf(cost, matching AND is_counted)) AS ranked",
    "cost > 0 AND counted",
    floored=True,
)
ORDERS["dearest"] = SUMMED
