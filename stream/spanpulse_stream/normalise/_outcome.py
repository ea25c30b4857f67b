"""How a call went: finish reasons in the conventions' words, status, type of error, service tier."""

import re
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spanpulse_stream.columns import Words
from spanpulse_stream.decode import ValueKind, decode_value
from spanpulse_stream.normalise._json import literal, parsed
from spanpulse_stream.normalise._pool import ABSENT
from spanpulse_stream.normalise._resolved import Resolved
from spanpulse_stream.normalise._slots import Slot

__all__ = ["ERROR", "finish_reasons", "reasons_of", "recoded", "service_tier", "status_of", "status_with"]

STATUSES: Final = ["unset", "ok", "error"]
ERROR: Final = 2
LONGEST_REASON: Final = 128
MOST_REASONS: Final = 64

_LIST: Final = pa.list_(pa.string())
_REASONS: Final = {
    "completed": "stop",
    "complete": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "finish": "stop",
    "stop_sequence": "stop",
    "blocklist": "content_filter",
    "content-filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "prohibited_content": "content_filter",
    "recitation": "content_filter",
    "spii": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "incomplete": "length",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "model_length": "length",
    "function_call": "tool_call",
    "tool-calls": "tool_call",
    "tool_calls": "tool_call",
    "tool_use": "tool_call",
}
_ENUM: Final = re.compile(r"(?:[\w.]+\.)?(?:finish_?reason|stop_?reason)[._](?=\w)")
"""What the name of an enumeration's member starts with, in lower case."""
_SEVERAL: Final = re.compile(r"[\w-]+(?:\s*,\s*[\w-]+)+")
_TIERS: Final = {"batch": "batch", "flex": "flex", "priority": "priority"}


def finish_reasons(resolved: Resolved, calls: NDArray[np.bool_], output: pa.Array) -> pa.Array:
    """Return a list<string> column, NULL where no reason is given: stop, length, tool_call, content_filter, ...

    Where no attribute has them, the raw response of a call may, or its messages (``output``).
    """
    codes, lists = _from_attributes(resolved)
    told = pc.is_valid(output).to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(calls & (codes < 0) & (resolved.has(Slot.OUTPUT) | told)).tolist():
        raw = resolved.value(Slot.OUTPUT, row)
        reasons = _of_response(parsed(raw) if isinstance(raw, str) else raw)
        reasons = reasons or _of_messages(parsed(output[row].as_py()) if told[row] else None)
        if reasons:
            codes[row] = len(lists)
            lists.append(reasons)
    return pa.array(lists, _LIST).take(pa.array(codes, mask=codes < 0))


def _of_response(response: Any) -> list[str]:
    """Return why a raw response of a provider ended."""
    if not isinstance(response, dict):
        return []
    choices = response.get("choices", response.get("candidates"))
    if isinstance(choices, list):
        ends = [each.get("finish_reason", each.get("finishReason")) for each in choices if isinstance(each, dict)]
        return reasons_of([end for end in ends if end])
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    told = [reason, *(response.get(name) for name in ("stop_reason", "stopReason", "finish_reason", "status"))]
    return reasons_of(next((end for end in told if end), None))


def _of_messages(messages: Any) -> list[str]:
    """Return the finish reasons in messages of the schema; its ``error`` stands for an end without one."""
    if not isinstance(messages, list):
        return []
    reasons = reasons_of([each.get("finish_reason") for each in messages if isinstance(each, dict)])
    return [reason for reason in reasons if reason != "error"]


def _from_attributes(resolved: Resolved) -> tuple[NDArray[np.int64], list[list[str]]]:
    """Return codes by span (-1: none) and the lists they stand for; every way of writing them is read once."""
    size = resolved.spans.size
    if not resolved.found[Slot.FINISH_REASONS]:
        return np.full(size, -1, np.int64), []
    spans, index = resolved.spans, resolved.winner[Slot.FINISH_REASONS]
    values = spans.decoded.attributes.value
    present = index >= 0
    length = np.where(present, values.length[index], np.int32(ABSENT))
    codes = np.full(size, -1, np.int64)
    lists: list[list[str]] = []
    for kind in (ValueKind.STRING, ValueKind.ARRAY, ValueKind.KVLIST):
        own = np.where(present & (values.kind[index] == kind), length, np.int32(ABSENT))
        if not (own >= 0).any():
            continue
        written = spans.pool.strings(values.offset[index], own, pa.binary()).dictionary_encode()
        code = written.indices.fill_null(-1).to_numpy().astype(np.int64)
        codes = np.where(code >= 0, code + len(lists), codes)
        lists += [_reasons_written(kind, text) for text in written.dictionary.to_pylist()]
    empty = np.array([not each for each in lists] + [True])
    codes[empty[codes]] = -1
    resolved.take(Slot.FINISH_REASONS, codes >= 0)
    return codes, lists


def reasons_of(value: Any) -> list[str]:
    """Return the finish reasons in a value: a word, or a list of words, perhaps as JSON, as Python or with commas."""
    if isinstance(value, str):
        value = _listed(value.strip())
    if not isinstance(value, list):
        return []
    words = [each.strip().lower()[:LONGEST_REASON] for each in value[:MOST_REASONS] if isinstance(each, str)]
    words = [_ENUM.sub("", word, count=1) if _ENUM.match(word) else word for word in words]
    return [_REASONS.get(word, word) for word in words if word]


def _listed(text: str) -> Any:
    """Return what a text lists."""
    if text[:1] in ('"', "[", "'"):
        read = parsed(text)
        read = literal(read) if isinstance(read, str) and read == text else read
        return [read] if isinstance(read, str) else read
    return text.split(",") if _SEVERAL.fullmatch(text[: MOST_REASONS * LONGEST_REASON]) else [text]


def _reasons_written(kind: int, text: bytes) -> list[str]:
    return reasons_of(decode_value(np.frombuffer(text, np.uint8), kind, 0, len(text), 0))


def service_tier(resolved: Resolved) -> Words:
    """Return batch, flex or priority; the ordinary tier, whatever its name, is NULL."""
    words = resolved.words(Slot.SERVICE_TIER)
    return recoded(words, [_TIERS.get(value.strip(' "').lower()) for value in words.values])


def status_of(code: NDArray[np.uint8]) -> Words:
    """Return unset, ok or error; a code that OpenTelemetry does not have is unset."""
    return Words(np.where(code < len(STATUSES), code, 0).astype(np.int32), STATUSES)


def status_with(status: Words, error_type: Words) -> Words:
    """Return the status, error wherever there is a type of error: the conventions have one only then."""
    return Words(np.where(error_type.codes >= 0, np.int32(ERROR), status.codes), status.values)


def recoded(words: Words, values: list[str | None]) -> Words:
    """Return words with other values, one for each of the old; equal values share a code."""
    places: dict[str, int] = {}
    codes = [-1 if value is None else places.setdefault(value, len(places)) for value in values]
    return Words(np.array([*codes, -1], np.int32)[words.codes], list(places))
