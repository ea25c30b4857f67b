"""The generated day: the same bytes every time, whole traces within the day, totals of the plan, and its story."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from day_totals import DayTotals, ModelUse, totals_of
from spanpulse_stream.price._overrides import best_rule, parse_rules
from spanpulse_stream.traffic.day import (
    AGENT_ROOT,
    DEARER,
    FAILING,
    NEW_PRICE_MODEL,
    PROMPT,
    REQUESTS,
    SLOW,
    SLOW_MODEL,
    TOOL,
    Day,
    Export,
)
from spanpulse_stream.traffic.day._request import Request, Step
from spanpulse_stream.traffic.day._rhythm import DAY_NS, Rhythm
from traffic_costs import attributes

UNTIL = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
END = 1_795_264_200 * 10**9
HOUR = 3600 * 10**9
SMALL = 500


@cache
def past() -> list[Export]:
    return list(Day(UNTIL, size=SMALL).past())


@cache
def planned() -> list[Request]:
    return list(Day(UNTIL).requests())


def spans_of(exports: list[Export]) -> list[Any]:
    return [span for _, span in with_resource(exports)]


def with_resource(exports: list[Export]) -> list[tuple[dict[str, Any], Any]]:
    found = []
    for export in exports:
        if export.signal == "traces":
            (group,) = ExportTraceServiceRequest.FromString(export.body).resource_spans
            (scope,) = group.scope_spans
            found += [(attributes(group.resource), span) for span in scope.spans]
    return found


def logs_of(exports: list[Export]) -> list[Any]:
    found: list[Any] = []
    for export in exports:
        if export.signal == "logs":
            (group,) = ExportLogsServiceRequest.FromString(export.body).resource_logs
            found += group.scope_logs[0].log_records
    return found


def by_trace(spans: list[Any]) -> dict[bytes, list[Any]]:
    traces = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    return traces


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert list(Day(UNTIL, size=60).past()) == list(Day(UNTIL, size=60).past())
    assert list(islice(Day(UNTIL, size=60).future(), 20)) == list(islice(Day(UNTIL, size=60).future(), 20))


def test_another_moment_has_other_ids_and_the_same_totals() -> None:
    later = Day(UNTIL + timedelta(minutes=1), size=SMALL)
    ids = {span.trace_id for span in spans_of(list(later.past()))}
    assert not ids & {span.trace_id for span in spans_of(past())}
    assert totals_of(later.requests()) == totals_of(Day(UNTIL, size=SMALL).requests())


def test_another_seed_is_another_day() -> None:
    assert totals_of(Day(UNTIL, size=60, seed=2).requests()) != totals_of(Day(UNTIL, size=60).requests())


@pytest.mark.parametrize("size", [0, -1, 19_367])
def test_a_size_without_arrivals_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 19366"):
        Day(UNTIL, size=size)


def test_spans_are_whole_traces_within_the_day() -> None:
    spans = spans_of(past())
    assert len({(span.trace_id, span.span_id) for span in spans}) == len(spans)
    for trace in by_trace(spans).values():
        ids = {span.span_id: span for span in trace}
        (root,) = [span for span in trace if not span.parent_span_id]
        assert root.start_time_unix_nano >= END - DAY_NS
        assert root.end_time_unix_nano <= END
        for span in trace:
            assert (len(span.trace_id), len(span.span_id)) == (16, 8)
            above = ids[span.parent_span_id] if span.parent_span_id else span
            assert above.start_time_unix_nano <= span.start_time_unix_nano < span.end_time_unix_nano
            assert span.end_time_unix_nano <= above.end_time_unix_nano


def test_exports_are_bounded_and_in_the_order_of_ends() -> None:
    newest: Counter[str] = Counter()
    for export in past():
        assert 0 < export.records <= 256
        assert export.due <= 0
    for resource, span in with_resource(past()):
        who = resource["service.instance.id"]
        assert span.end_time_unix_nano >= newest[who]
        newest[who] = span.end_time_unix_nano
    assert len(newest) == 5


def test_scores_are_about_a_call_of_their_trace_and_come_after_it() -> None:
    calls = {(span.trace_id, span.span_id): span for span in spans_of(past())}
    scores = logs_of(past())
    assert len(scores) > 50
    for score in scores:
        span, values = calls[score.trace_id, score.span_id], attributes(score)
        assert span.end_time_unix_nano < score.time_unix_nano <= END
        assert score.event_name == "gen_ai.evaluation.result"
        about = attributes(span)
        assert values["gen_ai.prompt.name"] == about["gen_ai.prompt.name"]
        if "gen_ai.response.id" in about:
            assert values["gen_ai.response.id"] == about["gen_ai.response.id"]


def test_the_bytes_hold_what_the_plan_says() -> None:
    assert counted(past()) == totals_of(Day(UNTIL, size=SMALL).requests())


def counted(exports: list[Export]) -> DayTotals:
    """Count the totals from the bytes, by protobuf alone."""
    totals = DayTotals(logs=len(logs_of(exports)))
    for score in map(attributes, logs_of(exports)):
        totals.scores[score["gen_ai.evaluation.name"], score["gen_ai.evaluation.score.label"]] += 1
    for span in spans_of(exports):
        values = attributes(span)
        totals.spans += 1
        totals.traces += not span.parent_span_id
        totals.failed_traces += not span.parent_span_id and span.status.code == 2
        if "gen_ai.tool.name" in values and "error.type" in values:
            totals.tool_errors[span.name, values["error.type"]] += 1
        if "gen_ai.request.model" in values:
            add_call(totals.by_model.setdefault(values["gen_ai.request.model"], ModelUse()), values)
    return totals


def add_call(use: ModelUse, values: dict[str, Any]) -> None:
    use.requests += 1
    use.errors += "error.type" in values
    use.without_usage += "gen_ai.usage.input_tokens" not in values
    use.input_tokens += values.get("gen_ai.usage.input_tokens", 0)
    use.output_tokens += values.get("gen_ai.usage.output_tokens", 0)
    use.cache_read_tokens += values.get("gen_ai.usage.cache_read.input_tokens", 0)
    use.cache_write_tokens += values.get("gen_ai.usage.cache_write.input_tokens", 0)
    use.reasoning_tokens += values.get("gen_ai.usage.reasoning.output_tokens", 0)


def test_what_comes_is_whole_and_new_and_due_as_it_ends() -> None:
    before = {span.trace_id for span in spans_of(past())}
    exports = list(islice(Day(UNTIL, size=SMALL).future(), 300))
    assert not before & {span.trace_id for span in spans_of(exports)}
    dues = [export.due for export in exports]
    assert dues == sorted(dues)
    for export in exports:
        for span in spans_of([export]):
            assert span.end_time_unix_nano <= END + export.due * 1e9 + 1000
    roots = {span.trace_id for span in spans_of(exports) if not span.parent_span_id}
    begun = {span.trace_id for span in spans_of(exports)}
    assert len(begun - roots) < 10  # those that had not ended when we stopped looking


def test_the_day_and_what_comes_leave_no_request_out() -> None:
    day = Day(UNTIL, size=SMALL)
    numbers = [request.number for request in day.requests()]
    missing = set(range(SMALL)) - set(numbers)
    coming = {day._plan(number).number for number in missing if day._plan(number).end > 0}
    assert coming == missing
    first = Rhythm(SMALL).first_after(-20 * 60 * 10**9)
    assert all(number >= first for number in missing)


def test_arrivals_have_a_tide_and_go_on_without_end() -> None:
    rhythm = Rhythm()
    moments = np.array([rhythm.arrival(number).moment for number in range(REQUESTS * 2 + 10)])
    assert (np.diff(moments) >= 0).all()
    assert moments[0] >= -DAY_NS
    assert moments[REQUESTS - 1] < 0 <= moments[REQUESTS]
    hours = np.bincount((moments[:REQUESTS] + DAY_NS) // HOUR)
    assert hours.size == 24
    assert hours[8:13].mean() * 2 < hours[17:22].mean()
    assert 1.4e9 < np.diff(moments[REQUESTS:]).mean() < 1.6e9


def test_the_demos_day_has_the_size_that_is_said() -> None:
    totals = totals_of(planned())
    assert 40_000 <= totals.spans <= 60_000
    assert totals.logs > 2_000
    assert {name for name, _ in totals.scores} == {"thumbs", "groundedness"}
    assert totals.by_model["deepseek-chat"].without_usage > 100
    assert min(use.requests for use in totals.by_model.values()) > 300


def test_the_price_jump() -> None:
    for request in planned():
        for step in request.steps:
            if step.call is None or step.call.prompt != PROMPT or request.deployment.environment == "staging":
                continue
            dear = request.steps[0].start >= DEARER.begin
            assert step.call.version == ("4" if dear else "3")
            assert step.call.model.name.startswith("gpt-5-2025" if dear else "gpt-5-mini")


def steps_of(model: str, begin: int, end: int) -> list[Step]:
    steps = [step for request in planned() for step in request.steps if begin <= step.start < end]
    return [step for step in steps if step.call is not None and step.call.model.name == model]


def test_the_slow_model() -> None:
    slow = steps_of(SLOW_MODEL.name, SLOW.begin, SLOW.end)
    usual = [*steps_of(SLOW_MODEL.name, -DAY_NS, SLOW.begin), *steps_of(SLOW_MODEL.name, SLOW.end, 0)]
    times, usual_times = ([step.end - step.start for step in each] for each in (slow, usual))
    assert np.percentile(times, 95) > 3 * np.percentile(usual_times, 95)
    kinds = [{step.failure.kind for step in each if step.failure} for each in (slow, usual)]
    assert "APITimeoutError" in kinds[0] - kinds[1]


def test_the_failing_tool() -> None:
    for request in planned():
        tools = [step for step in request.steps if step.name == f"execute_tool {TOOL}" and step.failure]
        assert all(FAILING.holds(step.start) for step in tools)
        if request.steps[0].failure is not None and request.steps[0].failure.kind == "ToolRetriesExceeded":
            assert request.steps[0].name == AGENT_ROOT
            assert len(tools) >= 3
    totals = totals_of(planned())
    assert totals.tool_errors[f"execute_tool {TOOL}", "ConnectTimeout"] > 100
    assert totals.failed_traces > 40


def test_the_price_list_changes_at_the_last_midnight_utc() -> None:
    rules = parse_rules(Day(UNTIL).prices, Path("prices.yaml"))
    assert all(rule.names(NEW_PRICE_MODEL.provider, NEW_PRICE_MODEL.name) for rule in rules)
    midnight = UNTIL.replace(hour=0, minute=0)
    holds = [best_rule(rules, midnight + timedelta(seconds=shift), None) for shift in (-1, 0)]
    assert [rules.index(rule) for rule in holds if rule] == [0, 1]
