"""The metrics `gen_ai.client.token.usage` and `gen_ai.client.operation.duration` of the GenAI conventions.

They go to the application's own MeterProvider; where it has none, nothing is recorded and it costs nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry import metrics

from spanpulse._calls import Call
from spanpulse._shapes import Attribute

__all__ = ["Metrics"]

TOKEN_BUCKETS: Final = [4**power for power in range(14)]
DURATION_BUCKETS: Final = [0.01 * 2**power for power in range(14)]  # s
SAID_AT_START: Final[tuple[str, ...]] = (
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "server.address",
    "server.port",
)
SAID_LATER: Final = ("gen_ai.request.model", "gen_ai.response.model")
TOKENS: Final = (("input", "gen_ai.usage.input_tokens"), ("output", "gen_ai.usage.output_tokens"))
NS: Final = 1e9


class Metrics:
    """Records what calls took and used."""

    def __init__(self, meter: metrics.Meter) -> None:
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKEN_BUCKETS,
        )
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
        )

    def record(self, call: Call, told: dict[str, Attribute]) -> None:
        """Record a call that has ended and was told ``told``."""
        if getattr(self._duration, "_real_instrument", self) is None:  # of a provider that is still to be set
            return
        said: Mapping[str, Any] = getattr(call.span, "attributes", None) or call.began
        common = {name: said[name] for name in SAID_AT_START if name in said}
        common |= {name: value for name in SAID_LATER if (value := told.get(name, said.get(name))) is not None}
        for kind, name in TOKENS:
            if isinstance(tokens := told.get(name), int):
                self._tokens.record(tokens, common | {"gen_ai.token.type": kind})
        failed = {"error.type": told["error.type"]} if "error.type" in told else {}
        self._duration.record((call.ended_ns - call.started_ns) / NS, common | failed)
