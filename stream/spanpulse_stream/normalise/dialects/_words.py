"""Words that several emitters use for the same."""

from types import MappingProxyType
from typing import Final

__all__ = ["SPAN_KINDS"]

SPAN_KINDS: Final = MappingProxyType(
    {
        "llm": "chat",
        "embedding": "embeddings",
        "retriever": "retrieval",
        "reranker": "rerank",
        "tool": "execute_tool",
        "agent": "invoke_agent",
        "chain": "invoke_workflow",
        "unknown": "",
    }
)
"""Operations by the kinds of spans that OpenInference and MLflow have."""
