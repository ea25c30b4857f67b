"""Parts of OpenAI's messages, in chat completions and responses, as parts of the conventions.

Bytes that a message carries (images, audio, files) are named and left out: a span is no place for them.
"""

import json
from typing import Any

from spanpulse._shapes._json import Json, section, sections, text
from spanpulse._shapes._told import text_part, uri_part

__all__ = ["answer_of", "arguments_of", "parts_of", "parts_of_message"]

MODALITIES = {
    "image_url": "image",
    "input_image": "image",
    "input_audio": "audio",
    "audio_url": "audio",
    "video_url": "video",
    "file": "file",
    "input_file": "file",
}
TEXTS = frozenset({"text", "input_text", "output_text", "summary_text", "reasoning_text"})


def parts_of_message(said: Json) -> list[Json]:
    """Return the parts of a message of chat completions: of a tool its answer, else texts, files and tool calls."""
    if said.get("role") == "tool":
        return [answer_of(text(said, "tool_call_id"), said.get("content"))]
    parts = [text_part(thought, "reasoning") for thought in [text(said, "reasoning_content", "reasoning")] if thought]
    parts += parts_of(said.get("content"))
    if refusal := text(said, "refusal"):
        parts.append({"type": "refusal", "content": refusal})
    if audio := section(said, "audio"):
        parts.append({"type": "blob", "modality": "audio", "transcript": text(audio, "transcript")})
    older = [{"function": said["function_call"]}] if section(said, "function_call") else []
    for call in (*sections(said, "tool_calls"), *older):
        function = section(call, "function") or section(call, "custom")
        given = text(function, "arguments", "input")
        parts.append(
            {
                "type": "tool_call",
                "id": text(call, "id"),
                "name": text(function, "name"),
                "arguments": arguments_of(given),
            }
        )
    return parts


def parts_of(content: Any) -> list[Json]:
    """Return the parts of a content: a text, or a list of parts."""
    if isinstance(content, str):
        return [text_part(content)] if content else []
    return [_part(part) for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def answer_of(call: str | None, content: Any) -> Json:
    """Return the part that is a tool's answer: a text, or parts, without the bytes of those that are images."""
    return {
        "type": "tool_call_response",
        "id": call,
        "response": parts_of(content) if isinstance(content, list) else content,
    }


def arguments_of(given: str | None) -> Any:
    """Return the arguments of a tool call: the value where they are JSON, as they always should be, else the text."""
    if given is None:
        return None
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given


def _part(part: Json) -> Json:
    kind = text(part, "type") or "text"
    if kind in TEXTS:
        return text_part(text(part, "text") or "")
    if kind == "refusal":
        return {"type": "refusal", "content": text(part, "refusal")}
    if kind == "thinking":
        return text_part("".join(text(each, "text") or "" for each in sections(part, "thinking")), "reasoning")
    if kind not in MODALITIES:
        return {"type": kind}
    modality = MODALITIES[kind]
    file = part.get(kind)
    address = text(file, "url") if isinstance(file, dict) else text(part, kind, "image_url", "file_url")
    if at := uri_part(modality, address):
        return at
    if identity := text(part, "file_id") or text(section(part, "file"), "file_id"):
        return {"type": "file", "modality": modality, "file_id": identity}
    return {"type": "blob", "modality": modality}
