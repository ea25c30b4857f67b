"""What the data folder remembers of repricings: one that is under way, and those that are done.

A repricing under way is repeated by the next start. Those that are done are kept as long as the log could bring spans
back that a broken database lost: such spans come back at the prices of their time, and are repriced again. Not
guaranteed: anything about a price book that is no longer installed and was not the operator's own.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._rebuild_swap import keep_file

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

    def begin(self, arguments: Mapping[str, Any]) -> None:
        """Note that a repricing begins to change something."""
        self._keep(dict(arguments), self.done())

    def end(self, *more: Done) -> None:
        """Note that it is done."""
        self._keep(None, [*self.done(), *more])

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
            keep_file(self.path, {"under_way": under_way, "done": [asdict(each) for each in done]})
