"""Google's wire format: generateContent and vectors, whole or streamed, by the Gemini API's and Vertex AI's addresses.

Its candidates' tokens do not include thoughts; its prompt's include what is cached.
"""

from typing import Any

from providers.said import Asked, Failure, Reply, Said, events, failed, whole

__all__ = ["FINISH", "ROUTES", "VECTOR", "error_body"]

Body = dict[str, Any]

FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP", "filter": "SAFETY"}
STATES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL"}
VECTOR = [0.125, -0.5, 0.25, 1.0]
PIXEL = "aGVsbG8="


def generate(said: Said | Failure, asked: Asked) -> Reply:
    """Answer contents."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    candidate = {"content": {"parts": _parts(said), "role": "model"}, "finishReason": FINISH[said.finish], "index": 0}
    return whole(said, {"candidates": [candidate], "usageMetadata": usage_of(said), **_head(said, asked)})


def stream(said: Said | Failure, asked: Asked) -> Reply:
    """Answer contents in chunks, each with the usage so far."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    parts = [piece for part in _parts(said) for piece in _pieces(said, part)]
    chunks = [{"candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}]} for part in parts]
    chunks[-1]["candidates"][0]["finishReason"] = FINISH[said.finish]
    so_far = {**usage_of(said), "candidatesTokenCount": 1}
    usages = [so_far] * (len(chunks) - 1) + [usage_of(said)]
    each = [
        {**chunk, **({"usageMetadata": usage} if said.usage else {}), **_head(said, asked)}
        for chunk, usage in zip(chunks, usages, strict=True)
    ]
    return events(said, each, error_body(said.failure), named=False)


def embed(said: Said | Failure, _asked: Asked) -> Reply:
    """Answer with one vector, and what it cost."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    usage = {"promptTokenCount": said.input, "totalTokenCount": said.input}
    return whole(said, {"embedding": {"values": VECTOR}, "usageMetadata": usage})


def embed_many(said: Said | Failure, asked: Asked) -> Reply:
    """Answer with the same vector for each content, and nothing of what it cost."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    return whole(said, {"embeddings": [{"values": VECTOR} for _ in asked.json.get("requests", ())]})


def predict(said: Said | Failure, asked: Asked) -> Reply:
    """Answer texts with vectors, each with its tokens, and prompts with a picture."""
    if isinstance(said, Failure):
        return failed(said, error_body(said))
    instances = asked.json["instances"]
    if "content" not in instances[0]:
        return whole(said, {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": PIXEL}]})
    share, rest = divmod(said.input, len(instances))
    counts = [share + rest] + [share] * (len(instances) - 1)
    embeddings = [{"values": VECTOR, "statistics": {"truncated": False, "token_count": count}} for count in counts]
    return whole(said, {"predictions": [{"embeddings": each} for each in embeddings]})


def count_tokens(said: Said | Failure, _asked: Asked) -> Reply:
    """Count, which is no call of a model."""
    return failed(said, error_body(said)) if isinstance(said, Failure) else whole(said, {"totalTokens": said.input})


def cache(said: Said | Failure, asked: Asked) -> Reply:
    """Keep contents, which is no call of a model."""
    name = {"name": "cachedContents/1", "model": asked.json.get("model")}
    return failed(said, error_body(said)) if isinstance(said, Failure) else whole(said, name)


def usage_of(said: Said) -> Body:
    """Return the usage of an answer."""
    usage = {
        "promptTokenCount": said.input,
        "candidatesTokenCount": said.output - said.reasoning,
        "totalTokenCount": said.input + said.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": said.input}],
    }
    if said.cache_read:
        usage["cachedContentTokenCount"] = said.cache_read
    if said.reasoning:
        usage["thoughtsTokenCount"] = said.reasoning
    return usage


def error_body(failure: Failure) -> Body:
    """Return the body of an error."""
    status = STATES.get(failure.status, failure.code.upper())
    code = failure.status if failure.status >= 400 else 503
    return {"error": {"code": code, "message": failure.message, "status": status}}


def _head(said: Said, asked: Asked) -> Body:
    asked_for = asked.path.rpartition("/")[2].partition(":")[0]
    return {"modelVersion": said.model or asked_for, "responseId": said.id}


def _parts(said: Said) -> list[Body]:
    parts: list[Body] = [{"text": said.thinking, "thought": True}] if said.thinking else []
    if said.tool:
        name, given = said.tool
        return [*parts, {"functionCall": {"name": name, "args": given}}]
    return [*parts, {"text": said.text}]


def _pieces(said: Said, part: Body) -> list[Body]:
    return [{**part, "text": piece} for piece in said.pieces(part["text"])] if "text" in part else [part]


AT = "(/[^/]+)*/(models|publishers/[^/]+/models|endpoints|tunedModels)/[^/]+"

ROUTES = {
    f"{AT}:generateContent": generate,
    f"{AT}:streamGenerateContent": stream,
    f"{AT}:embedContent": embed,
    f"{AT}:batchEmbedContents": embed_many,
    f"{AT}:predict": predict,
    f"{AT}:countTokens": count_tokens,
    "(/[^/]+)*/cachedContents": cache,
}
