"""Google's generateContent and embedContent, of the Gemini API and of Vertex AI.

Thoughts are no part of its candidates' tokens; by the conventions the output contains them, so they are added here, as
are the tokens that its own tools put into the prompt.
"""

from collections.abc import Sequence
from typing import Any

from spanpulse._shapes._json import Json, integer, items, number, section, sections, text
from spanpulse._shapes._told import Shape, Told, message, text_part, uri_part
from spanpulse._shapes._tools import tools_of

__all__ = ["EMBED_CONTENT", "GENERATE_CONTENT"]

NUMBERS = {
    "temperature": "gen_ai.request.temperature",
    "topP": "gen_ai.request.top_p",
    "topK": "gen_ai.request.top_k",
    "frequencyPenalty": "gen_ai.request.frequency_penalty",
    "presencePenalty": "gen_ai.request.presence_penalty",
}
WHOLE_NUMBERS = {"maxOutputTokens": "gen_ai.request.max_tokens", "seed": "gen_ai.request.seed"}
OUTPUT_TYPES = {"application/json": "json", "text/plain": "text", "IMAGE": "image", "AUDIO": "speech"}
ROLES = {"model": "assistant", "function": "tool"}


def read_request(body: Json) -> Told:
    """Read a request; its model is in the address, not in the body."""
    told, given = Told(), section(body, "generationConfig")
    for name, key in NUMBERS.items():
        told.note(key, number(given, name))
    for name, key in WHOLE_NUMBERS.items():
        told.note(key, integer(given, name))
    told.note("gen_ai.request.stop_sequences", [s for s in items(given, "stopSequences") if isinstance(s, str)])
    if (choices := integer(given, "candidateCount")) not in {None, 1}:
        told.note("gen_ai.request.choice.count", choices)
    told.note("gen_ai.output.type", _output_type(given))
    told.instructions = _parts(section(body, "systemInstruction"))
    told.messages = [
        message(ROLES.get(role := text(said, "role") or "user", role), _parts(said))
        for said in sections(body, "contents")
    ]
    told.tools = tools_of(body)
    return told


def read_answer(body: Json) -> Told:
    """Read an answer."""
    told, usage = Told(), section(body, "usageMetadata")
    told.note("gen_ai.response.id", text(body, "responseId"))
    told.note("gen_ai.response.model", text(body, "modelVersion"))
    taken, tools = integer(usage, "promptTokenCount"), integer(usage, "toolUsePromptTokenCount")
    given, thought = integer(usage, "candidatesTokenCount"), integer(usage, "thoughtsTokenCount")
    told.note("gen_ai.usage.input_tokens", None if taken is None else taken + (tools or 0))
    if given is not None or thought is not None:
        told.note("gen_ai.usage.output_tokens", (given or 0) + (thought or 0))
    told.note("gen_ai.usage.cache_read.input_tokens", integer(usage, "cachedContentTokenCount"))
    told.note("gen_ai.usage.reasoning.output_tokens", thought)
    candidates = list(sections(body, "candidates"))
    blocked = text(section(body, "promptFeedback"), "blockReason")
    reasons = [reason for each in candidates if (reason := text(each, "finishReason"))]
    told.note("gen_ai.response.finish_reasons", reasons or ([blocked] if blocked else []))
    for each in candidates:
        told.messages.append(message("assistant", _parts(section(each, "content")), text(each, "finishReason") or ""))
    return told


def join(events: Sequence[Json]) -> Json:
    """Return the answer that chunks amount to: parts add up, the last usage counts."""
    whole: Json = {}
    candidates: dict[int, Json] = {}
    for event in events:
        whole |= {name: value for name, value in event.items() if name != "candidates" and value}
        for chunk in sections(event, "candidates"):
            known = candidates.setdefault(integer(chunk, "index") or 0, {"content": {"parts": []}})
            if reason := text(chunk, "finishReason"):
                known["finishReason"] = reason
            for part in sections(section(chunk, "content"), "parts"):
                _add(known["content"]["parts"], part)
    for each in candidates.values():
        for part in each["content"]["parts"]:
            if isinstance(part.get("text"), list):
                part["text"] = "".join(part["text"])
    whole["candidates"] = [candidates[index] for index in sorted(candidates)]
    return whole


