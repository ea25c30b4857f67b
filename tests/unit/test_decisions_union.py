"""The union of partitions, case by case: which copy stays, what is left alone, what is sent and when."""

import numpy as np
import pyarrow as pa

from builders import Span, in_log, llm, span_columns
from reconciling import Reconciled
from spanpulse_stream.decisions import Finding, Reconciler, Union
from spanpulse_stream.decisions._stored import Listed, _in_order, _joined, _portions
from spanpulse_stream.decisions._union import COUNTED, STORED
from spanpulse_stream.usage import PartitionState, attribute_usage


def seen(spans: list[Span], source: int) -> pa.Table:
    """Return the rows of `seen` that a source writes of spans."""
    return pa.Table.from_batches([attribute_usage(span_columns(spans, source), PartitionState(100)).seen])


def told(*bits: int) -> np.ndarray:
    return np.array(bits, np.uint8)


def targets(found: list[Finding]) -> list[tuple[int, int, str]]:
    return [(each.log_source, each.decision.log_offset, each.decision.reason) for each in found]


def test_a_copy_that_was_received_earlier_and_is_read_later_stays() -> None:
    union = Union(100)
    union.take(seen(in_log([llm(1)], first=9), 1), told(STORED | COUNTED))
    union.take(seen(in_log([llm(1)], first=3), 2), told(STORED | COUNTED))
    assert targets(union.differences({1, 2})) == [(1, 9, "duplicate")]
    assert union.differences({2}) == []


def test_of_copies_received_at_once_that_of_the_first_source_stays() -> None:
    for order in ((1, 2), (2, 1)):
        union = Union(100)
        for source in order:
            union.take(seen(in_log([llm(1)]), source), told(STORED | COUNTED))
        assert targets(union.differences({1, 2})) == [(2, 0, "duplicate")]


def test_a_copy_that_was_left_out_of_storage_does_not_stand_for_one_that_is_stored() -> None:
    """The keep policy of one partition left a span out; that of another, which knew of a call, did not."""
    union = Union(100)
    union.take(seen(in_log([Span(1)]), 1), told(0))
    union.take(seen(in_log([Span(1)], first=5), 2), told(STORED))
    assert union.differences({1, 2}) == []
    union.take(seen(in_log([Span(1)], first=9), 3), told(STORED))
    assert targets(union.differences({1, 2, 3})) == [(3, 9, "duplicate")]


def test_what_is_not_stored_is_not_decided_about() -> None:
    union = Union(100)
    union.take(seen(in_log([llm(1, response_id="chatcmpl-7h70001")]), 1), told(0))
    better = llm(2, rank=3, response_id="chatcmpl-7h70001", input_tokens=1)
    union.take(seen(in_log([better], first=5), 2), told(STORED | COUNTED))
    assert union.differences({1, 2}) == []


def test_texts_that_no_decision_can_hold_are_left_out() -> None:
    union = Union(100)
    outer = Span(1, user_id="x" * 2000, session_id="s")
    union.take(seen(in_log([outer]), 1), told(STORED))
    union.take(seen(in_log([llm(2, 1)], first=5), 2), told(STORED | COUNTED))
    (found,) = union.differences({1, 2})
    assert (found.decision.user_id, found.decision.session_id, found.decision.reason) == (None, "s", "context")


def test_drops_that_wait_are_bounded() -> None:
    union = Union(3)
    for number in range(1, 9):
        for source in (1, 2):
            union.take(seen(in_log([Span(number)], first=number), source), told(STORED))
    assert [offset for _, offset, _ in targets(union.differences({2}))] == [6, 7, 8]


def test_what_was_sent_and_not_applied_is_sent_again_after_a_while() -> None:
    made = Reconciled(2)
    for source in (1, 2):
        made.apply(source, [llm(1)])
    assert len(made.look()) == 1
    made.seconds -= 50
    assert made.look() == []
    made.sent[2].clear()  # it was lost
    made.seconds += 200
    assert len(made.look()) == 1
    made.apply(2)
    made.seconds += 1000
    assert made.look() == []


def test_a_source_that_is_gone_is_let_alone() -> None:
    made = Reconciled(3)
    for source in (1, 2, 3):
        made.apply(source, [llm(1)])
    assert {each.log_source for each in made.look([1, 2])} == {2}
    made.seconds += 1000
    assert {each.log_source for each in made.look([1, 3])} == {3}


def test_a_look_that_is_to_end_says_nothing() -> None:
    made = Reconciled(2)
    for source in (1, 2):
        made.apply(source, [llm(1)])
    made.reconciler.over = lambda: True
    look = made.reconciler.look([1, 2])
    assert (look.findings, look.spans) == ([], 0)
    assert look.behind > 0
    made.reconciler.over = lambda: False
    assert made.reconciler.look([1, 2]).spans == 2


def test_the_reach_begins_in_seconds_before_now() -> None:
    reconciler = Reconciler(None, 10, 900.0, now=lambda: 1000.0)  # type: ignore[arg-type]
    assert reconciler._since == 100_000


def test_batches_of_a_source_stay_in_order_when_a_clock_steps_back() -> None:
    batches = [Listed(1, 0, 5, 100, 1, 0), Listed(1, 5, 9, 90, 1, 0), Listed(2, 0, 3, 95, 1, 0)]
    assert [each[:2] for each in _in_order(reversed(batches[2:] + batches[:2][::-1]))] == [(2, 0), (1, 0), (1, 5)]
    assert [len(part) for part in _portions(range(130))] == [64, 64, 2]


def test_what_is_stored_finds_its_row() -> None:
    rows = seen(in_log([Span(1), Span(2), Span(3)], per_message=2), 1)
    stored = (
        rows.slice(1, 2).select(["log_source", "log_offset", "ordinal"]).append_column("told", pa.array(told(3, 1)))
    )
    assert _joined(rows, stored).tolist() == [0, 3, 1]
    elsewhere = stored.set_column(0, "log_source", pa.array([2, 2], pa.uint32()))
    assert _joined(rows, elsewhere).tolist() == [0, 0, 0]
    assert _joined(rows.slice(0, 0), stored).tolist() == []
