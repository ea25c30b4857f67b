"""What litellm's answers say, as JSON of OpenAI's form: texts and numbers, and none of its objects.

Guarantee: tokens are those that a provider counted, wherever litellm tells them from its own estimates; what an answer
does not have is left out.
"""

import base64
import json
from collections.abc import Iterable
from typing import Any, Final

from spanpulse._shapes import Json

__all__ = ["chunk_of", "event_of", "said_by", "usage_among", "usage_in"]

LAST: Final = ("response.completed", "response.incomplete", "response.failed")
DUMPED: Final = {"id", "model", "status", "usage", "output", "error", "incomplete_details", "service_tier"}
TEXTS: Final = ("role", "content", "reasoning_content", "refusal")
COUNTS: Final = ("prompt_tokens", "completion_tokens")
DETAILS: Final = {
    "prompt_tokens_details": {
        "cached_tokens": "cached_tokens",
        "cache_creation_tokens": "cache_write_tokens",
        "cache_write_tokens": "cache_write_tokens",
        "audio_tokens": "audio_tokens",
    },
    "completion_tokens_details": {"reasoning_tokens": "reasoning_tokens", "audio_tokens": "audio_tokens"},
}


def said_by(answer: Any) -> Json:
    """Return what an answer of any kind says."""
    if hasattr(answer, "output"):
        return _dumped(answer)
    fields = _fields(answer)
    said = _head(fields)
    if usage := usage_of(fields.get("usage")):
        said["usage"] = usage
    if choices := fields.get("choices"):
        said["choices"] = [_choice(_fields(each), "message") for each in choices]
    return said


def chunk_of(chunk: Any) -> Json:
    """Return what a chunk of a stream says; its usage is litellm's own guess there."""
    fields = _fields(chunk)
    return {**_head(fields), "choices": [_choice(_fields(each), "delta") for each in fields.get("choices") or ()]}


def event_of(event: Any) -> Json:
    """Return what an event of a streamed response says, as far as it is needed."""
    kind = getattr(event.type, "value", event.type)
    said: Json = {"type": kind}
    if kind in LAST or kind == "response.created":
        said["response"] = _dumped(event.response)
    elif kind == "response.output_text.delta":
        said |= {"delta": event.delta, "output_index": getattr(event, "output_index", 0)}
    elif kind == "error":
        said["error"] = {"code": getattr(event, "code", None)}
    return said


def usage_of(usage: Any) -> Json:
    """Return a usage; what it does not count is left out."""
    if usage is None:
        return {}
    fields = _fields(usage)
    said: Json = {name: count for name in COUNTS if type(count := fields.get(name)) is int}
    for section, names in DETAILS.items():
        if (details := fields.get(section)) is None:
            continue
        counted = _fields(details)
        known = {name: count for there, name in names.items() if type(count := counted.get(there)) is int}
        if known:
            said[section] = known
    return said


def usage_in(chunk: Any) -> Json:
    """Return the usage that a chunk came with."""
    return usage_of(_fields(chunk).get("usage"))


def usage_among(chunks: Iterable[Any]) -> Json:
    """Return the usage that the chunks of a stream came with: some providers tell it in parts, the last part counts."""
    whole: Json = {}
    for chunk in chunks:
        for name, value in usage_in(chunk).items():
            if isinstance(value, dict):
                whole[name] = {**whole.get(name, {}), **{key: count for key, count in value.items() if count}}
            elif value or name not in whole:
                whole[name] = value
    return whole


def _fields(value: Any) -> dict[str, Any]:
    """Return what an object has; asking a model of pydantic for what it does not have takes a hundred times as long."""
    if isinstance(value, dict):
        return value
    extra = getattr(value, "__pydantic_extra__", None)
    return {**vars(value), **extra} if extra else vars(value)


def _head(fields: Json) -> Json:
    return {name: value for name in ("id", "model") if isinstance(value := fields.get(name), str)}


def _choice(fields: Json, name: str) -> Json:
    said: Json = {"index": fields.get("index", 0)}
    if reason := fields.get("finish_reason"):
        said["finish_reason"] = reason
    if (message := fields.get(name)) is not None:
        said[name] = _message(_fields(message))
    elif (text := fields.get("text")) is not None:
        said["text"] = text
    return said


def _message(fields: Json) -> Json:
    said: Json = {name: value for name in TEXTS if isinstance(value := fields.get(name), str)}
    if calls := fields.get("tool_calls"):
        said["tool_calls"] = [_tool_call(place, _fields(call)) for place, call in enumerate(calls)]
    return said


def _tool_call(place: int, fields: Json) -> Json:
    function = fields.get("function")
    given = {} if function is None else _fields(function)
    told = {"name": given.get("name"), "arguments": given.get("arguments")}
    return {"index": fields.get("index", place), "id": fields.get("id"), "function": told}


def _dumped(answer: Any) -> Json:
    said: Json = json.loads(answer.model_dump_json(include=DUMPED))
    if isinstance(name := said.get("id"), str):
        said["id"] = _provider_id(name)
    return said


def _provider_id(name: str) -> str:
    """Return the provider's id of a response, which litellm may have wrapped to find its way back."""
    if not name.startswith("resp_"):
        return name
    try:
        inside = base64.b64decode(name.removeprefix("resp_"), validate=True).decode()
    except ValueError:
        return name
    return inside.rpartition("response_id:")[2] if inside.startswith("litellm:") else name
