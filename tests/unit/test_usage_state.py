"""The memory of a partition: window, restoring, bounds, hostile traces."""

import re
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import spanpulse_sinks
from builders import Span, in_log, llm, log_columns, span_columns, words
from spanpulse_stream.usage import SEEN_SCHEMA, PartitionState, attribute_usage, drop_duplicate_logs
from spanpulse_stream.usage._intern import Interner
from usage_model import Log


def test_the_window_holds_exactly_that_many_spans() -> None:
    log = Log(window=3)
    log.run(in_log([Span(number) for number in (1, 2, 3)]))
    assert not log.run(in_log([Span(1)], first=10)).keep[0]
    assert log.run(in_log([Span(4)], first=11)).keep[0]
    assert log.run(in_log([Span(1)], first=12)).keep[0], "1 left when 4 came"
    assert not log.run(in_log([Span(3)], first=13)).keep[0]


def test_what_left_without_its_parent_is_told() -> None:
    log = Log(window=2)
    result = log.run(in_log([llm(1, 9), Span(2, 9), llm(3), llm(4, 3), llm(5), llm(6)]))
    assert result.lost.tolist() == [0, 0, 1, 0, 0, 0]
    assert log.run(in_log([Span(9, user_id="late")], first=9)).corrections.size == 0


def test_a_batch_may_be_larger_than_the_window() -> None:
    log = Log(window=4)
    spans = [span for number in range(1, 60, 2) for span in (llm(number, number + 1), Span(number + 1, user_id="u"))]
    result = log.run(in_log(spans))
    assert result.corrections.size == 0
    assert result.user_id.tolist() == ["u"] * len(spans)


@pytest.mark.parametrize("order", ["down", "up", "middle last", "shuffled"])
def test_a_trace_10_000_deep(order: str) -> None:
    depth = 10_000
    spans = [llm(number, number - 1, rank=1, user_id="root" if number == 1 else None) for number in range(1, depth + 1)]
    spans[-1] = llm(depth, depth - 1, rank=2, input_tokens=1)
    places = {
        "down": np.arange(depth),
        "up": np.arange(depth)[::-1],
        "middle last": np.concatenate([np.arange(0, depth, 2), np.arange(1, depth, 2)]),
        "shuffled": np.random.default_rng(1).permutation(depth),
    }[order]
    columns = span_columns(in_log([spans[place] for place in places]))
    state = PartitionState(20_000)
    attribute_usage(span_columns(in_log([Span(1)])), PartitionState(10))  # compiled
    begin = time.thread_time()
    result = attribute_usage(columns, state)
    assert time.thread_time() - begin < 1
    assert [spans[place].span for place in places[result.counted]] == [depth]
    assert set(result.user_id.tolist()) == {"root"}


@pytest.mark.parametrize("root_first", [True, False])
def test_a_trace_10_000_wide(root_first: bool) -> None:
    children = [llm(number, 1, input_tokens=1) for number in range(2, 10_002)]
    root = [llm(1, rank=1, user_id="root", input_tokens=1)]
    log = Log(window=20_000)
    log.run(in_log(root if root_first else children))
    result = log.run(in_log(children if root_first else root, first=20_000))
    assert result.corrections.size == (1 if root_first else 10_000)
    outcome = log.outcome()
    assert sum(counts for counts, _ in outcome.values()) == 10_000
    assert {context[0] for _, context in outcome.values()} == {"root"}


def test_rings_of_parents_end_and_lose_no_call() -> None:
    ring = [Span(1, 3, user_id="u"), Span(2, 1), llm(3, 2, input_tokens=1), llm(4, 4, input_tokens=1)]
    for turn in range(4):
        log = Log()
        for span in in_log(ring[turn:] + ring[:turn]):
            log.run([span])
        assert [key[2] for key, (counts, _) in sorted(log.outcome().items()) if counts] == [3, 4]


def test_a_ring_too_long_to_be_noticed_ends_all_the_same() -> None:
    size = 3_000
    spans = [Span(number, number % size + 1, user_id="u" if number == 1 else None) for number in range(1, size + 1)]
    order = [*range(0, size, 2), *range(1, size, 2)]
    log = Log(window=2_000)  # and the ring is torn while it stands
    log.run(in_log([spans[place] for place in order]))
    assert len(log.stored) == size


def test_5_000_spans_with_one_response_id() -> None:
    spans = [llm(number, trace=number, response_id="chatcmpl-constant") for number in range(1, 5_001)]
    log = Log(window=10_000)
    log.run(in_log(spans[::-1]))
    assert [key[2] for key, (counts, _) in log.outcome().items() if counts] == [1]


def test_thousands_of_calls_in_one_instant_take_no_quadratic_time() -> None:
    spans = [
        llm(
            number,
            trace=number,
            rank=2 + number % 2,
            start=number * 6_000_000 % 900_000_000,
            end=10**9 + number * 6_000_000,
        )
        for number in range(1, 30_001)
    ]
    columns, state = span_columns(in_log(spans)), PartitionState(50_000)
    begin = time.thread_time()
    attribute_usage(columns, state)
    assert time.thread_time() - begin < 3


