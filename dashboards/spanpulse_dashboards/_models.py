"""What the page shows and its JSON API answers: one model each, every field with its unit.

What is not known is null, and never 0; where a figure cannot be had, ``reason`` says why. Figures are of the unsampled
whole: a call of weight 10 counts ten times, and ``estimated`` then says so. Percentiles come from merged sketches, at
most 1 % off. Money is USD: ``exact`` and fields of type Decimal are exact and written as text.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

__all__ = [
    "Breakdown",
    "BreakdownRow",
    "Confidence",
    "ConfidenceShare",
    "Event",
    "Events",
    "Facet",
    "FacetValue",
    "Facets",
    "Figure",
    "Figures",
    "ModelShare",
    "Money",
    "Overview",
    "Problem",
    "Range",
    "ScoreSummary",
    "Series",
    "Timeline",
    "UnpricedModel",
    "UnpricedModels",
]


def _plain(amount: Decimal) -> str:
    return format(amount, "f")


Money = Annotated[Decimal, PlainSerializer(_plain, return_type=str, when_used="json")]
Values = list[float | None]
Confidence = Literal["computed", "estimated", "provider", "missing", "unpriced"]
Unit = Literal["requests", "ratio", "ms", "USD", "tokens", "users", "score"]


class Model(BaseModel):
    """What all of them have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Model):
    """An error, as RFC 9457 has it; ``detail`` says what to do."""

    type: str = Field(
        default="about:blank", description="a URI of the kind of problem; about:blank: the status says it all"
    )
    title: str = Field(description="the problem in a few words")
    status: int = Field(description="HTTP status", ge=400, le=599)
    detail: str = Field(description="what is wrong here, and what to do")
    parameter: str | None = Field(default=None, description="the parameter of the query that is wrong")


class Range(Model):
    """The time range of an answer. Times are UTC."""

    query: str = Field(description="the scope as the canonical query of a URL")
    start: datetime = Field(description="first moment of the range")
    end: datetime = Field(description="end of the range, not part of it; a preset ends with the present bucket")
    through: datetime = Field(description="end of the minutes that can hold data by now")
    bucket_seconds: int = Field(description="length of a bucket, seconds")
    previous_start: datetime = Field(description="first moment of the period before")
    previous_end: datetime = Field(description="its end: as far into it as `through` is into the range")


class Figure(Model):
    """One number with its past."""

    unit: Unit = Field(description="unit of value, previous and sparkline; a ratio is of 1")
    value: float | None = Field(description="over the whole range; null: see reason")
    previous: float | None = Field(
        default=None, description="over the period before; null: nothing there, or not asked for"
    )
    exact: Money | None = Field(default=None, description="money alone: the exact value, USD")
    sparkline: Values = Field(default_factory=list, description="by bucket, as in the timeline; null: nothing there")
    estimated: bool = Field(
        default=False, description="whether it is estimated, from sampled calls or from part of them"
    )
    coverage: float | None = Field(
        default=None, description="share of the requests that it is of (0 to 1), where not all"
    )
    reason: str | None = Field(default=None, description="why value is null")


class Figures(Model):
    """The six figures of the first screen, and those that belong to them."""

    requests: Figure = Field(description="counted model calls")
    error_rate: Figure = Field(description="failed calls, ratio of all")
    latency_p95: Figure = Field(description="95th percentile of the durations, ms")
    time_to_first_token_p95: Figure = Field(description="95th percentile of the time to the first token, ms")
    cost: Figure = Field(description="cost of the calls whose cost is known, USD")
    cost_per_request: Figure = Field(description="the same by call whose cost is known, USD")
    users: Figure = Field(description="distinct users, of the quarters of an hour that the range touches")
    cost_per_user: Figure = Field(description="cost of the calls that name a user, by user, same quarters, USD")
    thumbs_up_rate: Figure = Field(description="positive verdicts, ratio of all verdicts that are positive or negative")
    input_tokens: Figure = Field(description="tokens in, cached ones included")
    output_tokens: Figure = Field(description="tokens out, reasoning included")


class Series(Model):
    """One line of a chart."""

    name: str = Field(description="what it is of, for example a model; empty: calls without one")
    other: bool = Field(default=False, description="whether it is the sum of all that have no line of their own")
    values: Values = Field(description="by bucket; null: nothing there")


class Timeline(Model):
    """The range by bucket. All lists are as long as ``starts``; null is a gap."""

    starts: list[int] = Field(description="starts of the buckets, seconds since the epoch")
    bucket_seconds: int = Field(description="length of a bucket, seconds")
    partial_first: bool = Field(description="whether the range begins inside the first bucket")
    partial_from: int | None = Field(description="index of the first bucket that is still growing or to come")
    requests: Values = Field(description="calls")
    errors: Values = Field(description="failed calls")
    latency_p50: Values = Field(description="ms")
    latency_p95: Values = Field(description="ms")
    latency_p99: Values = Field(description="ms")
    time_to_first_token_p50: Values = Field(description="ms")
    time_to_first_token_p95: Values = Field(description="ms")
    input_tokens: Values = Field(description="tokens")
    output_tokens: Values = Field(description="tokens")
    cache_read_tokens: Values = Field(description="tokens, part of the input")
    cache_write_tokens: Values = Field(description="tokens, part of the input")
    cost: Values = Field(description="USD")
    cost_by_model: list[Series] = Field(description="USD, at most 8 models, dearest first, and the rest")
    cost_by_confidence: list[Series] = Field(description="USD by where the cost comes from: computed, ...")


