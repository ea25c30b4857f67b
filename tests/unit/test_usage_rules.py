"""Each rule of usage attribution with the case that asks for it; shapes and times are those of real exports."""

import pytest

from builders import BASE_NS, Span, in_log, llm
from usage_model import Log

US = 1_000


def counted(spans: list[Span], *, one_by_one: bool = False) -> list[int]:
    """Return the ids of the spans that count, after one batch or one batch a span; both arrival orders agree."""
    outcomes = []
    for order in (spans, spans[::-1]):
        log = Log()
        placed = in_log(order)
        for batch in [[span] for span in placed] if one_by_one else [placed]:
            log.run(batch)
        outcomes.append(sorted(key[2] for key, (counts, _) in log.outcome().items() if counts))
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


@pytest.fixture(params=[False, True], ids=["one batch", "a batch each"])
def one_by_one(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def at(start: int, end: int) -> dict[str, object]:
    """Return an interval in microseconds."""
    return {"start": BASE_NS + start * US, "end": BASE_NS + end * US}


def anthropic(span: int, **values: object) -> Span:
    return llm(span, **({"provider": "anthropic", "request_model": "claude-sonnet-4-5"} | values))


def test_native_and_instrumentor_spans_in_two_traces_count_once(one_by_one: bool) -> None:
    native = anthropic(1, trace=10, rank=3, response_id="msg_h7000707", output_tokens=45)
    instrumentor = anthropic(2, trace=11, rank=2, response_id="msg_h7000707", output_tokens=46)
    assert counted([native, instrumentor], one_by_one=one_by_one) == [1]


def test_among_equals_the_one_with_usage_counts(one_by_one: bool) -> None:
    spans = [
        llm(1, trace=10, response_id="resp_h7000235"),
        llm(2, trace=11, response_id="resp_h7000235", input_tokens=0),
    ]
    assert counted(spans, one_by_one=one_by_one) == [2]


def test_providers_named_differently_are_one_call(one_by_one: bool) -> None:
    spans = [
        llm(1, provider="azure.ai.openai", response_id="chatcmpl-h7000215", input_tokens=1),
        llm(2, provider="openai", response_id="chatcmpl-h7000215", rank=1, input_tokens=1),
    ]
    assert counted(spans, one_by_one=one_by_one) == [1]


def test_tenants_are_apart(one_by_one: bool) -> None:
    spans = [llm(number, tenant=f"t{number}", response_id="chatcmpl-h7000215") for number in (1, 2)]
    assert counted(spans, one_by_one=one_by_one) == [1, 2]


def test_ids_too_short_to_be_unique_name_a_call_within_its_trace(one_by_one: bool) -> None:
    spans = [
        llm(1, trace=10, response_id="chatcmpl-417"),
        llm(2, trace=11, response_id="chatcmpl-417"),
        llm(3, 2, trace=11, response_id="chatcmpl-417", input_tokens=3),
    ]
    assert counted(spans, one_by_one=one_by_one) == [1, 3]


def test_a_wrapper_over_its_calls_does_not_count(one_by_one: bool) -> None:
    """Like Vercel's generateText with usage of its own over doGenerate."""
    spans = [
        llm(1, rank=1, input_tokens=20),
        llm(2, 1, response_id="chatcmpl-h7000738", input_tokens=10),
        Span(3, 1, kind="tool"),
        llm(4, 1, response_id="chatcmpl-h7000739", input_tokens=10),
    ]
    assert counted(spans, one_by_one=one_by_one) == [2, 4]


def test_a_wrapper_over_failed_attempts_does_not_count_and_each_attempt_does(one_by_one: bool) -> None:
    spans = [llm(1, rank=1), llm(2, 1), llm(3, 1)]
    assert counted(spans, one_by_one=one_by_one) == [2, 3]


def test_a_failed_call_seen_by_two_nested_instrumentors_counts_once(one_by_one: bool) -> None:
    assert counted([llm(1), Span(5, 1), llm(2, 5)], one_by_one=one_by_one) == [2]


@pytest.mark.parametrize("order", [(1, 2, 3, 4), (4, 3, 2, 1), (4, 1, 3, 2), (1, 4, 2, 3)])
def test_intermediate_spans_may_come_last(order: tuple[int, ...]) -> None:
    spans = {1: llm(1, rank=1), 2: Span(2, 1), 3: Span(3, 2, kind="agent"), 4: llm(4, 3, input_tokens=1)}
    assert counted([spans[number] for number in order], one_by_one=True) == [4]


def test_a_framework_span_with_an_id_gives_way_to_its_call_without_one(one_by_one: bool) -> None:
    spans = [llm(1, rank=1, response_id="chatcmpl-h7000566", input_tokens=9), llm(2, 1, input_tokens=9)]
    assert counted(spans, one_by_one=one_by_one) == [2]


def test_an_instrumentor_span_with_an_id_stays_over_other_calls(one_by_one: bool) -> None:
    """A tool that a call runs may call a model itself: two calls."""
    spans = [llm(1, response_id="gem-h7000530", input_tokens=1), Span(2, 1, kind="tool"), llm(3, 2, input_tokens=1)]
    assert counted(spans, one_by_one=one_by_one) == [1, 3]


def test_an_embedding_below_a_call_is_another_call(one_by_one: bool) -> None:
    spans = [llm(1, rank=1), llm(2, 1, kind="embedding", input_tokens=16)]
    assert counted(spans, one_by_one=one_by_one) == [1, 2]


def test_nested_embedding_spans_count_once(one_by_one: bool) -> None:
    spans = [llm(1, rank=1, kind="embedding", input_tokens=16), llm(2, 1, kind="embedding", input_tokens=16)]
    assert counted(spans, one_by_one=one_by_one) == [2]


def test_agents_and_workflows_never_count(one_by_one: bool) -> None:
    spans = [Span(1, kind="agent", input_tokens=5), Span(2, 1, kind="workflow", response_id="chatcmpl-h7000566")]
    assert counted(spans, one_by_one=one_by_one) == []


def test_calls_without_usage_are_requests(one_by_one: bool) -> None:
    spans = [llm(1, trace=10, status="error"), llm(2, trace=11, response_id="chatcmpl-h7000007")]
    assert counted(spans, one_by_one=one_by_one) == [1, 2]


@pytest.mark.parametrize(
    ("native", "instrumentor"),
    [
        ((612_249, 655_572), (611_395, 658_537)),
        ((974_849, 978_617), (973_535, 979_942)),
        ((0, 20_000), (10_000, 40_000)),
    ],
    ids=["err429", "err500_stream", "overlap is not enough"],
)
def test_a_failed_call_of_native_sdk_and_instrumentor(
    native: tuple[int, int], instrumentor: tuple[int, int], one_by_one: bool
) -> None:
    spans = [anthropic(1, trace=10, rank=3, **at(*native)), anthropic(2, trace=11, **at(*instrumentor))]
    assert counted(spans, one_by_one=one_by_one) == ([1] if native[0] else [1, 2])


@pytest.mark.parametrize(
    "other",
    [
        {"resource": '{"service.name":"other"}'},
        {"request_model": "claude-haiku-4-5"},
        {"provider": "aws.bedrock"},
        {"tenant": "other"},
        {"kind": "embedding"},
        {"response_id": "msg_h7000707"},
        {"rank": 3},
        at(5_100, 40_000),
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_call_that_is_not_the_native_one_counts_too(other: dict[str, object], one_by_one: bool) -> None:
    spans = [anthropic(1, trace=10, rank=3, **at(0, 20_000)), anthropic(2, trace=11, **at(-1_000, 21_000) | other)]
    assert counted(spans, one_by_one=one_by_one) == [1, 2]


def test_many_failed_calls_at_once_do_not_swallow_each_other() -> None:
    spans = []
    for call in range(200):
        spans.append(anthropic(1000 + call, trace=1000 + call, rank=3, **at(call * 7, 30_000 + call * 5)))
        spans.append(anthropic(2000 + call, trace=2000 + call, **at(call * 7 - 900, 30_700 + call * 5)))
    assert counted(spans) == [1000 + call for call in range(200)]


def test_context_comes_from_the_nearest_ancestor_that_has_it() -> None:
    log = Log()
    log.run(in_log([llm(4, 3), Span(3, 2), llm(5, 3, user_id="own")]))
    log.run(in_log([Span(1, user_id="root", session_id="s")], first=10))
    assert log.updates == 0
    result = log.run(in_log([Span(2, 1, user_id="near", prompt_name="p", prompt_version="3")], first=20))
    assert result.corrections.size == 2
    context = {key[2]: values for key, (_, values) in log.outcome().items()}
    assert context[4] == ("near", "s", "p", "3")
    assert context[5] == ("own", "s", "p", "3")
    assert context[3] == (None,) * 4, "only calls tell of what they inherit"


def test_context_within_one_batch_is_no_correction() -> None:
    log = Log()
    result = log.run(in_log([llm(2, 1), Span(1, user_id="alice", session_id="s"), llm(3, 1)]))
    assert result.corrections.size == 0
    assert result.user_id.tolist() == ["alice"] * 3


def test_context_does_not_cross_traces_or_tenants() -> None:
    log = Log()
    log.run(in_log([Span(1, user_id="alice"), llm(2, 1, trace=2), llm(3, 1, tenant="other")]))
    assert {context[0] for key, (_, context) in log.outcome().items() if key[2] != 1} == {None}


def test_corrections_name_their_target_and_cause() -> None:
    log = Log()
    log.run(in_log([anthropic(1, trace=10, response_id="msg_h7000707")], first=5))
    result = log.run(in_log([Span(9), anthropic(2, trace=11, rank=3, response_id="msg_h7000707")], first=70))
    [row] = result.corrections.record_batch().to_pylist()
    assert (row["log_offset"], row["target_log_offset"], row["target_ordinal"]) == (71, 5, 0)
    assert (row["trace_id"], row["span_id"]) == (f"{10:032x}", f"{1:016x}")
    assert (row["counted"], row["user_id"], row["reason"]) == (False, None, "response_id")
    assert row["received_at"].microsecond == 71_000
    assert row["target_received_at"].microsecond == 5_000


def test_calls_with_other_tokens_are_other_calls_however_close(one_by_one: bool) -> None:
    frameworks = [llm(n, trace=n, rank=1, input_tokens=1000 + n, **at(n * 50, 8_000)) for n in range(2, 7)]
    other = llm(1, trace=1, rank=2, response_id="chatcmpl-h7000901", input_tokens=7, **at(300, 2_300))
    assert counted([*frameworks, other], one_by_one=one_by_one) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("trace", [1, 9])
def test_a_span_with_usage_does_not_give_way_to_one_without(trace: int, one_by_one: bool) -> None:
    framework = llm(1, rank=1, input_tokens=50, output_tokens=5, **at(0, 3_000))
    below = llm(2, parent=1, trace=trace, rank=2, **at(10, 2_900))
    failed = llm(3, parent=1, trace=trace, rank=2, status="error", **at(10, 500))
    assert counted([framework, below], one_by_one=one_by_one) == [1]
    assert counted([framework, failed], one_by_one=one_by_one) == [1, 3]


def test_one_id_counts_where_its_usage_is(one_by_one: bool) -> None:
    spans = [
        llm(1, trace=1, rank=2, response_id="chatcmpl-h7000902"),
        llm(2, trace=2, rank=1, response_id="chatcmpl-h7000902", input_tokens=50),
    ]
    assert counted(spans, one_by_one=one_by_one) == [2]


def test_a_framework_with_an_id_of_its_own_gives_way_to_its_call(one_by_one: bool) -> None:
    framework = llm(1, rank=1, response_id="chatcmpl-litellm-0001", input_tokens=50)
    below = llm(2, parent=1, rank=2, response_id="resp_h7000903", input_tokens=50)
    assert counted([framework, below], one_by_one=one_by_one) == [2]
