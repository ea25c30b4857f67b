"""What the data folder remembers of repricings: one that is under way, and those that are done.

A repricing under way, of which some days may have the new prices, is brought to its end by the next start, under the
prices that it began with. Those that are done are kept as long as the log could bring spans back that a broken database
lost: such spans come back at the prices of their time, and are repriced again. Not guaranteed: anything about a price
book that is no longer installed and was not the operator's own.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spanpulse_sinks.clickhouse import write_durably
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._reprice_costs import Scope

__all__ = ["Done", "Journal"]


@dataclass(frozen=True, slots=True)
class Done:
    """Calls of a model on received days from ``first`` to ``last``, below ``ends``, have the prices of a version."""

    model: str
    provider: str | None
    first: str
    last: str
    version: str
    ends: Mapping[str, int]

    @property
    def region(self) -> str:
        """The condition on rows of `span_rows` that its prices are those of."""
        below = [f"(log_source = {int(source)} AND log_offset < {end})" for source, end in self.ends.items()]
        days = f"toDate(received_at) BETWEEN '{self.first}' AND '{self.last}'"
        return f"({Scope(self.model, self.provider).condition} AND {days} AND ({' OR '.join(below) or 'false'}))"

    def covers(self, earlier: "Done") -> bool:
        """Whether nothing is left of an earlier one."""
        days = self.first <= earlier.first and earlier.last <= self.last
        reached = all(self.ends.get(source, 0) >= end for source, end in earlier.ends.items())
        return days and reached and self.model == earlier.model and self.provider in (None, earlier.provider)


@dataclass(frozen=True, slots=True)
class Journal:
    """The file of a data folder. Methods raise OSError."""

    path: Path

    @classmethod
    def of(cls, context: Context) -> "Journal":
        """Return the journal of the process's folder."""
        return cls(context.folder / "maintenance" / "repriced.json")

    def under_way(self) -> dict[str, Any] | None:
        """Return the arguments of a repricing that did not end, with the ``version`` of its prices."""
        found: dict[str, Any] | None = self._read()["under_way"]
        return found

    def done(self) -> list[Done]:
        """Return the repricings that may still be needed, the oldest first."""
        return [Done(**each) for each in self._read()["done"]]

    def begin(self, asked: Mapping[str, Any]) -> None:
        """Note that a repricing begins to change something: its arguments, its ``version``.

        With ``limits`` (source -> offset) it is about the spans below them alone.
        """
        self._keep(dict(asked), self.done())

    def put_back(self, before: Mapping[str, Any] | None) -> None:
        """Note that it ended before it changed anything; ``before`` is what was under way before it."""
        self._keep(None if before is None else dict(before), self.done())

    def end(self, done: Done) -> None:
        """Note that it is done; what it covers is remembered no longer."""
        self._keep(None, [*(each for each in self.done() if not done.covers(each)), done])

    def forget(self, kept: list[Done]) -> None:
        """Keep only some of those that are done."""
        self._keep(self.under_way(), kept)

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {"under_way": None, "done": []}
        found: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        return found

    def _keep(self, under_way: dict[str, Any] | None, done: list[Done]) -> None:
        if under_way is None and not done:
            self.path.unlink(missing_ok=True)
        else:
            content = {"under_way": under_way, "done": [asdict(each) for each in done]}
            write_durably(self.path, json.dumps(content))
