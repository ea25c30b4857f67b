"""Real exports of real SDKs give the calls that really happened, whatever their emitters wrote.

Everything must be equal to what the imitated provider returned, but for what the bytes do not hold: that is listed
below, by file, scenario and field.
"""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from normalising import normalised, one_span_requests, shuffled
from oracle.corpus import CORPUS
from spanpulse_stream.usage import PartitionState, attribute_usage

TOLERANCE_NS = 20_000_000

FIELDS = (
    *("kind", "provider", "request_model", "response_model", "response_id", "finish_reason", "usage_status"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("error", "user_id", "session_id", "prompt_name", "prompt_version", "first_token"),
)
CONTEXT = ("user_id", "session_id", "prompt_name", "prompt_version")
COLUMNS = (
    *("counted", "kind", "provider", "request_model", "response_model", "response_id", "finish_reasons", "stream"),
    *("usage_status", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("status", "error_type", *CONTEXT, "time_to_first_token_ns"),
)
REASONS = {"tool_calls": "tool_call", "tool_use": "tool_call", "end_turn": "stop", "completed": "stop"}
TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")

NO_TRACE = {
    ("openai-v2-default", "responses"),
    ("openai-v2-default", "responses_stream"),
    ("openai-v2-default", "responses_tools"),
    ("openai-v2-latest-span", "responses"),
    ("openai-v2-latest-span", "responses_stream"),
    ("openai-v2-latest-span", "responses_tools"),
    ("traceloop-langchain", "embeddings"),
}
"""Scenarios of which the SDK sent nothing."""

NO_SPAN = {("google-genai", "tools_auto"): [0], ("openlit-openai", "stream_abort"): [0]}
"""Calls (their places) that have no span."""

STREAMS = {"stream_usage", "stream_nousage", "stream_abort", "tools_stream", "async_parallel"}
PLAIN = {
    *("async_parallel", "cached_reasoning", "chat", "long", "multi_turn", "prompt", "rag", "tools", "unicode"),
    *("responses", "responses_tools", "embeddings", "stream_abort", "stream_nousage", "stream_usage", "tools_stream"),
}

NOT_HELD: dict[str, dict[str, set[str]]] = {
    "google-genai": {"response_model": {"embeddings"}},
    "langfuse": {
        "request_model": {*PLAIN, "responses_stream"},
        "response_id": PLAIN - {"embeddings"},
        "finish_reason": PLAIN - STREAMS - {"responses", "responses_tools", "embeddings"} | {"async_parallel"},
    },
    "openai-v2-default": {
        "first_token": STREAMS,
        "cache_read_tokens": {"cached_reasoning"},
        "reasoning_tokens": {"cached_reasoning"},
        # only in log events
        "finish_reason": {"async_parallel", "stream_usage", "stream_nousage", "tools_stream"},
    },
    "openai-v2-latest-span": {
        "first_token": STREAMS,
        "cache_read_tokens": {"cached_reasoning"},
        "reasoning_tokens": {"cached_reasoning"},
    },
    "openai-v2-nocontent": {"first_token": {"nocontent_stream"}, "finish_reason": {"nocontent_stream"}},
    "openlit-openai": {"reasoning_tokens": {"cached_reasoning"}},
    "traceloop-langchain": {
        "first_token": {"stream_usage"},
        "reasoning_tokens": {"cached_reasoning"},
        "response_id": {"stream_usage"},
        # the request's model stands in for the response's
        "response_model": {"stream_usage", "err429"},
    },
    "traceloop-openai": {
        "first_token": {"responses_stream"},
        # the emitter says tool_call where the provider said completed
        "finish_reason": {"responses_tools"},
    },
    "vercel-ai6": {
        # a provider that the capture made up
        "provider": {
            *("cached_reasoning", "chat", "embeddings", "err429", "err429_retries", "err500_stream", "multi_turn"),
            *("prompt", "stream_nousage", "stream_usage", "tools", "unicode"),
        },
        "response_model": {"embeddings"},
    },
}
"""What the bytes do not hold: by file, field and scenario."""


def scenarios() -> list[tuple[str, str]]:
    return [
        (path.stem, json.loads(line)["scenario"])
        for path in sorted(CORPUS.glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]


@cache
def scenario(file: str, name: str) -> tuple[list[bytes], dict[str, Any]]:
    for line in (CORPUS / f"{file}.jsonl").read_text().splitlines():
        found = json.loads(line)
        if found["scenario"] == name:
            return [base64.b64decode(body) for body in found["traces"]], found["expected"]
    raise KeyError(name)


class Story:
    """What became of the calls of an export, request by request, with what later ones corrected."""

    def __init__(self) -> None:
        self.state = PartitionState(1000)
        self.found: dict[tuple[int, int], dict[str, Any]] = {}
        self.offset = 0

    def run(self, bodies: Sequence[bytes]) -> None:
        """Take one batch."""
        got = normalised(bodies, self.offset)
        assert got.rejected == []
        self.offset += len(bodies)
        attribution = attribute_usage(got.columns, self.state)
        context = {name: getattr(attribution, name) for name in CONTEXT}
        got = replace(got, columns=replace(got.columns, counted=attribution.counted, **context))
        for keep, row in zip(attribution.keep, got.rows("log_offset", "ordinal", *COLUMNS), strict=True):
            if keep:
                self.found[row[0], row[1]] = dict(zip(COLUMNS, row[2:], strict=True))  # type: ignore[index]
        for update in attribution.corrections.record_batch().to_pylist():
            target = self.found[update["target_log_offset"], update["target_ordinal"]]
            target |= {name: update[name] for name in ("counted", *CONTEXT) if update[name] is not None}

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls that count, by field."""
        return [_as_call(row) for row in self.found.values() if row["counted"]]


def _as_call(row: dict[str, Any]) -> dict[str, Any]:
    call = {name: row[name] for name in (*FIELDS, "stream") if name in row}
    for name in TOKENS[2:]:
        call[name] = call[name] or 0
    reasons = row["finish_reasons"]
    return call | {
        "finish_reason": reasons[0] if reasons else None,
        "error": row["status"] == "error",
        "error_type": row["error_type"],
        "first_token": row["time_to_first_token_ns"],
    }


def true_call(call: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Return what a call of the wire must look like."""
    reports = bool(call.get("usage_sent"))
    kind = "embedding" if "embed" in call["api"].lower() else "llm"
    tokens = {
        "input_tokens": call.get("input_tokens"),
        "output_tokens": call.get("output_tokens") if kind == "llm" else None,
        "cache_read_tokens": call.get("cache_read_tokens") or 0,
        "cache_write_tokens": call.get("cache_creation_tokens") or 0,
        "reasoning_tokens": call.get("reasoning_tokens") or 0,
    }
    if call.get("input_tokens_excludes_cache"):
        tokens["input_tokens"] += tokens["cache_read_tokens"] + tokens["cache_write_tokens"]
    if call.get("output_tokens_excludes_reasoning"):
        tokens["output_tokens"] += tokens["reasoning_tokens"]
    reason = call.get("finish_reason")
    return {
        "kind": kind,
        "provider": call["provider"],
        "request_model": call["request_model"],
        "response_model": call.get("response_model"),
        "response_id": call.get("response_id"),
        "finish_reason": None if reason is None else REASONS.get(reason.lower(), reason.lower()),
        "usage_status": "reported" if reports else "missing",
        **(tokens if reports else {name: 0 if name in TOKENS[2:] else None for name in TOKENS}),
        "error": call["is_error"],
        **{name: expected[name] for name in CONTEXT},
        "first_token": [call[name] for name in ("client_ttfc_s", "server_ttfc_s") if call.get(name)],
    }


def expected_calls(file: str, name: str) -> list[dict[str, Any]]:
    """Return the true calls of a scenario, without those that left no span."""
    if (file, name) in NO_TRACE:
        return []
    expected = scenario(file, name)[1]
    gone = NO_SPAN.get((file, name), [])
    return [true_call(call, expected) for place, call in enumerate(expected["calls"]) if place not in gone]


def check(file: str, name: str, calls: list[dict[str, Any]]) -> None:
    """Compare calls as a whole, without an order; then the times to the first token one by one."""
    unknown = {field for field, names in NOT_HELD.get(file, {}).items() if name in names}
    compared = [field for field in FIELDS if field != "first_token" and field not in unknown]

    def key(call: dict[str, Any]) -> tuple[str, ...]:
        return tuple(f"{field}={call[field]}" for field in compared)

    true = sorted(expected_calls(file, name), key=key)
    calls = sorted(calls, key=key)
    assert [key(call) for call in calls] == [key(call) for call in true]
    assert all(call["error_type"] for call in calls if call["error"])
    for call, wanted in zip(calls, true, strict=True):
        if "first_token" in unknown:
            assert call["first_token"] is None
        elif wanted["first_token"]:
            # between the server's first chunk and what the client took for it
            earliest, latest = (
                int(moment * 1e9) for moment in (min(wanted["first_token"]), max(wanted["first_token"]))
            )
            assert earliest - TOLERANCE_NS <= call["first_token"] <= latest + TOLERANCE_NS
            assert call["stream"] == 1
        else:
            assert call["first_token"] is None


@pytest.mark.parametrize(("file", "name"), scenarios())
def test_an_export_gives_the_calls_that_happened(file: str, name: str) -> None:
    story = Story()
    story.run(scenario(file, name)[0])
    check(file, name, story.calls())


@pytest.mark.parametrize(("file", "name"), scenarios())
def test_it_does_so_span_by_span_in_any_order(file: str, name: str) -> None:
    requests = one_span_requests(scenario(file, name)[0])
    for seed in range(5):
        story = Story()
        for request in shuffled(requests, seed):
            story.run([request])
        check(file, name, story.calls())


@pytest.mark.parametrize("file", sorted({file for file, _ in scenarios()}))
def test_all_exports_of_a_file_are_one_batch_as_well(file: str) -> None:
    story = Story()
    story.run([body for own, name in scenarios() if own == file for body in scenario(own, name)[0]])
    true = [call for own, name in scenarios() if own == file for call in expected_calls(own, name)]
    for field in TOKENS:
        held = NOT_HELD.get(file, {}).get(field)
        if not held:
            assert sum(call[field] or 0 for call in story.calls()) == sum(call[field] or 0 for call in true)
    assert len(story.calls()) == len(true)


def test_nothing_is_excepted_that_the_bytes_hold() -> None:
    """An exception that is not needed (any more) hides a mistake."""
    for file, fields in NOT_HELD.items():
        for field, names in fields.items():
            for name in names:
                story = Story()
                story.run(scenario(file, name)[0])
                got = Counter(str(call[field]) for call in story.calls())
                wanted = Counter(str(call[field]) for call in expected_calls(file, name))
                assert got != wanted, (file, field, name)
