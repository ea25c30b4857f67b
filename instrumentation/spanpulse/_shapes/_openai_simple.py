"""Embeddings and the older completions of OpenAI and of servers that speak the same."""

from collections.abc import Sequence
from typing import Any

from spanpulse._shapes._json import Json, integer, section, sections, text
from spanpulse._shapes._openai_chat import note_chat_usage, note_parameters, usage_among
from spanpulse._shapes._told import Shape, Told, message, text_part

__all__ = ["COMPLETIONS", "EMBEDDINGS"]


def read_embeddings_request(body: Json) -> Told:
    """Read a request for embeddings; inputs that are tokens already are no text."""
    told = Told()
    told.note("gen_ai.request.model", text(body, "model"))
    told.note("gen_ai.embeddings.dimension.count", integer(body, "dimensions"))
    encoding = text(body, "encoding_format")
    told.note("gen_ai.request.encoding_formats", [encoding] if encoding else [])
    told.messages = _asked(body.get("input"))
    return told


def read_embeddings_answer(body: Json) -> Told:
    """Read what came with the vectors."""
    told = Told()
    told.note("gen_ai.response.model", text(body, "model"))
    told.note("gen_ai.usage.input_tokens", integer(section(body, "usage"), "prompt_tokens"))
    return told


def read_completions_request(body: Json) -> Told:
    """Read a request for a completion."""
    told = Told()
    note_parameters(told, body)
    told.messages = _asked(body.get("prompt"))
    return told


def read_completions_answer(body: Json) -> Told:
    """Read a completion."""
    told = Told()
    told.note("gen_ai.response.id", text(body, "id"))
    told.note("gen_ai.response.model", text(body, "model"))
    note_chat_usage(told, section(body, "usage"))
    choices = list(sections(body, "choices"))
    told.note("gen_ai.response.finish_reasons", [r for c in choices if (r := text(c, "finish_reason"))])
    for choice in choices:
        reason = text(choice, "finish_reason") or ""
        told.messages.append(message("assistant", [text_part(text(choice, "text") or "")], reason))
    return told


def join_completions(events: Sequence[Json]) -> Json:
    """Return the completion that chunks amount to."""
    whole: Json = {"usage": usage_among(events)}
    texts: dict[int, list[str]] = {}
    reasons: dict[int, str] = {}
    for event in events:
        for name in ("id", "model"):
            if event.get(name):
                whole[name] = event[name]
        for choice in sections(event, "choices"):
            index = integer(choice, "index") or 0
            texts.setdefault(index, []).append(text(choice, "text") or "")
            if reason := text(choice, "finish_reason"):
                reasons[index] = reason
    whole["choices"] = [{"text": "".join(texts[at]), "finish_reason": reasons.get(at)} for at in sorted(texts)]
    return whole


def join_nothing(_events: Sequence[Json]) -> Json:
    """Return nothing: vectors do not stream."""
    return {}


def _asked(asked: Any) -> list[Json]:
    texts = asked if isinstance(asked, list) else [asked]
    return [message("user", [text_part(said)]) for said in texts if isinstance(said, str) and said]


EMBEDDINGS = Shape("embeddings", read_embeddings_request, read_embeddings_answer, join_nothing)
COMPLETIONS = Shape("text_completion", read_completions_request, read_completions_answer, join_completions)
