"""Dead letters as the commands get at them: of a data folder, or of a cluster where one is configured."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args

from spanpulse_stream.commands._operate import Shown, operate
from spanpulse_stream.commands._query import query_folder
from spanpulse_stream.commands._run import CommandError
from spanpulse_stream.letters import Filters, Letter, Position, filters_of, letters_sql, listed_sql
from spanpulse_stream.log import Signal
from spanpulse_stream.operations import MaintenanceError
from spanpulse_stream.settings import Settings

__all__ = ["Listed", "listed", "one_letter", "replayed"]

SIGNALS: tuple[str, ...] = get_args(Signal)
MOST_WORDS = 100


class Listed(NamedTuple):
    """A letter without its bytes, and how it was sent again: the run, when (UTC) and the state; None where it was not.

    The state is `planned` while the run has not come to it, `sent`, or `gone` where its bytes were gone by then.
    """

    letter: Letter
    run: str | None
    replayed_at: datetime | None
    state: str | None


def listed(settings: Settings, asked: Mapping[str, Any], limit: int) -> list[Listed]:
    """Return the newest letters that meet filters. Raises CommandError."""
    try:
        filters = filters_of(asked, datetime.now(UTC))
    except MaintenanceError as error:
        raise CommandError(str(error)) from None
    found = [_listed(row) for row in _rows(settings, listed_sql(filters, limit))]
    if not found:
        _check_words(settings, filters)
    return found


def _check_words(settings: Settings, filters: Filters) -> None:
    """Say so where a filter names a word that no letter has. Raises CommandError."""
    for name, given, always in (("signal", filters.signal, SIGNALS), ("reason", filters.reason, ())):
        if given is None or given in always:
            continue
        sql = f"SELECT DISTINCT {name} AS word FROM dead_letters ORDER BY word LIMIT {MOST_WORDS}"  # noqa: S608
        stored = [row["word"] for row in _rows(settings, sql)]
        if given not in stored:
            words = ", ".join(dict.fromkeys((*always, *stored))) or "none, for there are no dead letters"
            raise CommandError(f"no dead letter has the {name} {given!r}; there are: {words}")


def one_letter(settings: Settings, position: str) -> Letter:
    """Return a letter with its bytes. Raises CommandError."""
    try:
        place = Position.parse(position)
    except ValueError as error:
        raise CommandError(str(error)) from None
    # Where it was received tells the database where to look for its bytes.
    found = _rows(settings, listed_sql(Filters(positions=(place,)), 1))
    if found:
        received = int(found[0]["received_ms"])
        found = _rows(settings, letters_sql([place], received, received))
    if not found:
        raise CommandError(f"there is no dead letter {position}; `spanpulse dead-letters list` shows them")
    return Letter.of(found[0])


def replayed(settings: Settings, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Send letters again and return the report of `Replay.run`. Raises CommandError."""
    if not settings.clickhouse_url:
        return operate(settings, "replay", asked)
    from spanpulse_sinks.clickhouse import QueryFailed  # noqa: PLC0415 -- takes a second or two
    from spanpulse_stream.cluster import CANNOT_START, replay_in_cluster  # noqa: PLC0415

    try:
        with Shown.on_stderr() as bar:
            return replay_in_cluster(settings, asked, lambda progress: bar.show(asdict(progress)))
    except (*CANNOT_START, MaintenanceError, QueryFailed) as error:
        raise CommandError(str(error)) from None


def _rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    if not settings.clickhouse_url:
        return [json.loads(line) for line in query_folder(settings, sql, "JSONEachRow").splitlines()]
    from spanpulse_sinks.clickhouse import QueryFailed  # noqa: PLC0415 -- takes a second or two
    from spanpulse_stream.cluster import CANNOT_START, query_cluster  # noqa: PLC0415

    try:
        with Shown.on_stderr() as bar:
            return query_cluster(settings, sql, lambda progress: bar.show(asdict(progress)))
    except (*CANNOT_START, QueryFailed) as error:
        raise CommandError(str(error)) from None


def _listed(row: Mapping[str, Any]) -> Listed:
    when = int(row["replayed_ms"])
    moment = datetime.fromtimestamp(when / 1000, UTC) if when else None
    return Listed(Letter.of(row), row["run"] or None, moment, row["state"] or None)
