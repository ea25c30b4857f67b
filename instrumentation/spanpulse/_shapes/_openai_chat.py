"""Chat completions: of OpenAI, and of every server that speaks the same.

Usage is as the server states it; cached tokens are part of the input there, reasoning tokens part of the output.
"""

from collections.abc import Sequence
from typing import Any

from spanpulse._shapes._json import Json, integer, items, last_text, number, section, sections, text
from spanpulse._shapes._openai_parts import parts_of, parts_of_message
from spanpulse._shapes._told import Shape, Told, message
from spanpulse._shapes._tools import tools_of

__all__ = ["CHAT_COMPLETIONS", "note_chat_usage", "note_parameters", "usage_among"]

API = "chat_completions"
NUMBERS = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
}
CACHED = ("prompt_cache_hit_tokens", "cached_tokens")  # of DeepSeek, and Moonshot
HEAD = ("id", "model", "service_tier", "system_fingerprint")
TEXTS = frozenset({"content", "refusal", "reasoning_content", "reasoning"})
OUTPUT_TYPES = {"json_object": "json", "json_schema": "json", "text": "text"}


def read_request(body: Json) -> Told:
    """Read a request."""
    told = Told()
    note_parameters(told, body)
    kind = text(section(body, "response_format"), "type")
    told.note("gen_ai.output.type", OUTPUT_TYPES.get(kind or ""))
    if (tier := text(body, "service_tier")) != "auto":
        told.note("openai.request.service_tier", tier)
    told.note("openai.api.type", API)
    told.messages = [
        message(text(said, "role") or "user", parts_of_message(said)) for said in sections(body, "messages")
    ]
    told.tools = tools_of(body)
    return told


def read_answer(body: Json) -> Told:
    """Read an answer."""
    told = Told()
    told.note("gen_ai.response.id", text(body, "id"))
    told.note("gen_ai.response.model", text(body, "model"))
    told.note("openai.response.service_tier", text(body, "service_tier"))
    told.note("openai.response.system_fingerprint", text(body, "system_fingerprint"))
    note_chat_usage(told, section(body, "usage"))
    choices = list(sections(body, "choices"))
    told.note("gen_ai.response.finish_reasons", [r for c in choices if (r := text(c, "finish_reason"))])
    for choice in choices:
        said = section(choice, "message")
        reason = text(choice, "finish_reason") or ""
        told.messages.append(message(text(said, "role") or "assistant", parts_of_message(said), reason))
    return told


def note_parameters(told: Told, body: Json) -> None:
    """Note what a request for a completion of any kind asks for."""
    told.note("gen_ai.request.model", text(body, "model"))
    for name, key in NUMBERS.items():
        told.note(key, number(body, name))
    told.note("gen_ai.request.seed", integer(body, "seed"))
    limit = integer(body, "max_completion_tokens")
    told.note("gen_ai.request.max_tokens", integer(body, "max_tokens") if limit is None else limit)
    if (choices := integer(body, "n")) not in {None, 1}:
        told.note("gen_ai.request.choice.count", choices)
    stop = body.get("stop")
    told.note("gen_ai.request.stop_sequences", [stop] if isinstance(stop, str) else _texts(stop))


def note_chat_usage(told: Told, usage: Json) -> None:
    """Note the tokens of a `usage` object; what is not in it is not 0, it is absent."""
    told.note("gen_ai.usage.input_tokens", integer(usage, "prompt_tokens"))
    told.note("gen_ai.usage.output_tokens", integer(usage, "completion_tokens"))
    taken, given = section(usage, "prompt_tokens_details"), section(usage, "completion_tokens_details")
    if (cached := integer(taken, "cached_tokens")) is None:
        cached = next((count for name in CACHED if (count := integer(usage, name)) is not None), None)
    told.note("gen_ai.usage.cache_read.input_tokens", cached)
    told.note("gen_ai.usage.cache_write.input_tokens", integer(taken, "cache_write_tokens"))
    told.note("gen_ai.usage.reasoning.output_tokens", integer(given, "reasoning_tokens"))
    told.note("gen_ai.usage.audio.input_tokens", integer(taken, "audio_tokens") or None)
    told.note("gen_ai.usage.audio.output_tokens", integer(given, "audio_tokens") or None)


