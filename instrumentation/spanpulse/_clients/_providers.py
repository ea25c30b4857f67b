"""Who answers at an address: values of `gen_ai.provider.name`."""

from typing import Final

__all__ = ["provider_at"]

BY_END: Final = {
    "api.openai.com": "openai",
    ".openai.azure.com": "azure.ai.openai",
    ".cognitiveservices.azure.com": "azure.ai.openai",
    ".services.ai.azure.com": "azure.ai.inference",
    ".inference.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    ".amazonaws.com": "aws.bedrock",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "-aiplatform.googleapis.com": "gcp.vertex_ai",  # of a region
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    "openrouter.ai": "openrouter",
    "api.together.xyz": "together_ai",
    "api.together.ai": "together_ai",
    "api.fireworks.ai": "fireworks_ai",
    "api.cerebras.ai": "cerebras",
    "api.moonshot.ai": "moonshot_ai",
    "dashscope.aliyuncs.com": "alibaba_cloud",
    "dashscope-intl.aliyuncs.com": "alibaba_cloud",
    "api.sambanova.ai": "sambanova",
    "integrate.api.nvidia.com": "nvidia",
    "router.huggingface.co": "huggingface",
}


def provider_at(host: str, otherwise: str) -> str:
    """Return the provider at a host; ``otherwise`` where it is none that is known, such as a proxy of one's own."""
    host = "." + host.lower()
    return next((name for end, name in BY_END.items() if host.endswith(_end(end))), otherwise)


def _end(name: str) -> str:
    return name if name[0] in ".-" else "." + name
