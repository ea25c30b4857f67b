"""The replay of the Azure traces: exact totals, whole traces of spans, the same bytes every time."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice

import numpy as np
import pytest

from price_columns import Call, columns
from spanpulse_stream.price import PriceBook
from spanpulse_stream.traffic import expected_totals, replay
from traffic_costs import attributes, spans, sums

UNTIL = datetime(2026, 11, 20, 12, 30, 0, 125, tzinfo=UTC)
END = 1_795_177_800_000_125_000


@cache
def conv() -> list[tuple[float, bytes]]:
    return list(replay("conv", until=UNTIL, speed=1e6))


def bodies() -> list[bytes]:
    return [body for _, body in conv()]


def test_conv_has_the_tokens_of_the_trace_and_the_cost_of_genai_prices() -> None:
    found, expected = sums(bodies()), expected_totals("conv")
    assert (found.calls, found.input_tokens, found.output_tokens) == (19_366, 22_361_870, 4_088_665)
    assert (expected.requests, expected.input_tokens, expected.output_tokens) == (19_366, 22_361_870, 4_088_665)
    by_model = {model: totals.requests for (_, model), totals in expected.by_model.items()}
    assert found.calls_by_model == by_model
    assert found.unpriced == {"acme-house-7b": by_model["acme-house-7b"]}
    assert found.cost == priced_by_us()


def priced_by_us() -> int:
    calls = []
    for span in spans(bodies()):
        values = attributes(span)
        if "gen_ai.usage.input_tokens" in values:
            usage = {"input_tokens": values["gen_ai.usage.input_tokens"]}
            usage["output_tokens"] = values["gen_ai.usage.output_tokens"]
            usage["cache_read_tokens"] = values.get("gen_ai.usage.cache_read.input_tokens", 0)
            usage["cache_write_tokens"] = values.get("gen_ai.usage.cache_write.input_tokens", 0)
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=span.start_time_unix_nano // 1000)
            model, tier = values["gen_ai.response.model"], values.get("openai.response.service_tier")
            calls.append(Call(values["gen_ai.provider.name"], model, at=at, tier=tier, usage=usage))
    cost = PriceBook.load().price(columns(calls)).cost
    return int(np.sum(cost.values[cost.valid].astype(object)))


def test_code_has_the_tokens_of_the_trace() -> None:
    totals = expected_totals("code")
    assert (totals.requests, totals.input_tokens, totals.output_tokens) == (8_819, 18_059_974, 245_896)


def test_requests_are_bounded_ordered_and_end_at_the_given_time() -> None:
    dues = [due for due, _ in conv()]
    assert dues == sorted(dues)
    assert max(sum(1 for _ in spans([body])) for body in bodies()) == 512
    assert max(span.end_time_unix_nano for span in spans(bodies())) == END


def test_slow_replays_export_every_five_seconds() -> None:
    dues = [due for due, _ in islice(replay("conv", until=UNTIL, speed=60), 40)]
    assert dues == sorted(dues)
    assert dues[-1] <= 100


def test_every_trace_has_one_root_and_known_parents() -> None:
    ids: dict[bytes, set[bytes]] = {}
    roots: dict[bytes, int] = {}
    for span in spans(bodies()):
        assert span.span_id not in ids.setdefault(span.trace_id, set())
        ids[span.trace_id].add(span.span_id)
        roots[span.trace_id] = roots.get(span.trace_id, 0) + (span.parent_span_id == b"")
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
    assert len(ids) == 19_366
    assert set(roots.values()) == {1}
    assert all(not s.parent_span_id or s.parent_span_id in ids[s.trace_id] for s in spans(bodies()))


def test_calls_look_like_calls() -> None:
    calls = [(span, attributes(span)) for span in islice(spans(bodies()), 4000)]
    chats = [(span, values) for span, values in calls if values.get("gen_ai.operation.name") == "chat"]
    good = [(span, values) for span, values in chats if not span.status.code]
    for span, values in good:
        duration = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
        assert 0 < values.get("gen_ai.response.time_to_first_chunk", 0.001) < duration
        assert json.loads(values["gen_ai.input.messages"])[0]["role"] == "user"
        assert json.loads(values["gen_ai.output.messages"])[0]["parts"][0]["content"]
        cached = values.get("gen_ai.usage.cache_read.input_tokens", 0)
        assert cached + values.get("gen_ai.usage.cache_write.input_tokens", 0) <= values["gen_ai.usage.input_tokens"]
        assert values["user.id"]
        assert values["session.id"]
    failed = [(span, values) for span, values in chats if span.status.code]
    assert 0.005 < len(failed) / len(chats) < 0.03
    assert all(span.events[0].name == "exception" and values["error.type"] for span, values in failed)
    assert not any("gen_ai.usage.input_tokens" in values for _, values in failed)
    assert {values.get("openai.response.service_tier") for _, values in good} == {None, "default", "flex", "priority"}
    operations = {values.get("gen_ai.operation.name") for _, values in calls}
    assert operations == {None, "chat", "retrieval", "execute_tool"}


def test_a_user_sees_one_variant() -> None:
    variants: dict[str, set[str]] = {}
    for span in spans(bodies()):
        values = attributes(span)
        if variant := values.get("spanpulse.experiment.answer-style"):
            variants.setdefault(values["user.id"], set()).add(variant)
    assert {len(seen) for seen in variants.values()} == {1}
    assert {variant for seen in variants.values() for variant in seen} == {"control", "concise"}


def test_the_same_arguments_give_the_same_bytes_and_another_time_other_ids() -> None:
    first = list(islice(replay("conv", until=UNTIL, seed=3), 20))
    assert first == list(islice(replay("conv", until=UNTIL, seed=3), 20))
    later = list(islice(replay("conv", until=UNTIL + timedelta(seconds=1), seed=3), 20))
    for name in ("trace_id", "span_id"):
        ids, others = ({getattr(s, name) for s in spans(b for _, b in each)} for each in (first, later))
        assert not ids & others
    answers = [{attributes(s).get("gen_ai.response.id") for s in spans(b for _, b in e)} for e in (first, later)]
    assert answers[0] & answers[1] == {None}


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_must_be_positive(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        next(replay(until=UNTIL, speed=speed))