class ModelShare(Model):
    """A model's part of the range."""

    model: str = Field(description="the response model, or else the requested one; empty: none")
    other: bool = Field(default=False, description="whether it is all that have no entry of their own")
    requests: float = Field(description="calls")
    requests_share: float = Field(description="of all calls, 0 to 1")
    cost: Money | None = Field(description="USD; null: no cost is known")
    cost_share: float | None = Field(description="of all cost, 0 to 1; null: there is no cost")


class ConfidenceShare(Model):
    """Where cost comes from, or why there is none. Costs of sampled calls are scaled to add up to the whole."""

    confidence: Confidence = Field(
        description="computed from prices, from contradicting counts, stated by the provider; no usage; no price"
    )
    cost: Money | None = Field(description="USD; null for missing and unpriced")
    cost_share: float | None = Field(description="of all cost, 0 to 1")
    requests: int | None = Field(description="calls; null where only their cost is kept apart")


class ScoreSummary(Model):
    """The verdicts of one score."""

    name: str = Field(description="what was scored")
    scores: int = Field(description="how many")
    mean: float | None = Field(description="mean value of those that have one")
    labels: dict[str, int] = Field(description="label -> scores; at most 20")


class Overview(Model):
    """The first screen."""

    range: Range
    version: str = Field(description="changes when asking again would give something else")
    generated_at: datetime = Field(description="when the figures were read, UTC")
    estimated: bool = Field(description="whether calls were sampled: figures are estimates of the whole")
    still_arriving: bool = Field(description="whether accepted data is more than some seconds behind")
    lag_seconds: float = Field(description="age of the oldest accepted record that is not in the figures yet")
    empty: bool = Field(description="whether there is no call at all in the range")
    figures: Figures
    timeline: Timeline
    models: list[ModelShare] = Field(description="at most 8, most requests first, and the rest")
    confidence: list[ConfidenceShare]
    scores: list[ScoreSummary] = Field(description="at most 20, most scores first")
    scores_reason: str | None = Field(default=None, description="why there are no scores")


class BreakdownRow(Model):
    """What one value of a dimension stands for."""

    key: dict[str, str] = Field(description="filter -> value: what a click on the row narrows to; empty: has none")
    providers: list[str] = Field(default_factory=list, description="of a model; at most 5")
    requests: float = Field(description="calls")
    requests_share: float = Field(description="of all calls, 0 to 1")
    errors: float = Field(description="failed calls")
    error_rate: float = Field(description="0 to 1")
    latency_p50: float | None = Field(description="ms")
    latency_p95: float | None = Field(description="ms")
    time_to_first_token_p95: float | None = Field(description="ms")
    input_tokens: float = Field(description="tokens, cached ones included")
    output_tokens: float = Field(description="tokens, reasoning included")
    cost: Money | None = Field(description="USD; null: no cost is known")
    cost_share: float | None = Field(description="of all cost, 0 to 1")
    cost_per_request: float | None = Field(description="by call whose cost is known, USD")
    coverage: float = Field(description="share of the calls whose cost is known, 0 to 1")
    estimated: bool = Field(description="whether calls were sampled")


class Breakdown(Model):
    """A page of the table."""

    range: Range
    version: str = Field(description="changes when asking again would give something else")
    by: str = Field(description="the dimension")
    sort: str = Field(description="what it is sorted by")
    descending: bool
    rows: list[BreakdownRow]
    total: int | None = Field(description="rows on all pages; null: see reason")
    next: str | None = Field(description="cursor of the next page; null: this is the last one")
    reason: str | None = Field(default=None, description="why the table cannot be had for this scope")
    note: str | None = Field(default=None, description="what the rows are of, where that is not quite the range")


class FacetValue(Model):
    """A value that a filter can be set to."""

    value: str = Field(description="empty: calls without one")
    requests: float = Field(description="calls")


class Facet(Model):
    """The values of one filter in the range, under the other filters."""

    name: str = Field(description="the filter")
    values: list[FacetValue] = Field(description="most requests first")
    more: bool = Field(description="whether there are values beyond these")
    reason: str | None = Field(default=None, description="why there are none for this scope")


class Facets(Model):
    """What each filter can be set to."""

    range: Range
    facets: list[Facet]


class UnpricedModel(Model):
    """A model that the price book does not know."""

    provider: str = Field(description="as in gen_ai.provider.name; empty: none")
    model: str = Field(description="the response model, or else the requested one; empty: none")
    requests: int = Field(description="calls without a price, of the unsampled whole")
    input_tokens: int = Field(description="tokens of all its calls")
    output_tokens: int = Field(description="tokens of all its calls")
    first: datetime = Field(description="minute of the first call in the range, UTC")
    last: datetime = Field(description="minute of the last call in the range, UTC")


class UnpricedModels(Model):
    """What is missing in the bill."""

    range: Range
    models: list[UnpricedModel] = Field(description="at most 100, most requests first")
    empty: bool = Field(default=False, description="whether there is no call in the range")
    reason: str | None = Field(default=None, description="why there are none for this scope")


class Event(Model):
    """Something that happened, as a mark in the charts."""

    time: datetime = Field(description="UTC")
    kind: Literal["prices", "prompt_version", "deployment", "alert"]
    title: str = Field(description="a few words")
    detail: str = Field(default="", description="more of it")


class Events(Model):
    """The marks of a range, oldest first."""

    range: Range
    events: list[Event] = Field(description="at most 200")