def join(events: Sequence[Json]) -> Json:
    """Return the completion that chunks amount to."""
    whole: Json = {name: said for name in HEAD if (said := last_text(events, name))}
    if usage := usage_among(events):
        whole["usage"] = usage
    choices: dict[int, Json] = {}
    for event in events:
        for chunk in items(event, "choices"):
            if isinstance(chunk, dict):
                _add_chunk(choices, chunk)
    whole["choices"] = [_finished(choices[index]) for index in sorted(choices)]
    return whole


def usage_among(events: Sequence[Json]) -> Json:
    """Return the last usage of a stream's chunks; where Groq has it, and Moonshot, if nowhere else."""
    last = next((used for event in reversed(events) if (used := section(event, "usage"))), None)
    return last or next((used for event in reversed(events) if (used := _usage_elsewhere(event))), {})


def _usage_elsewhere(event: Json) -> Json:
    within = (section(choice, "usage") for choice in sections(event, "choices"))
    return section(section(event, "x_groq"), "usage") or next(within, {})


def _add_chunk(choices: dict[int, Json], chunk: Json) -> None:
    """Add a chunk of one choice; texts are kept in lists, for adding to them one by one is quadratic."""
    choice = choices.setdefault(integer(chunk, "index") or 0, {"message": {}, "finish_reason": None})
    if reason := text(chunk, "finish_reason"):
        choice["finish_reason"] = reason
    said = choice["message"]
    for name, piece in section(chunk, "delta").items():
        if not piece:
            continue
        if name in TEXTS and isinstance(piece, str):
            said.setdefault(name, []).append(piece)
        elif name == "content" and isinstance(piece, list):
            _add_parts(said, parts_of(piece))
        elif name == "role" and isinstance(piece, str):
            said["role"] = piece
        elif name == "tool_calls" and isinstance(piece, list):
            _add_calls(said.setdefault("tool_calls", {}), piece)
        elif name == "function_call":
            _add_calls(said.setdefault("tool_calls", {}), [{"function": piece}])
        elif name == "audio" and isinstance(piece, dict):
            said.setdefault("audio", []).append(text(piece, "transcript") or "")


def _add_parts(said: Json, parts: list[Json]) -> None:
    """Add a content that comes in parts, as Mistral's does: texts and thoughts."""
    for part in parts:
        if isinstance(piece := part.get("content"), str):
            said.setdefault("reasoning_content" if part["type"] == "reasoning" else "content", []).append(piece)


def _add_calls(known: dict[int, list[Json]], pieces: list[Any]) -> None:
    for call in pieces:
        if isinstance(call, dict):
            told = section(call, "function") or section(call, "custom")
            so_far = _call_at(known.setdefault(integer(call, "index") or 0, []), text(call, "id"), text(told, "name"))
            if (piece := text(told, "arguments", "input")) is not None:
                so_far["function"]["arguments"].append(piece)


def _call_at(known: list[Json], identity: str | None, name: str | None) -> Json:
    """Return the call that a piece belongs to: another one begins with an id and a name, where all have one index."""
    last = known[-1] if known else None
    if last is None or (name and identity and last["id"] not in {None, identity}):
        last = {"id": None, "function": {"name": None, "arguments": []}}
        known.append(last)
    last["id"] = last["id"] or identity
    last["function"]["name"] = last["function"]["name"] or name
    return last


def _finished(choice: Json) -> Json:
    said = choice["message"]
    for name in TEXTS & said.keys():
        said[name] = "".join(said[name])
    if "tool_calls" in said:
        said["tool_calls"] = [call for _, calls in sorted(said["tool_calls"].items()) for call in calls]
        for call in said["tool_calls"]:
            call["function"]["arguments"] = "".join(call["function"]["arguments"])
    if "audio" in said:
        said["audio"] = {"transcript": "".join(said["audio"])}
    return choice


def _texts(values: Any) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


CHAT_COMPLETIONS = Shape("chat", read_request, read_answer, join)
