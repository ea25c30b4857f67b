"""vLLM's own spans, one a request to its server: the conventions' counts, times as it calls them, and no operation.

The id of the request is that of the response to a chat. A client's span of the same call tells more (the model, the
text), so it comes first.
"""

from spanpulse_stream.normalise._slots import Slot
from spanpulse_stream.normalise.dialects._dialect import FRAMEWORK, Dialect

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="vllm",
    scopes={"vllm": FRAMEWORK},
    attributes={
        Slot.RESPONSE_ID: ("gen_ai.response.id", "gen_ai.request.id"),
        Slot.FIRST_TOKEN_S: ("gen_ai.latency.time_to_first_token",),
    },
    private=frozenset({"gen_ai.request.id"}),
    span_names={"llm_request": "chat"},
    providers={"llm_request": "vllm"},
    times_whole_responses=True,
)
