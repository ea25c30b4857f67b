"""Provider names as the conventions have them, from what emitters write."""

import re
from functools import lru_cache
from typing import Final

__all__ = ["FRAMEWORKS", "provider_name", "provider_of_model"]

FRAMEWORKS: Final = frozenset({"strands-agents"})
"""What frameworks write for the provider, whoever that is."""

_CANONICAL: Final = (
    *("anthropic", "aws.bedrock", "azure.ai.inference", "azure.ai.openai", "cohere", "deepseek", "gcp.gemini"),
    *("gcp.gen_ai", "gcp.vertex_ai", "groq", "ibm.watsonx.ai", "mistral_ai", "openai", "perplexity", "x_ai"),
)
_ALIASES: Final = {
    "amazon-bedrock": "aws.bedrock",
    "aws": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "az.ai.inference": "azure.ai.inference",
    "azure_ai": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azureopenai": "azure.ai.openai",
    "gcp.vertex.agent": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "google-genai": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "google_generativeai": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "google.vertex": "gcp.vertex_ai",
    "vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}
_MODELS: Final = (
    (
        re.compile(
            r"(?:(?:global|us|us-gov|eu|apac|jp|au)\.)?(?:amazon|anthropic|meta|mistral|cohere|ai21|deepseek)\."
        ),
        "aws.bedrock",
    ),
    (re.compile(r"arn:aws[\w-]*:bedrock:"), "aws.bedrock"),
    (re.compile(r"gpt-\d|chatgpt-|o\d(?:-|$)|text-embedding-(?:3|ada)"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gemini-"), "gcp.gemini"),
)
"""Starts of names of models, and who answers to them; gateways write their own before."""
_NAMES: Final = {**{name: name for name in _CANONICAL}, **_ALIASES}


@lru_cache(maxsize=4096)
def provider_name(written: str) -> str:
    """Return a provider's canonical name; one that is not known is returned in lower case.

    What follows a known name behind a dot is the kind of model (``openai.chat``, ``anthropic.messages``).
    """
    name = written.strip().lower()
    start = name
    while start:
        if start in _NAMES:
            return _NAMES[start]
        start = start.rpartition(".")[0]
    return name


@lru_cache(maxsize=4096)
def provider_of_model(model: str) -> str | None:
    """Return the provider whose model has such a name, None where several or none may."""
    name = model.strip().lower()
    return next((provider for pattern, provider in _MODELS if pattern.match(name)), None)
