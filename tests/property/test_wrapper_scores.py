"""Whatever is passed as a score, nothing raises, and each one is sent or counted."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spanpulse._scores import score
from wrapper_scoring import PROVIDER, own_state

SPAN = PROVIDER.get_tracer("app").start_span("chat")
anything: Any = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.binary(max_size=40),
    st.lists(st.integers(), max_size=2), st.builds(object), st.just(SPAN), st.just(SPAN.get_span_context()),
    st.integers(min_value=1, max_value=2**128).map(lambda number: f"{number:032x}"),
)  # fmt: skip
WORDS = ("label", "explanation", "evaluator", "response_id", "trace_id", "span_id", "span")
calls = st.tuples(st.text(max_size=5) | anything, anything, st.dictionaries(st.sampled_from(WORDS), anything))


@settings(max_examples=60, deadline=None)
@given(st.lists(calls, max_size=12))
def test_every_score_is_sent_or_counted(some: list[tuple[Any, Any, dict[str, Any]]]) -> None:
    with own_state() as scores:
        for name, value, said in some:
            score(name, value, **said)
        sent = scores.all()
        counts = scores.counts
    assert counts["taken"] == len(some) == len(sent) + sum(counts["dropped"].values())
    assert counts["sent"] == len(sent)
    for each in sent:
        assert each["gen_ai.evaluation.name"]
        assert math.isfinite(each.get("gen_ai.evaluation.score.value", 0))
        assert each.keys() & {"gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label"}
