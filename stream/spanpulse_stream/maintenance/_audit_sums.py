"""SQL that adds up spans and scores as the rollups should have, apart from the code that rolls them up.

A measure is an expression over a span and one over a rollup row. A checksum adds all measures of a row, each times a
number of its own, times a hash of the row's dimensions: it is linear, so corrections and single rows may be added in
any order, and two tables whose checksums of a minute agree agree in every measure of every dimension but by a chance
of 2^-64. All of it is arithmetic modulo 2^64. Not guaranteed: anything about which measure differs; that is asked
where a checksum differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spanpulse_stream.maintenance._audit_sketch import bucket_hash, bucket_of

__all__ = ["CALLS", "SCORES", "SERVICES", "Measure", "checksum", "hashed"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure by its column; ``of_span`` and ``of_rollup`` are what one row adds to it.

    ``money`` are decimals of 12 places. With ``opaque`` the value is a hash of a map, which says only whether two maps
    are equal.
    """

    column: str
    of_span: str
    of_rollup: str
    money: bool = False
    opaque: bool = False

    def integer(self, expression: str) -> str:
        """Return the value as an Int64, modulo 2^64."""
        return f"toInt64(reinterpret({expression}, 'Int128'))" if self.money else f"toInt64({expression})"


def _plain(column: str, of_span: str) -> Measure:
    return Measure(column, of_span, column)


def _money(column: str, of_span: str) -> Measure:
    return Measure(column, f"toDecimal128({of_span}, 12)", column, money=True)


def _words(column: str, of_span: str) -> Measure:
    summed = f"arraySum((k, n) -> n * reinterpretAsInt64(cityHash64(k)), mapKeys({column}), mapValues({column}))"
    return Measure(column, of_span, summed, opaque=True)


def _sketch(column: str, duration: str) -> list[Measure]:
    known = f"isNotNull({duration})"
    counted = f"arraySum(mapValues({column}))"
    hashes = f"arraySum((k, n) -> n * {bucket_hash('k')}, mapKeys({column}), mapValues({column}))"
    bucket = bucket_hash(bucket_of(f"ifNull({duration}, 1)"))
    return [
        Measure(column, f"if({known}, w, 0)", counted),
        Measure(column, f"if({known}, w * {bucket}, 0)", hashes, opaque=True),
    ]


TIME_OF_OUTPUT = (
    "if(output_tokens > 1 AND duration_ns >= time_to_first_token_ns,"
    " intDiv(duration_ns - time_to_first_token_ns, if(output_tokens > 1, output_tokens - 1, 1)), NULL)"
)
ERRORS = _words(
    "errors_by_type", "if(failed, reinterpretAsInt64(cityHash64(if(error_type_ = '', '_OTHER', error_type_))), 0)"
)
CALLS: Sequence[Measure] = (
    _plain("requests", "1"),
    _plain("weighted_requests", "w"),
    _plain("errors", "failed"),
    _plain("weighted_errors", "failed * w"),
    ERRORS,
    *(
        _plain(f"{name}_tokens", f"ifNull({name}_tokens, 0)")
        for name in ("input", "output", "cache_read", "cache_write", "reasoning")
    ),
    *(_plain(f"weighted_{name}_tokens", f"ifNull({name}_tokens, 0) * w") for name in ("input", "output")),
    _money("cost", "ifNull(cost, 0)"),
    _money("weighted_cost", "ifNull(cost, 0) * w"),
    *(
        _money(f"cost_{name}", f"if(cost_confidence = '{name}', ifNull(cost, 0), 0)")
        for name in ("provider", "computed", "estimated")
    ),
    _plain("requests_usage_missing", "NOT known"),
    _plain("requests_unpriced", "known AND isNull(cost)"),
    _plain("weighted_requests_usage_missing", "(NOT known) * w"),
    _plain("weighted_requests_unpriced", "(known AND isNull(cost)) * w"),
    *_sketch("latency", "duration_ns"),
    *_sketch("time_to_first_token", "time_to_first_token_ns"),
    *_sketch("time_per_output_token", TIME_OF_OUTPUT),
)
SERVICES: Sequence[Measure] = (
    _plain("spans", "1"),
    _plain("weighted_spans", "w"),
    _plain("errors", "failed"),
    ERRORS,
    *_sketch("latency", "duration_ns"),
)
SCORES: Sequence[Measure] = (
    _plain("scores", "1"),
    _plain("with_value", "usable"),
    _plain("positive", "usable AND above"),
    Measure("value_sum", "if(usable, exact, toInt64(0))", "value_sum", money=True),
    _words("labels", "if(label_ IS NULL, 0, reinterpretAsInt64(cityHash64(assumeNotNull(label_))))"),
)


def checksum(measures: Sequence[Measure], *, of_span: bool) -> str:
    """Return the expression that adds all measures of a row, each times a number of its own."""
    each = (
        f"{measure.integer(measure.of_span if of_span else measure.of_rollup)} * {factor}"
        for measure, factor in zip(measures, FACTORS, strict=False)
    )
    return f"({' + '.join(each)})"


def hashed(columns: Sequence[str]) -> str:
    """Return the hash of a row's dimensions, an odd Int64."""
    names = ", ".join(f"toString({column})" for column in columns)
    return f"bitOr(reinterpretAsInt64(cityHash64({names})), 1)"


# Odd numbers without any order in them: multiples of 2^64 divided by the golden ratio, as signed integers.
FACTORS = [((0x9E3779B97F4A7C15 * (2 * number + 1)) % (1 << 64) | 1) - (1 << 63) for number in range(64)]
