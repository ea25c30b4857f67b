"""The truth about a day, counted from its plan: what a database must say after it has taken the whole past in."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from spanpulse_stream.traffic.day._request import Request, Step

__all__ = ["DayTotals", "ModelUse", "totals_of"]


@dataclass(slots=True)
class ModelUse:
    """What one model did: all its requests, the failed ones and those without usage among them; tokens of the rest."""

    requests: int = 0
    errors: int = 0
    without_usage: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(slots=True)
class DayTotals:
    """Counts of a day: ``tool_errors`` by span name and error type, ``scores`` by name and label."""

    spans: int = 0
    logs: int = 0
    traces: int = 0
    failed_traces: int = 0
    by_model: dict[str, ModelUse] = field(default_factory=dict)
    tool_errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    scores: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def records(self) -> int:
        """Spans and log records."""
        return self.spans + self.logs

    @property
    def requests(self) -> int:
        """Model calls."""
        return sum(use.requests for use in self.by_model.values())


def totals_of(requests: Iterable[Request]) -> DayTotals:
    """Return the totals of planned requests."""
    totals = DayTotals()
    for request in requests:
        totals.traces += 1
        totals.failed_traces += request.steps[0].failure is not None
        totals.spans += len(request.steps)
        totals.logs += len(request.scores)
        totals.scores.update((score.name, score.label) for score in request.scores)
        for step in request.steps:
            _add(totals, step)
    return totals


def _add(totals: DayTotals, step: Step) -> None:
    if step.kind == "tool" and step.failure is not None:
        totals.tool_errors[step.name, step.failure.kind] += 1
    if (call := step.call) is None:
        return
    use = totals.by_model.setdefault(call.model.name, ModelUse())
    use.requests += 1
    use.errors += step.failure is not None
    if not call.reports:
        use.without_usage += 1
        return
    use.input_tokens += call.input_tokens
    use.output_tokens += call.output_tokens
    use.cache_read_tokens += call.cache_read
    use.cache_write_tokens += call.cache_write
    use.reasoning_tokens += call.reasoning
