"""The calls that exports tell of, held against those that happened: what recorded exports are compared by."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from normalising import normalised
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
DETAILS = TOKENS[2:]

Call = dict[str, Any]


@dataclass
class Folder:
    """A folder of recorded exports, and what their bytes do not hold."""

    path: Path
    no_span: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Calls (their places) that left no span, by (file, scenario)."""
    not_held: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """By file, field and scenario."""

    def scenarios(self) -> list[tuple[str, str]]:
        """Return (file, scenario) of every line."""
        return list(self._lines)

    def bodies(self, file: str, name: str) -> list[bytes]:
        """Return the trace exports of a scenario."""
        return [base64.b64decode(body) for body in self._lines[file, name]["traces"]]

    def true_calls(self, file: str, name: str) -> list[Call]:
        """Return what the calls of a scenario must look like, without those that left no span."""
        expected = self._lines[file, name]["expected"]
        gone = self.no_span.get((file, name), [])
        return [_true(call, expected) for place, call in enumerate(expected["calls"]) if place not in gone]

    def answers(self, file: str, name: str) -> list[str | None]:
        """Return what the model said in each call of a scenario."""
        return [call.get("output_text") for call in self._lines[file, name]["expected"]["calls"]]

    def unknown(self, file: str, name: str) -> set[str]:
        """Return the fields that the bytes of a scenario do not hold."""
        return {field for field, names in self.not_held.get(file, {}).items() if name in names}

    def check(self, file: str, name: str, calls: list[Call]) -> None:
        """Compare calls as a whole, without an order; then the times to the first token one by one."""
        unknown = self.unknown(file, name)
        compared = [field for field in FIELDS if field != "first_token" and field not in unknown]

        def key(call: Call) -> tuple[str, ...]:
            return tuple(f"{field}={call[field]}" for field in compared)

        true = sorted(self.true_calls(file, name), key=key)
        calls = sorted(calls, key=key)
        assert [key(call) for call in calls] == [key(call) for call in true]
        assert all(call["error_type"] for call in calls if call["error"])
        for call, wanted in zip(calls, true, strict=True):
            _check_first_token(call, wanted["first_token"], unknown)

    @cached_property
    def _lines(self) -> dict[tuple[str, str], dict[str, Any]]:
        lines = [
            (path.stem, json.loads(line))
            for path in sorted(self.path.glob("*.jsonl"))
            for line in path.read_text().splitlines()
        ]
        return {(file, line["scenario"]): line for file, line in lines}


class Story:
    """What became of the calls of an export, request by request, with what later ones corrected."""

    def __init__(self) -> None:
        self.state = PartitionState(1000)
        self.found: dict[tuple[int, int], Call] = {}
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

    def calls(self) -> list[Call]:
        """Return the calls that count, by field."""
        return [call_of(row) for row in self.found.values() if row["counted"]]


def call_of(row: Call) -> Call:
    """Return a call as it is compared, from its columns."""
    call = {name: row[name] for name in (*FIELDS, "stream") if name in row}
    call |= {name: call[name] or 0 for name in DETAILS}
    reasons = row["finish_reasons"]
    return call | {
        "finish_reason": reasons[0] if reasons else None,
        "error": row["status"] == "error",
        "error_type": row["error_type"],
        "first_token": row["time_to_first_token_ns"],
    }


def _true(call: Call, expected: dict[str, Any]) -> Call:
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
        **(tokens if reports else {name: 0 if name in DETAILS else None for name in TOKENS}),
        "error": call["is_error"],
        **{name: expected[name] for name in CONTEXT},
        "first_token": [call[name] for name in ("client_ttfc_s", "server_ttfc_s") if call.get(name)],
    }


def _check_first_token(call: Call, moments: list[float], unknown: set[str]) -> None:
    """Hold the time between the server's first chunk and what the client took for it."""
    if "first_token" in unknown or not moments:
        assert call["first_token"] is None
        return
    earliest, latest = (int(moment * 1e9) for moment in (min(moments), max(moments)))
    assert earliest - TOLERANCE_NS <= call["first_token"] <= latest + TOLERANCE_NS
    assert call["stream"] == 1
