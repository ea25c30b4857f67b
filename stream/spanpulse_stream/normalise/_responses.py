"""The provider's response in what an emitter wrote as a call's output: its id, model and usage.

Most write it as it came; LangChain writes a result of its own around it. Nothing raises, whatever was sent.
"""

from typing import Any, Final

__all__ = ["response_of"]

_OWN_IDS: Final = ("lc_run-", "run-")
"""Starts of ids that LangChain gives itself."""
_GEMINI: Final = frozenset(("usageMetadata", "usage_metadata", "modelVersion", "model_version"))


def response_of(said: dict[str, Any]) -> dict[str, Any]:
    """Return the response in an output, empty where there is none: `id`, `model`, `usage` and what else it has."""
    if "generations" in said:
        return _of_langchain(said)
    if not _GEMINI.isdisjoint(said):
        return _of_gemini(said)
    return said if "model" in said or "usage" in said else {}


def _of_gemini(said: dict[str, Any]) -> dict[str, Any]:
    """Return the response in Gemini's words, as its REST interface or its Python SDK writes them."""
    found = {
        "id": said.get("responseId") or said.get("response_id") or said.get("id"),
        "model": said.get("modelVersion") or said.get("model_version") or said.get("model"),
        "usage": said.get("usageMetadata") or said.get("usage_metadata") or said.get("usage"),
    }
    return {name: value for name, value in found.items() if value}


def _of_langchain(said: dict[str, Any]) -> dict[str, Any]:
    """Return the response in an LLMResult: in `llm_output`, or with the message (streams have no other)."""
    message = _object(_object(_first(_first(said["generations"]))).get("message"))
    message = _object(message.get("kwargs", message))
    whole = {**_object(message.get("response_metadata")), **_object(said.get("llm_output"))}
    own = message.get("id")
    found = {
        "id": whole.get("id") or (own if isinstance(own, str) and not own.startswith(_OWN_IDS) else None),
        "model": whole.get("model_name") or whole.get("model"),
        "usage": whole.get("token_usage") or whole.get("usage") or message.get("usage_metadata"),
    }
    return {name: value for name, value in found.items() if value}


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
