"""An import over the control socket and without one: once, within bounds, waiting where the log has no room."""

import asyncio
import dataclasses
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from importing_files import bodies, framed, json_lines, read, write
from importing_tables import mapped
from logs import commit, everything, open_log
from otlp.requests import spans_of
from spanpulse_stream.control import ControlClient, ControlServer, NotRunning, Operations, RequestRefused, socket_path
from spanpulse_stream.gateway import ApiKeys, OtlpOptions
from spanpulse_stream.importing import (
    Chunk,
    Consent,
    Importer,
    ImportFailed,
    LogTarget,
    Options,
    Outcome,
    Reading,
    Request,
    RunningTarget,
    Source,
    Stopped,
    import_file,
    import_routes,
)
from spanpulse_stream.log import LocalLog
from spanpulse_stream.observe import Metrics, catalog

KEYS = ApiKeys.parse(["shop:plain:0123456789abcdef"])
LARGE, TIMES = 300, 12  # requests of 40 spans, and how often the file has them: several chunks
SPANS = LARGE * 40 * TIMES


async def nothing(*_arguments: Any) -> Any:
    return {}


@asynccontextmanager
async def served(folder: Path, log: LocalLog, metrics: Metrics, **limits: Any) -> AsyncIterator[ControlClient]:
    importer = Importer(log, OtlpOptions(partitions=log.partitions), **limits)
    operations = Operations(nothing, nothing, nothing)
    server = ControlServer(socket_path(folder), operations, import_routes(importer, metrics))
    await server.start()
    try:
        yield ControlClient(folder, 20)
    finally:
        await server.stop()


@pytest.fixture
def log(tmp_path):
    opened = open_log(tmp_path / "log", partitions=1, max_bytes=256 * 1024 * 1024)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return write(tmp_path_factory.mktemp("files"), framed(bodies(LARGE, 40)) * TIMES)


NOTHING, WHOLE = Consent(), Options()


def run(path, target, heard=lambda _outcome: None, stopped=lambda: False, *, options=WHOLE, consent=NOTHING) -> Outcome:
    source = Source.open(str(path))
    try:
        return import_file(Reading(source, options), options.tenant, target, heard, stopped, consent)
    finally:
        source.close()


def kept(log: LocalLog) -> int:
    return sum(record.records for record in everything(log))


async def test_a_file_goes_over_the_socket_once(tmp_path, log, large):
    metrics = Metrics("test")
    async with served(tmp_path, log, metrics) as client:
        target = RunningTarget(client, threading.Event().wait)
        first = await asyncio.to_thread(run, large, target)
        assert (first.records, first.found, first.already) == (SPANS, 0, False)
        second = await asyncio.to_thread(run, large, target)
        assert (second.records, second.already) == (SPANS, True)
    assert kept(log) == SPANS
    chunks, _, reading = read(large)
    assert log.imported(reading.name).chunks == len(chunks) > 1
    assert metrics.value(catalog.IMPORT_CHUNKS) == len(chunks) + 1  # the last one says that the file was read
    with pytest.raises(ImportFailed, match="run the same command again"):
        run(write(tmp_path, json_lines(bodies(1))), RunningTarget(client, threading.Event().wait))


async def test_an_import_waits_until_there_is_room(tmp_path, log, large):
    waited = threading.Event()
    async with served(tmp_path, log, Metrics("test"), most_waiting=1_000_000) as client:
        target = RunningTarget(client, threading.Event().wait)
        target.hear(lambda why: waited.set() if "wait to be processed" in why else None)
        running = asyncio.create_task(asyncio.to_thread(run, large, target))
        assert await asyncio.to_thread(waited.wait, 20)
        assert not running.done()
        while not running.done():
            commit(log, log.end_offset("spanpulse.otlp", 0))
            await asyncio.wait({running}, timeout=0.05)
        assert running.result().records == SPANS


async def test_an_import_that_gets_no_room_ends_and_can_be_stopped(tmp_path, log, large):
    async with served(tmp_path, log, Metrics("test"), most_waiting=0) as client:
        with pytest.raises(ImportFailed, match=r"takes nothing: .* wait to be processed"):
            await asyncio.to_thread(run, large, RunningTarget(client, threading.Event().wait, patience_s=0.3))
        stopping = threading.Event()
        stopping.set()
        with pytest.raises(Stopped):
            await asyncio.to_thread(run, large, RunningTarget(client, stopping.wait))
    assert kept(log) > 0


