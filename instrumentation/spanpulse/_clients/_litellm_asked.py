"""What litellm is asked for: of which model of which provider, and the request in OpenAI's form.

What an application gives is its own, and it may change it at once, so it becomes bytes here. Files that are inlined are
left out. Guarantee: nothing is asked of litellm's own functions, some of which go and fetch credentials.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from spanpulse._clients._providers import provider_at
from spanpulse._clients._watcher import PORTS
from spanpulse._shapes import CHAT_COMPLETIONS, COMPLETIONS, EMBEDDINGS, RESPONSES, Json, Shape, Told

__all__ = ["KINDS", "Kind", "address_of", "body_of", "named", "provider_name", "split_model"]

SAMPLING: Final = ("temperature", "top_p", "n", "stop", "seed", "frequency_penalty", "presence_penalty", "service_tier")
CHAT: Final = ("messages", "max_tokens", "max_completion_tokens", "response_format", "tools", *SAMPLING)
RESPONSE: Final = ("input", "instructions", "max_output_tokens", "text", "tools", *SAMPLING)
PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "azure_text": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "codestral": "mistral_ai",
    "cohere_chat": "cohere",
    "dashscope": "alibaba_cloud",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "nvidia_nim": "nvidia",
    "palm": "gcp.gemini",
    "sagemaker": "aws.sagemaker",
    "text-completion-codestral": "mistral_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""Where litellm's names are others than the conventions'."""
OPENAIS: Final = frozenset({"openai", "text-completion-openai", "custom_openai", "openai_like"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One of litellm's functions."""

    shape: Shape
    positions: tuple[str, ...]
    """What may be given without a name."""
    told: tuple[str, ...]
    """What is told of the request, beside the model."""


def _neutral(shape: Shape) -> Shape:
    """Return a shape whose form is OpenAI's, and whose provider may be any."""

    def read_request(body: Json) -> Told:
        told = shape.read_request(body)
        told.attributes.pop("openai.api.type", None)
        return told

    return replace(shape, read_request=read_request)


_CHAT: Final = Kind(_neutral(CHAT_COMPLETIONS), ("model", "messages"), CHAT)
_TEXT: Final = Kind(COMPLETIONS, ("prompt", "model"), ("prompt", "max_tokens", *SAMPLING))
_VECTORS: Final = Kind(EMBEDDINGS, ("model", "input"), ("input", "dimensions", "encoding_format"))
_RESPONSES: Final = Kind(_neutral(RESPONSES), ("input", "model"), RESPONSE)
KINDS: Final = {
    "completion": _CHAT,
    "acompletion": _CHAT,
    "text_completion": _TEXT,
    "atext_completion": _TEXT,
    "embedding": _VECTORS,
    "aembedding": _VECTORS,
    "responses": _RESPONSES,
    "aresponses": _RESPONSES,
}


def named(kind: Kind, given: tuple[Any, ...], names: dict[str, Any]) -> dict[str, Any]:
    """Return what a function is given, by name."""
    return {**dict(zip(kind.positions, given, strict=False)), **names} if given else names


def body_of(kind: Kind, asked: dict[str, Any], model: str) -> bytes:
    """Return a request's body in OpenAI's form. Raises TypeError or ValueError for what JSON cannot say."""
    body = {name: value for name in kind.told if (value := asked.get(name)) is not None}
    if isinstance(messages := body.get("messages"), list) and any(map(_has_parts, messages)):
        body["messages"] = [_lean(each) if _has_parts(each) else each for each in messages]
    body["model"] = model
    return json.dumps(body, default=_plain).encode()


def split_model(model: str, said: Any, providers: frozenset[str], costs: Any) -> tuple[str, str]:
    """Return litellm's name of a model's provider, "" if it takes more to know it, and the model's own name."""
    prefix, _, rest = model.partition("/")
    if rest and prefix in providers and said in {None, prefix}:
        return prefix, rest
    if isinstance(said, str):
        return said, model
    listed = costs.get(model) if isinstance(costs, dict) else None
    known = listed.get("litellm_provider") if isinstance(listed, dict) else None
    return (known if known in providers else ""), model


def provider_name(known: Any, host: str = "") -> str:
    """Return `gen_ai.provider.name` for litellm's name of a provider, "" for none."""
    if not isinstance(known, str) or not known:
        return ""
    if known in OPENAIS:
        return provider_at(host, "openai")
    if known.startswith("vertex_ai"):
        return "gcp.vertex_ai"
    return PROVIDERS.get(known, known)


def address_of(base: Any) -> dict[str, Any]:
    """Return the attributes of an address; none for what is no address."""
    url = urlsplit(base) if isinstance(base, str) else None
    if url is None or not url.hostname:
        return {}
    return {"server.address": url.hostname, "server.port": url.port or PORTS.get(url.scheme, 443)}


def _has_parts(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("content"), list)


def _lean(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": [_named(part) if isinstance(part, dict) else part for part in message["content"]]}


def _named(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part without the bytes that it carries."""
    image = part.get("image_url")
    address = image.get("url") if isinstance(image, dict) else image
    if isinstance(address, str) and address.startswith("data:"):
        return {"type": part.get("type")}
    return {"type": part.get("type")} if "input_audio" in part or "file_data" in (part.get("file") or ()) else part


def _plain(value: Any) -> Any:
    """Return what stands for a value that JSON does not know: a message that is a model of pydantic, or a class."""
    if isinstance(value, type):
        return {"type": "json_schema"}
    dump: Callable[..., Any] | None = getattr(value, "model_dump", None)
    return dump(exclude_none=True) if dump is not None else None