def test_extreme_times_do_no_harm() -> None:
    most = 2**63 - 1
    spans = [
        llm(number, trace=number, rank=number % 4, start=start, end=end)
        for number, (start, end) in enumerate(
            [(most, -most - 1), (-most - 1, most), (0, 0), (most, most), (-1, 1)] * 3, start=1
        )
    ]
    assert Log().run(in_log(spans)).keep.all()


def test_context_texts_are_let_go_with_the_window() -> None:
    log = Log(window=1_000)
    log.state.contexts = Interner(slack=100)
    for batch in range(30):
        first = batch * 500
        spans = [llm(first + number + 1, user_id=f"user-{first + number}") for number in range(500)]
        result = log.run(in_log(spans, first=first))
        assert result.user_id.tolist() == [f"user-{first + number}" for number in range(500)]
        assert len(log.state.contexts) <= 3_000
    inherited = log.run(in_log([llm(99_999, 15_000)], first=20_000))
    assert inherited.user_id.tolist() == ["user-14999"]


def test_log_records_sent_again() -> None:
    state = PartitionState(3)
    keep, seen = drop_duplicate_logs(log_columns([1 << 64, 2, 2, 3, 1 << 64], ["a", "a", "b", "a", "a"]), state)
    assert keep.tolist() == [True, True, True, True, True], "the first left the window"
    again, none = drop_duplicate_logs(log_columns([2, 1 << 64, 3], ["b", "a", "a"], first=9), state)
    assert (again.any(), none.num_rows) == (False, 0)
    assert seen["record"].to_pylist() == [1] * 5
    restored = PartitionState(3)
    restored.restore(pa.Table.from_batches([seen]))
    assert not drop_duplicate_logs(log_columns([2, 1 << 64, 3], ["b", "a", "a"], first=9), restored)[0].any()


def test_a_log_record_is_no_span() -> None:
    state = PartitionState(10)
    drop_duplicate_logs(log_columns([(7 << 64) + 8], ["default"]), state)
    assert attribute_usage(span_columns(in_log([Span(1, trace=(7 << 64) + 8)])), state).keep.all()


def test_restoring_refuses_rows_out_of_order() -> None:
    seen = attribute_usage(span_columns(in_log([Span(1), Span(2)])), PartitionState(10)).seen
    with pytest.raises(ValueError, match="log order"):
        PartitionState(10).restore(pa.Table.from_batches([seen.slice(1), seen.slice(0, 1)]))


def test_restoring_reads_dictionaries_as_the_database_may_send_them() -> None:
    spans = in_log([Span(1, user_id="u", prompt_name="p"), Span(2, 1)])
    seen = pa.Table.from_batches([attribute_usage(span_columns(spans), PartitionState(10)).seen])
    for name in ("tenant", "prompt_name"):
        place = seen.schema.get_field_index(name)
        seen = seen.set_column(place, name, seen[name].dictionary_encode())
    state = PartitionState(10)
    state.restore(seen)
    result = attribute_usage(span_columns(in_log([llm(3, 2)], first=5)), state)
    assert (result.user_id.tolist(), result.prompt_name.tolist()) == (["u"], ["p"])


def test_the_rows_of_seen_are_the_columns_of_the_table() -> None:
    migration = Path(spanpulse_sinks.__file__).parent / "clickhouse" / "migrations" / "0001_initial.sql"
    sql = migration.read_text()
    corrections = attribute_usage(span_columns([]), PartitionState(10)).corrections.record_batch()
    for table, names in (("seen", SEEN_SCHEMA.names), ("span_updates", corrections.schema.names[:-1])):
        body = re.search(rf"CREATE TABLE IF NOT EXISTS {table}\n\((.*?)\n\)", sql, re.DOTALL)
        assert body is not None
        assert [line.split()[0] for line in body[1].strip().splitlines()] == names
    assert corrections.schema.names[-1] == "dropped", "which a later migration added"


def test_an_empty_batch() -> None:
    result = attribute_usage(span_columns([]), PartitionState(10))
    assert (len(result.keep), result.seen.num_rows, result.corrections.size, result.unjoined) == (0, 0, 0, 0)


@pytest.mark.parametrize("window", [0, -1, 2**31])
def test_a_window_out_of_range(window: int) -> None:
    with pytest.raises(ValueError, match="window"):
        PartitionState(window)


def test_memory_is_bounded() -> None:
    assert PartitionState(500_000).nbytes < 190 * 2**20  # reserved; what an ordinary window touches is less


def test_words_of_slices_and_unused_values() -> None:
    state = PartitionState(10)
    column = words(["a", None, "", "a", "b"])
    numbers = state.contexts.numbers(column)
    assert state.contexts.words(numbers).tolist() == ["a", None, None, "a", "b"]
