"""Erasures in the process of the database, without a server: what a few messages leave when a user is erased.

Each function is for `sinks_inside.a_process` and returns plain data.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

from pipeline_running import SOURCE, START_MS, Processed
from sinks_process import CONFIG
from spanpulse_sinks.clickhouse import EmbeddedDatabase, workbench
from spanpulse_stream.maintenance._context import Context
from spanpulse_stream.maintenance._erase import erase, sweep_list
from spanpulse_stream.maintenance._erase_request import EraseRequest
from spanpulse_stream.maintenance._erase_targets import find_targets
from spanpulse_stream.pipeline import Incoming

Messages = Sequence[tuple[str, bytes]]
"""Signal and body of each, in log order."""


@contextmanager
def stored(folder: Path, messages: Messages) -> Iterator[tuple[Context, Processed]]:
    """Give a context on a database that holds the messages."""
    with EmbeddedDatabase.open(folder / "database", CONFIG) as database:
        processed = Processed(folder, database)
        batch = [
            Incoming(offset, START_MS + offset, "default", signal, 1, body)
            for offset, (signal, body) in enumerate(messages)
        ]
        if batch:
            processed.write([batch], set())
        yield _context(folder, processed), processed


def _context(folder: Path, processed: Processed) -> Context:
    log: Any = SimpleNamespace(end_offset=lambda *_: 0, committed=lambda *_: 0, forget=lambda: None)
    settings: Any = SimpleNamespace(partitions=1)
    return Context(
        settings=settings,
        folder=folder,
        log=log,
        database=processed.database,
        books=processed.books,
        between_batches=lambda: nullcontext({SOURCE: 0}),
        paused=lambda: nullcontext({SOURCE: 0}),
        stopping=Event(),
    )


def erased(
    folder: Path, messages: Messages, arguments: Mapping[str, Any], asked: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the report of an erasure, and by name the one value that each SELECT of ``asked`` gives after it."""
    with stored(folder, messages) as (context, processed):
        report = erase(context, arguments)
        return report, _answers(processed, asked)


def erased_after_a_killed_count(
    folder: Path, messages: Messages, counted: str, user: str, asked: Mapping[str, str]
) -> list[dict[str, Any]]:
    """List what there is of one user, as a count that is killed leaves it, then erase another; with and without a start
    in between. Return the answers after each."""
    found = []
    for name, start in (("no start", False), ("a start", True)):
        with stored(folder / name, messages) as (context, processed):
            with workbench(context.database) as bench:
                find_targets(bench, EraseRequest(user=counted))
            if start:
                sweep_list(context)
                assert processed.read("SELECT name FROM system.tables WHERE startsWith(name, 'erasing')") == []
            erase(context, {"user": user})
            found.append(_answers(processed, asked))
    return found


def _answers(processed: Processed, asked: Mapping[str, str]) -> dict[str, Any]:
    return {name: next(iter(processed.read(sql)[0].values())) for name, sql in asked.items()}