def _add(parts: list[Json], part: Json) -> None:
    """Add a part; the texts of neighbours are one."""
    said = text(part, "text")
    if said is None:
        parts.append(part)
    elif parts and isinstance(parts[-1].get("text"), list) and parts[-1].get("thought") == part.get("thought"):
        parts[-1]["text"].append(said)
    else:
        parts.append({**part, "text": [said]})


def read_embedding_request(body: Json) -> Told:
    """Read a request for embeddings, one or a batch of them, or texts that Vertex AI's older models take."""
    told = Told()
    asked = list(sections(body, "requests")) or [body]
    limit = integer(asked[0], "outputDimensionality")
    if limit is None:
        limit = integer(section(body, "parameters"), "outputDimensionality")
    told.note("gen_ai.embeddings.dimension.count", limit)
    texts = [said for each in sections(body, "instances") if (said := text(each, "content"))]
    parts = [[text_part(said)] for said in texts] or [_parts(section(each, "content")) for each in asked]
    told.messages = [message("user", each) for each in parts]
    return told


def read_embedding_answer(body: Json) -> Told:
    """Read what came with the vectors: Vertex AI counts tokens, the Gemini API does not always."""
    told = Told()
    told.note("gen_ai.usage.input_tokens", integer(section(body, "usageMetadata"), "promptTokenCount"))
    return told


def _output_type(given: Json) -> str | None:
    """Return what an answer shall be, where that is one kind alone."""
    modalities = items(given, "responseModalities")
    if len(modalities) == 1 and (kind := OUTPUT_TYPES.get(str(modalities[0]).upper())):
        return kind
    return OUTPUT_TYPES.get(text(given, "responseMimeType") or "")


def _parts(content: Json) -> list[Json]:
    return [_part(part) for part in sections(content, "parts") if part.get("text") != ""]  # one that is but signed


def _part(part: Json) -> Json:
    said = text(part, "text")
    if said is not None:
        return text_part(said, "reasoning" if part.get("thought") is True else "text")
    if (call := section(part, "functionCall")) or (call := section(part, "toolCall")):
        name = text(call, "name", "toolType")
        return {"type": "tool_call", "id": text(call, "id"), "name": name, "arguments": call.get("args")}
    if (answer := section(part, "functionResponse")) or (answer := section(part, "toolResponse")):
        return {"type": "tool_call_response", "id": text(answer, "id"), "response": answer.get("response")}
    if code := section(part, "executableCode"):
        return {"type": "tool_call", "id": text(code, "id"), "name": "code_execution", "arguments": _without_id(code)}
    if result := section(part, "codeExecutionResult"):
        return {"type": "tool_call_response", "id": text(result, "id"), "response": _without_id(result)}
    if file := section(part, "fileData"):
        modality = _modality(text(file, "mimeType"))
        return uri_part(modality, text(file, "fileUri")) or {"type": "blob", "modality": modality}
    if inline := section(part, "inlineData"):
        kind = text(inline, "mimeType")
        return {"type": "blob", "modality": _modality(kind), "mime_type": kind}
    return {"type": next((name for name, value in part.items() if isinstance(value, dict)), "text")}


def _without_id(said: Json) -> Json:
    return {name: value for name, value in said.items() if name != "id"}


def _modality(kind: str | None) -> str:
    family = (kind or "").partition("/")[0]
    return family if family in {"image", "audio", "video"} else "file"


def _nothing(_events: Sequence[Any]) -> Json:
    return {}


GENERATE_CONTENT = Shape("generate_content", read_request, read_answer, join)
EMBED_CONTENT = Shape("embeddings", read_embedding_request, read_embedding_answer, _nothing)
