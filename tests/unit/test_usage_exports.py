"""Which spans of an export count, from its bytes on: instrumentations that wrap and repeat each other."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from calls import Story
from making_spans import CHAT, NOW, request, span

MS = 1_000_000
INSTRUMENTOR, OTHER_INSTRUMENTOR = "opentelemetry.instrumentation.openai", "openlit.otel.tracing"
FRAMEWORK, SDK = "openinference.instrumentation.langchain", "openinference.instrumentation.openai"
LAZY = "openinference.instrumentation.llama_index"
FAILED = Status(code=Status.STATUS_CODE_ERROR)


def usage(tokens: int) -> dict[str, Any]:
    return {"gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": 1}


def call(number: int, parent: int = 0, trace: int = 1, at: tuple[int, int] = (0, 1000), **more: Any) -> Span:
    """Return a chat; ``tokens`` and ``id`` if there are any, ``at`` in ms."""
    attributes = dict(CHAT)
    if "tokens" in more:
        attributes |= usage(more.pop("tokens"))
    if "id" in more:
        attributes["gen_ai.response.id"] = more.pop("id")
    return placed(number, attributes, parent, trace, at, **more)


def tool(number: int, parent: int) -> Span:
    return placed(number, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "ask"}, parent)


def placed(
    number: int,
    attributes: dict[str, Any],
    parent: int = 0,
    trace: int = 1,
    at: tuple[int, int] = (0, 1000),
    **more: Any,
) -> Span:
    start, end = (NOW - 10_000 * MS + moment * MS for moment in at)
    ids = {"trace_id": trace.to_bytes(16, "big"), "span_id": number.to_bytes(8, "big")}
    above = {"parent_span_id": parent.to_bytes(8, "big")} if parent else {}
    return span(attributes, **ids, **above, start_time_unix_nano=start, end_time_unix_nano=end, **more)


def tokens_counted(*exports: tuple[str, Span]) -> list[int | None]:
    """Return the input tokens of the calls that count; the same in every order of arrival, in one batch and many."""
    bodies = [request(one, scope=scope) for scope, one in exports]
    outcomes = set()
    for order in permutations(bodies):
        for batches in ([list(order)], [[body] for body in order]):
            story = Story()
            for batch in batches:
                story.run(batch)
            outcomes.add(tuple(sorted((row["input_tokens"] for row in story.calls()), key=repr)))
    assert len(outcomes) == 1
    return list(outcomes.pop())


def test_a_call_with_an_id_above_its_repetition_without_one() -> None:
    above = (OTHER_INSTRUMENTOR, call(1, id="chatcmpl-h7000001", tokens=10))
    assert tokens_counted(above, (INSTRUMENTOR, call(2, 1, tokens=10))) == [10]


def test_a_repetition_that_knows_nothing_does_not_count() -> None:
    above = (OTHER_INSTRUMENTOR, call(1, id="chatcmpl-h7000001", tokens=10))
    between = ("app", placed(3, {}, 1))
    assert tokens_counted(above, between, (INSTRUMENTOR, call(2, 3))) == [10]


def test_an_attempt_that_failed_below_a_call_is_a_request_of_its_own() -> None:
    above = (OTHER_INSTRUMENTOR, call(1, id="chatcmpl-h7000001", tokens=10))
    assert tokens_counted(above, (INSTRUMENTOR, call(2, 1, status=FAILED))) == [10, None]


def test_what_a_tool_calls_below_a_call_is_another_call() -> None:
    above = (INSTRUMENTOR, call(1, id="chatcmpl-h7000001", tokens=10))
    assert tokens_counted(above, ("app", tool(2, 1)), (INSTRUMENTOR, call(3, 2, tokens=7))) == [10, 7]
    assert tokens_counted(above, ("app", tool(2, 1)), (INSTRUMENTOR, call(3, 2))) == [10, None]
    alone = (INSTRUMENTOR, call(1, tokens=10))
    assert tokens_counted(alone, ("app", tool(2, 1)), (INSTRUMENTOR, call(3, 2, tokens=7))) == [10, 7]


@pytest.mark.parametrize("number", [1, 9], ids=["smaller id", "greater id"])
def test_a_loop_that_carries_the_sum_and_the_last_id_takes_nothing_away(number: int) -> None:
    loop = ("agents", call(number, id="chatcmpl-h7000003", tokens=60, at=(0, 1000)))
    inner = [
        (INSTRUMENTOR, call(2, number, id="chatcmpl-h7000001", tokens=10, at=(1, 300))),
        (INSTRUMENTOR, call(3, number, id="chatcmpl-h7000002", tokens=20, at=(301, 600))),
        (INSTRUMENTOR, call(4, number, id="chatcmpl-h7000003", tokens=30, at=(601, 1000))),
    ]
    assert tokens_counted(loop, *inner) == [10, 20, 30]


def test_a_loop_with_the_sum_over_calls_without_ids_takes_nothing_away() -> None:
    loop = ("agents", call(1, id="chatcmpl-h7000003", tokens=30))
    inner = [(INSTRUMENTOR, call(number, 1, tokens=10)) for number in (2, 3, 4)]
    assert tokens_counted(loop, *inner) == [10, 10, 10]


@pytest.mark.parametrize("how", [{}, {"status": FAILED}], ids=["stream", "failed"])
def test_a_framework_around_an_instrumentor_in_another_trace_counts_once(how: dict[str, Any]) -> None:
    around = (FRAMEWORK, call(1, trace=1, at=(0, 1000), **how))
    inside = call(2, trace=2, at=(6, 990), **how) if how else call(2, trace=2, at=(6, 990), id="chatcmpl-h7000001")
    assert tokens_counted(around, (SDK, inside)) == [None]


@pytest.mark.parametrize(
    "apart",
    [
        {"at": (-20, 990)},
        {"at": (6, 1020)},
        {"id": "chatcmpl-h7000002"},
    ],
    ids=["begins before", "ends after", "its own id"],
)
def test_a_framework_call_that_holds_no_other_counts_too(apart: dict[str, Any]) -> None:
    framework = {"trace": 1, "at": (0, 1000)} | ({"id": apart["id"]} if "id" in apart else {})
    sdk = {"trace": 2, "at": (6, 990), "id": "chatcmpl-h7000001"} | ({} if "id" in apart else apart)
    assert tokens_counted((FRAMEWORK, call(1, **framework)), (SDK, call(2, **sdk))) == [None, None]


def lazy(number: int, first: int, at: tuple[int, int] = (0, 20), **more: Any) -> tuple[str, Span]:
    """Return a stream as LlamaIndex tells it: ``first`` in ms is when its first token came."""
    token = Span.Event(name="First Token Stream Event", time_unix_nano=NOW + (first - 10_000) * MS)
    return LAZY, call(number, trace=number, at=at, events=[token], **more)


BEGUN = {"trace": 9, "at": (25, 900), "id": "chatcmpl-h7000001"}


def test_a_stream_that_begins_after_its_frameworks_span_counts_once() -> None:
    assert tokens_counted(lazy(1, 60, tokens=7), (SDK, call(9, tokens=7, **BEGUN))) == [7]
    assert tokens_counted(lazy(1, 60), (SDK, call(9, tokens=7, **BEGUN))) == [7]
    assert tokens_counted(lazy(1, 60), (SDK, call(9, **BEGUN))) == [None]
    assert tokens_counted(lazy(1, 60, tokens=7)) == [7]


@pytest.mark.parametrize(
    ("framework", "sdk"),
    [
        (lazy(1, 60, tokens=8), {}),
        (lazy(1, 60, tokens=7, id="chatcmpl-h7000002"), {}),
        (lazy(1, 60, tokens=7), {"at": (-20, 900)}),
        (lazy(1, 1100, tokens=7), {"at": (1001, 1900)}),
        (lazy(1, 60, tokens=7), {"at": (25, 50)}),
        (lazy(1, 60, tokens=7), {"at": (70, 900)}),
        (lazy(1, 60, tokens=7), {"status": FAILED, "tokens": None}),
        (lazy(1, 60, tokens=7), {"tokens": None}),
        (lazy(1, 60, at=(0, 70), tokens=7), {}),
        ((FRAMEWORK, lazy(1, 60, tokens=7)[1]), {}),
    ],
    ids=[
        *("other tokens", "its own id", "begun before", "begun late", "over before the first token"),
        *("begun after the first token", "a failed attempt", "no tokens", "its span saw the token", "who waits for it"),
    ],
)
def test_a_stream_beside_one_of_a_framework_that_may_be_another_counts_too(
    framework: tuple[str, Span], sdk: dict[str, Any]
) -> None:
    told = {"tokens": 7} | BEGUN | sdk
    tokens = told.pop("tokens")
    counted = tokens_counted(framework, (SDK, call(9, **told, **({} if tokens is None else {"tokens": tokens}))))
    assert len(counted) == 2


def test_streams_at_once_that_begin_after_their_frameworks_spans_count_once_each() -> None:
    """Some tell no usage, as one that is left before its end; others tell the same tokens."""
    both = Story()
    for number in range(1, 201):
        start = number * 7 % 500
        told = {"tokens": number % 3} if number % 3 else {}
        inside = call(1000 + number, trace=1000 + number, at=(start + 25, start + 400 + number * 5 % 90), **told)
        around = lazy(number, start + 60 + number % 9, at=(start, start + 20), **told)
        both.run([request(inside, scope=SDK), request(around[1], scope=LAZY)])
    assert len(both.calls()) == 200
    assert [row for row in both.calls() if row["first_token"] is not None] == [], "only frameworks tell of it here"


def test_the_server_below_a_client_counts_once() -> None:
    client = (INSTRUMENTOR, call(1, id="chatcmpl-6a0f0d0be7a64ed6", tokens=10))
    told = usage(11) | {"gen_ai.request.id": "chatcmpl-6a0f0d0be7a64ed6"}
    server = ("vllm.llm_engine", placed(2, told, 1, name="llm_request"))
    assert tokens_counted(client, server) == [10]
    assert tokens_counted(server) == [11]


def concurrent() -> Iterator[tuple[Span, Span]]:
    """Yield calls that overlap, each as the framework and the SDK's instrumentor saw it."""
    for number in range(1, 301):
        start, end = number * 7 % 500, 600 + number * 5 % 400
        around = call(number, trace=number, at=(start, end + 3))
        yield around, call(1000 + number, trace=1000 + number, at=(start + 2, end))


def test_identical_calls_at_once_all_count() -> None:
    both, framework, sdk = Story(), Story(), Story()
    for around, inside in concurrent():
        both.run([request(inside, scope=SDK), request(around, scope=FRAMEWORK)])
        framework.run([request(around, scope=FRAMEWORK)])
        sdk.run([request(inside, scope=SDK)])
    assert [len(story.calls()) for story in (both, framework, sdk)] == [300, 300, 300]
