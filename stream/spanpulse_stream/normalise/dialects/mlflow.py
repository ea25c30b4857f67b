"""MLflow tracing: every value as JSON, so that texts are in quotes; requests and responses as they were."""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import INSTRUMENTOR, Dialect
from spanpulse_stream.normalise.dialects._words import SPAN_KINDS

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="mlflow",
    scopes={"mlflow": INSTRUMENTOR},
    attributes={
        Slot.OPERATION: ("mlflow.spanType",),
        Slot.PROVIDER: ("mlflow.llm.provider", "mlflow.message.format"),
        Slot.REQUEST_MODEL: ("model", "mlflow.llm.model"),
        Slot.USAGE: ("mlflow.chat.tokenUsage",),
        Slot.STREAM: ("stream",),
        Slot.USER_ID: ("mlflow.trace.user",),
        Slot.SESSION_ID: ("mlflow.trace.session",),
        Slot.INPUT: ("mlflow.spanInputs",),
        Slot.OUTPUT: ("mlflow.spanOutputs",),
    },
    private=frozenset({"model", "stream", "mlflow.message.format"}),
    operations={**SPAN_KINDS, "chat_model": "chat", "workflow": "invoke_workflow"},
)