def test_a_full_log_that_nobody_empties_says_what_to_do(tmp_path, large):
    log = open_log(tmp_path / "small", partitions=1, max_bytes=6_000_000)
    try:
        with pytest.raises(ImportFailed, match="start `spanpulse up` on this data folder, then run the same command"):
            run(large, LogTarget(Importer(log, OtlpOptions())))
        assert kept(log) > 0
        while log.lag_records("spanpulse.otlp", 0):
            commit(log, log.end_offset("spanpulse.otlp", 0))
            with suppress(ImportFailed):
                outcome = run(large, LogTarget(Importer(log, OtlpOptions())))
        assert outcome.already or outcome.records == SPANS
        assert log.stats().partitions[0].accepted_records == SPANS
    finally:
        log.close()


def test_an_import_that_was_stopped_goes_on_where_it_was(log, large):
    target = LogTarget(Importer(log, OtlpOptions()))
    stopping = threading.Event()
    with pytest.raises(Stopped):
        run(large, target, lambda _outcome: stopping.set(), stopping.is_set)
    before = kept(log)
    assert 0 < before < SPANS
    outcome = run(large, target)
    assert (outcome.found, outcome.records) == (before, SPANS)
    assert kept(log) == SPANS


def test_a_torn_file_is_read_again_and_nothing_doubles(tmp_path, log):
    target = LogTarget(Importer(log, OtlpOptions()))
    path = write(tmp_path, json_lines(bodies(3))[:-30])
    for _ in range(2):
        outcome = run(path, target)
        assert (outcome.records, outcome.already) == (6, False)
        assert outcome.torn is not None
    assert kept(log) == 6


def test_a_file_of_which_nothing_can_be_read_is_not_appended(tmp_path, log):
    target = LogTarget(Importer(log, OtlpOptions()))
    path = write(tmp_path, b'{"other": 1}\n' * 9)
    with pytest.raises(
        ImportFailed,
        match=r"nothing can be read of the first 9 records .*imported: line 1, byte 0: it has .*top \(--force",
    ):
        run(path, target)
    assert kept(log) == 0
    outcome = run(path, target, consent=Consent(force=True))
    assert (outcome.records, outcome.rejected, kept(log)) == (9, 9, 9)
    assert run(path, target).already


def test_a_file_that_is_in_and_is_read_otherwise_is_not_appended(tmp_path, log):
    target = LogTarget(Importer(log, OtlpOptions()))
    path = write(tmp_path, b"time,took,model\n1762776000,5,m\n1762776001,5,m\n")
    wrong, right = mapped(took="duration_s"), mapped(took="duration_ms")
    assert run(path, target, options=wrong).records == 2
    with pytest.raises(ImportFailed, match=r"was imported on 20\d\d-.* with other columns, .* --again imports it"):
        run(path, target, options=right)
    assert kept(log) == 2
    run(path, target, options=dataclasses.replace(right, tenant="till"))
    assert run(path, target, options=wrong).already
    assert run(path, target, options=right, consent=Consent(again=True)).records == 2
    assert run(path, target, options=right).already
    first, *_, last = everything(log)
    assert not {one.span_id for one in spans_of(first.value)} & {one.span_id for one in spans_of(last.value)}


def test_a_file_that_was_kept_as_dead_letters_may_be_read_otherwise(tmp_path, log):
    target = LogTarget(Importer(log, OtlpOptions()))
    path = write(tmp_path, b"when,took,model\n1762776000,5,m\n")
    run(path, target, options=mapped(when="start_time", model="kind"), consent=Consent(force=True))
    assert run(path, target, options=mapped(when="start_time")).records == 1


def test_tenants_are_checked(log):
    importer = Importer(log, OtlpOptions(keys=KEYS))
    importer.reached("import/x", "shop")
    with pytest.raises(ValueError, match="no API key is for tenant 'default'; name one with --tenant: shop"):
        importer.reached("import/x", "default")
    with pytest.raises(ValueError, match="no name of a tenant"):
        importer.reached("import/x", "a b")
    with pytest.raises(ValueError, match="no name of a tenant"):
        importer.append(Chunk("import/x", 0, "../etc"))


async def test_what_is_no_chunk_is_refused(tmp_path, log):
    async with served(tmp_path, log, Metrics("test")) as client:
        for body in (b"", b"x\n", b'{"name": "n"}\n'):
            with pytest.raises(RequestRefused, match="the chunk cannot be read"):
                await asyncio.to_thread(client.import_chunk, body)
        chunk = Chunk("import/x", 0, "default", [Request("traces", b"\x0a\x05")])
        with pytest.raises(ImportFailed, match="request of chunk 0 cannot be read: malformed"):
            await asyncio.to_thread(RunningTarget(client, threading.Event().wait).append, chunk)
    with pytest.raises(NotRunning):
        client.imported("import/x", "default")
    assert kept(log) == 0
