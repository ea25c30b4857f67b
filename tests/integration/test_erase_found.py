"""What an erasure finds, and what it leaves alone: odd ids, broken spans, the leftovers of a count that was killed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import erasing
from erasing import Messages
from otlp.requests import attributes, resource_spans, traces
from sinks_inside import Inside, a_process
from spanpulse_stream.operations import MaintenanceError

ALICE, BOB = "alice-4711@example.org", "bob-0815@example.org"
USERS = {"users": "SELECT arrayStringConcat(arraySort(groupUniqArray(user_id)), ' ') AS users FROM spans"}
IN_SUMS = {"sums": "SELECT arrayStringConcat(arraySort(groupUniqArray(user_id)), ' ') AS users FROM rollup_user"}


@pytest.fixture(scope="module")
def inside() -> Iterator[Inside]:
    with a_process() as call:
        yield call


def call(trace: int, number: int = 1, **told: str | int) -> Span:
    usage: dict[str, str | int] = {"gen_ai__usage__input_tokens": 100, "gen_ai__operation__name": "chat"}
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=(trace % 1000 * 100 + number).to_bytes(8, "big"),
        name="chat",
        start_time_unix_nano=1_795_000_000_000_000_000,
        end_time_unix_nano=1_795_000_001_000_000_000,
        attributes=attributes({name.replace("__", "."): value for name, value in (usage | told).items()}),
    )


def spans(*found: Span) -> tuple[str, bytes]:
    return "traces", traces(resource_spans({"service.name": "shop"}, list(found)))


def test_a_list_that_a_killed_count_left_erases_nobody_else(inside: Inside, tmp_path: Path) -> None:
    messages = [spans(call(1, user__id=ALICE)), spans(call(2, user__id=BOB))]
    found = inside(erasing.erased_after_a_killed_count, tmp_path, messages, BOB, ALICE, USERS | IN_SUMS)
    assert found == [{"users": BOB, "sums": BOB}] * 2


def broken(trace: bytes, number: int = 7, **told: str | int) -> tuple[str, bytes]:
    """Return a span that is set aside for its id."""
    found = call(1, number, **told)
    found.trace_id, found.span_id = trace, b"odd"
    return spans(found)


NOTED = {
    "left": "SELECT arrayStringConcat(arraySort(groupArray(extract(bytes, 'letter [0-9]'))), ' ') AS left"
    " FROM dead_letters WHERE bytes != ''"
}


def erase(
    inside: Inside, folder: Path, messages: Messages, user: str, asked: dict[str, str]
) -> tuple[dict[str, int], dict[str, str]]:
    report, answers = inside(erasing.erased, folder, messages, {"user": user}, asked)
    return report["rows"], answers


@pytest.mark.parametrize("word", ["chat", "gpt-5", " ", "shop", ALICE])
def test_a_letter_that_only_speaks_of_the_id_stays(inside: Inside, tmp_path: Path, word: str) -> None:
    messages = [
        broken(b"short", user__id=BOB, note=f"letter 1 {word} is a word", gen_ai__request__model="gpt-5"),
        broken(b"short", user__id=word, note="letter 2"),
        broken(b"short", metadata=json.dumps({"userId": word}), note="letter 3"),
    ]
    rows, answers = erase(inside, tmp_path, messages, word, NOTED)
    assert answers["left"] == "letter 1"
    assert (rows["dead_letters"], rows["dead_letters_by_word"]) == (2, 0)


def test_a_letter_that_cannot_be_read_is_searched_for_the_word(inside: Inside, tmp_path: Path) -> None:
    signal, whole = spans(call(1, user__id=BOB, note=f"letter 1 for {ALICE} there"))
    rows, answers = erase(inside, tmp_path, [(signal, whole[:-3])], ALICE, NOTED)
    assert (rows["dead_letters"], rows["dead_letters_by_word"], answers["left"]) == (1, 1, "")


def test_broken_spans_of_the_users_traces_go_too(inside: Inside, tmp_path: Path) -> None:
    messages = [
        spans(call(1, user__id=ALICE), call(2, 1, user__id=ALICE), call(2, 2, user__id=BOB)),
        broken((1).to_bytes(16, "big"), note="letter 1"),
        broken((2).to_bytes(16, "big"), note="letter 2"),  # maybe the other user's
        broken((3).to_bytes(16, "big"), note="letter 3"),
    ]
    rows, answers = erase(inside, tmp_path, messages, ALICE, NOTED)
    assert (rows["dead_letters"], answers["left"].split()) == (1, ["letter", "2", "letter", "3"])


@pytest.mark.parametrize("user", [4711, -3, 0, 2**40])
def test_ids_that_are_numbers_are_found(inside: Inside, tmp_path: Path, user: int) -> None:
    messages = [
        spans(call(1, user__id=user), call(2, user__id=str(user)), call(3, user__id=BOB)),
        broken(b"short", user__id=user, note="letter 1"),
        broken(b"short", user__id=user + 1, note="letter 2"),
    ]
    rows, answers = erase(inside, tmp_path, messages, str(user), NOTED | USERS)
    assert (rows["span_rows"], rows["dead_letters"]) == (2, 1)
    assert (answers["left"], answers["users"]) == ("letter 2", BOB)


@pytest.mark.parametrize("size", [300, 2000, 8192])
def test_ids_that_are_too_long_for_a_column_are_found(inside: Inside, tmp_path: Path, size: int) -> None:
    long = "\x01ä" * (size // 3)
    messages = [
        spans(call(1, user__id=long), call(2, metadata=json.dumps({"user_id": "x" * size})), call(3, user__id=BOB)),
        broken(b"short", user__id=long, note="letter 1"),
    ]
    attributes_left = {"n": "SELECT toInt64(count()) AS n FROM spans"}
    rows, answers = erase(inside, tmp_path / "long", messages, long, attributes_left)
    assert (rows["span_rows"], rows["dead_letters"], answers["n"]) == (1, 1, 2)
    rows, _ = erase(inside, tmp_path / "metadata", messages, "x" * size, {})
    assert rows["span_rows"] == 1


def test_the_same_call_in_a_trace_of_its_own_is_found(inside: Inside, tmp_path: Path) -> None:
    """The span of an SDK beside that of an instrumentation; a short number is the id of many calls."""
    told, short = {"gen_ai__response__id": "msg_01AbCdEfGhIjKlMn"}, {"gen_ai__response__id": "chatcmpl-417"}
    messages = [
        spans(call(1, user__id=ALICE, **told), call(2, **told), call(3, user__id=BOB, **told)),
        spans(call(4, user__id=ALICE, **short), call(5, **short)),
    ]
    kept = {"kept": "SELECT arrayStringConcat(arraySort(groupArray(right(trace_id, 1))), ' ') AS kept FROM spans"}
    rows, answers = erase(inside, tmp_path, messages, ALICE, kept)
    assert (rows["span_rows"], answers["kept"]) == (3, "3 5")


def score(trace: int, **told: str | int) -> LogRecord:
    named = {"gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.value": 1}
    return LogRecord(
        event_name="gen_ai.evaluation.result",
        time_unix_nano=1_795_000_002_000_000_000,
        trace_id=trace.to_bytes(16, "big"),
        span_id=(trace * 100 + 1).to_bytes(8, "big"),
        attributes=attributes(named | {name.replace("__", "."): value for name, value in told.items()}),
    )


def test_scores_of_others_stay(inside: Inside, tmp_path: Path) -> None:
    scores = [
        score(1, note="hers"),
        score(2, rating="5", note="rated 5"),
        score(2, gen_ai__response__id="chatcmpl-417", note="a number"),
        score(2, user__id="5", note="told"),
    ]
    group = ResourceLogs(scope_logs=[ScopeLogs(log_records=scores)])
    messages = [
        spans(call(1, user__id="5", gen_ai__response__id="chatcmpl-417"), call(2, user__id="6")),
        ("logs", ExportLogsServiceRequest(resource_logs=[group]).SerializeToString()),
    ]
    kept = {"kept": "SELECT arrayStringConcat(arraySort(groupArray(attributes['note'])), ', ') AS kept FROM scores"}
    rows, answers = erase(inside, tmp_path, messages, "5", kept)
    assert (rows["scores"], answers["kept"].strip(", ")) == (2, "a number, rated 5")


def test_what_still_names_the_user_is_counted(inside: Inside, tmp_path: Path) -> None:
    named = call(1, user__id=ALICE)
    named.name = f"invoke_agent for {ALICE}"
    linked = call(2, user__id=BOB)
    linked.links.add(trace_id=(1).to_bytes(16, "big"), span_id=b"12345678")
    report, _ = inside(erasing.erased, tmp_path, [spans(named, linked)], {"user": ALICE}, {})
    assert (report["still_named"], report["old_parts"]) == ({"name": 1, "links": 1}, 0)


def test_a_tenant_that_sent_nothing_is_no_tenant(inside: Inside, tmp_path: Path) -> None:
    with pytest.raises(MaintenanceError, match="nothing was ever received of a tenant 'nosuch'"):
        inside(erasing.erased, tmp_path, [spans(call(1))], {"user": ALICE, "tenant": "nosuch"}, {})
