"""LlamaIndex by OpenInference: the model is the one that was configured, and so the request's."""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import FRAMEWORK, Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="llama_index",
    scopes={"openinference.instrumentation.llama_index": FRAMEWORK},
    attributes={
        Slot.REQUEST_MODEL: ("llm.model_name", "embedding.model_name"),
        Slot.METADATA: ("metadata",),
    },
    private=frozenset({"metadata"}),
    ends_before_streams=True,
    not_calls=("._prepare_chat_with_tools",),
)
