"""One file per family of emitters: which of its attributes fill which column. The first is read for all others too."""

from spanpulse_stream.normalise.dialects import (
    anthropic,
    google,
    langfuse,
    litellm,
    llama_index,
    llama_index_otel,
    logfire,
    mlflow,
    openinference,
    openlit,
    openllmetry,
    otel,
    pydantic_ai,
    vector_stores,
    vercel,
    vllm,
)
from spanpulse_stream.normalise.dialects._dialect import Dialect

__all__ = ["DIALECTS", "Dialect"]

DIALECTS: tuple[Dialect, ...] = (
    otel.DIALECT,
    openllmetry.DIALECT,
    openinference.DIALECT,
    openlit.DIALECT,
    langfuse.DIALECT,
    vercel.DIALECT,
    google.DIALECT,
    anthropic.DIALECT,
    pydantic_ai.DIALECT,
    logfire.DIALECT,
    litellm.DIALECT,
    mlflow.DIALECT,
    llama_index.DIALECT,
    llama_index_otel.DIALECT,
    vllm.DIALECT,
    vector_stores.DIALECT,
)
