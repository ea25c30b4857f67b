"""SQL for the rows that the rollups of a received day are sums of: spans, corrections of spans, scores.

A row has a sign, the minute it counts in, its dimensions as the rollups name them (one that had no place is
`__other__`; their names end in `_`) and what the measures need. A corrected span is two rows: as it was before the day,
taken back (-1), and as it was after it (+1).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from spanpulse_stream.maintenance._rebuild_days import below
from spanpulse_stream.rollup import OTHER

__all__ = ["DayRows"]

CORRECTED = ("counted", "dropped", "user_id", "prompt_name", "prompt_version")
MEASURED = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("cost", "cost_confidence", "duration_ns", "time_to_first_token_ns"),
)
DIMENSIONS = {
    **{name: name for name in ("service_name", "environment", "name", "error_type", "operation", "provider")},
    "model": "coalesce(response_model, request_model)",
    **{name: name for name in ("prompt_name", "prompt_version")},
}
"""Dimension of a span -> its value."""
STORED = (
    *("log_source", "log_offset", "ordinal", "received_at", "tenant", "end_time", "kind", "name", "service_name"),
    *("environment", "operation", "provider", "request_model", "response_model", "status", "error_type"),
    *("usage_status", "experiments", "weight", *MEASURED),
)
OF_SCORE = {
    **{name: name for name in ("name", "evaluator", "service_name", "environment", "prompt_name", "prompt_version")},
    "model": "request_model",
}
LAST_MINUTE = (2**32 - 1) // 900 * 900  # as DateTime holds it
LARGEST_VALUE = 2**43


@dataclass(frozen=True, slots=True)
class DayRows:
    """A received day, up to ``ends`` (source -> offset behind the last).

    ``full`` are the dimensions that have no place left. Where none is full every value of the day has its place, and
    nothing needs to be looked up.
    """

    day: date
    ends: Mapping[int, int]
    full: Collection[str]

    def stored(self) -> str:
        """Return the query for the spans as they were stored."""
        columns = ", ".join((*STORED, *CORRECTED))
        raw = f"SELECT 1 AS sign, {columns} FROM span_rows WHERE {self.received}"
        return self._named(raw, self.full)

    def corrected(self, source: int, target: date, low: int, high: int) -> str:
        """Return the query for the corrected spans that a source brought on ``target`` at offsets [low, high)."""
        old = f"toDate(received_at) < '{self.day}'"
        states = ", ".join(
            f"argMaxIf({name}, log_offset, {old}) AS {name}_before, argMax({name}, log_offset) AS {name}_after"
            for name in CORRECTED
        )
        updates = (
            f"SELECT target_log_offset, target_ordinal, {states} FROM span_updates WHERE log_source = {source}"
            f" AND toDate(received_at) BETWEEN '{target}' AND '{self.day}' AND {below(self.ends)}"
            f" AND toDate(target_received_at) = '{target}'"
            f" AND target_log_offset >= {low} AND target_log_offset < {high}"
            f" GROUP BY target_log_offset, target_ordinal HAVING countIf(NOT ({old})) > 0"
        )
        spans = (
            f"SELECT {', '.join((*STORED, *CORRECTED))} FROM span_rows WHERE log_source = {source}"
            f" AND toDate(received_at) = '{target}' AND log_offset >= {low} AND log_offset < {high}"
        )
        same = ", ".join(f"s.{name} AS {name}" for name in STORED)
        state = ", ".join(
            f"coalesce(if(sign < 0, u.{name}_before, u.{name}_after), s.{name}) AS {name}" for name in CORRECTED
        )
        raw = (
            f"SELECT arrayJoin([-1, 1]) AS sign, {same}, {state} FROM ({spans}) AS s INNER JOIN ({updates}) AS u"
            " ON u.target_log_offset = s.log_offset AND u.target_ordinal = s.ordinal"
        )
        # A correction gives no value a place on another day than its own.
        return self._named(raw, self.full if target == self.day else {*DIMENSIONS, "experiment", "variant"})

    def scores(self) -> str:
        """Return the query for the scores."""
        folded = [f"{self._fold(f'score.{name}', value, self.full)} AS {name}_" for name, value in OF_SCORE.items()]
        label = self._fold("score.label", "label", self.full)
        return (
            f"SELECT 1 AS sign, toString(tenant) AS tenant_, {_minute('time')} AS minute, {', '.join(folded)},"
            f" if(isNull(label), NULL, {label}) AS label_, ifNull(abs(value) < {LARGEST_VALUE}, false) AS usable,"
            f" {self._experiments('score.', self.full)} AS experiments_, ifNull(value, 0.) > 0 AS above,"
            " toInt64(trunc(if(usable, value, 0.))) AS whole,"
            " toInt64(roundBankers((if(usable, assumeNotNull(value), 0.) - whole) * 1e12)) AS fraction,"
            " reinterpret(toInt128(assumeNotNull(whole)) * 1000000000000 + fraction, 'Decimal(38, 12)') AS exact"
            f" FROM scores WHERE {self.received}"
        )

    @property
    def received(self) -> str:
        """The condition on rows of the day."""
        return f"toDate(received_at) = '{self.day}' AND {below(self.ends)}"

    def _named(self, raw: str, folded: Collection[str]) -> str:
        """Return the query for rows of spans with what rollups and measures ask of them."""
        names = ", ".join(f"{self._fold(name, value, folded)} AS {name}_" for name, value in DIMENSIONS.items())
        return (
            f"SELECT sign, toString(tenant) AS tenant_, {_minute('end_time')} AS minute, toString(kind) AS kind_,"
            f" {names}, ifNull(user_id, '') AS user_id_, {self._experiments('', folded)} AS experiments_,"
            " toInt64(least(greatest(weight, 1), 2147483647)) AS w,"
            " status = 'error' OR isNotNull(error_type) AS failed,"
            f" ifNull(usage_status IN ('reported', 'estimated'), false) AS known, counted, {', '.join(MEASURED)}"
            f" FROM ({raw}) WHERE NOT dropped"
        )

    def _experiments(self, kind: str, folded: Collection[str]) -> str:
        """Return the experiments of a row with their variants, as the rollups name them."""
        name, variant = self._fold(f"{kind}experiment", "e.1", folded), self._fold(f"{kind}variant", "e.2", folded)
        return f"arrayMap(e -> ({name}, {variant}), CAST(experiments, 'Array(Tuple(String, String))'))"

    def _fold(self, dimension: str, value: str, folded: Collection[str]) -> str:
        """Return the value as the rollups name it: its own name where it had a place on the day its span came."""
        own = f"toString(ifNull({value}, ''))"
        if dimension not in folded:
            return own
        places = (
            "SELECT log_source, toDate(received_at), toString(tenant), value FROM dimension_values"
            f" WHERE dimension = '{dimension}' AND toDate(received_at) <= '{self.day}' AND {below(self.ends)}"
        )
        place = f"(log_source, toDate(received_at), toString(tenant), {own}) IN ({places})"
        return f"if({own} IN ('', '{OTHER}') OR {place}, {own}, '{OTHER}')"


def _minute(time: str) -> str:
    seconds = f"intDiv(toUnixTimestamp64Nano({time}), 60000000000) * 60"
    return f"toDateTime(least({seconds}, {LAST_MINUTE}), 'UTC')"
