"""What a replay is asked for, as an operation's arguments have it: plain values, checked here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from spanpulse_stream.letters._letter import Filters
from spanpulse_stream.letters._position import Position
from spanpulse_stream.operations import MaintenanceError

__all__ = ["Asked", "filters_of"]

RUN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
AGO: Final = re.compile(r"([1-9][0-9]{0,5})([mhd])")
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
MOST_POSITIONS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A new run over the letters of ``filters``, or the rest of ``run``.

    ``again``: also letters that a run has taken up before; ``dry_run``: say what would be sent, send nothing.
    """

    filters: Filters
    run: str | None = None
    again: bool = False
    dry_run: bool = False

    @classmethod
    def parse(cls, arguments: Mapping[str, Any], now: datetime) -> Self:
        """Return what an operation's arguments ask for. Raises MaintenanceError for what cannot be meant."""
        filters, run = filters_of(arguments, now), arguments.get("run")
        if run is not None:
            if not filters.any:
                raise MaintenanceError("--run goes on with the letters that the run took up: name nothing else")
            if not RUN.fullmatch(str(run)):
                raise MaintenanceError(f"{run!r} is no run; `spanpulse dead-letters list` shows them")
        elif filters.any and not arguments.get("all"):
            raise MaintenanceError("name positions, a filter (--reason, --signal, --tenant, --since), --run or --all")
        return cls(filters, run, again=bool(arguments.get("again")), dry_run=bool(arguments.get("dry_run")))


def filters_of(arguments: Mapping[str, Any], now: datetime) -> Filters:
    """Return the filters among some arguments: ``reason``, ``signal``, ``tenant``, ``since``, ``positions``.

    Raises MaintenanceError.
    """
    positions = arguments.get("positions") or ()
    if len(positions) > MOST_POSITIONS:
        raise MaintenanceError(f"{len(positions)} positions are too many to name; use a filter")
    since = arguments.get("since")
    try:
        found = Filters(
            arguments.get("reason"),
            arguments.get("signal"),
            arguments.get("tenant"),
            None if since is None else _moment(since, now),
            tuple(map(Position.parse, positions)),
        )
        found.condition()  # which looks at the texts
    except ValueError as error:
        raise MaintenanceError(str(error)) from None
    return found


def _moment(text: str, now: datetime) -> datetime:
    """Return the moment of `30m`, `12h`, `7d` (ago), a day or a time of UTC. Raises ValueError."""
    if match := AGO.fullmatch(text):
        return now - timedelta(**{UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no moment: write 30m, 12h, 7d, 2026-01-31 or 2026-01-31T12:00 (UTC)") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
