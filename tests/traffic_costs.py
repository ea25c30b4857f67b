"""What replayed requests hold and cost, computed by protobuf and genai-prices alone: no code of spanpulse."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from genai_prices import Usage, calc_price
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROVIDERS = {"gcp.gemini": "google", "mistral_ai": "mistral"}


@dataclass
class Sums:
    """Totals of model calls that report usage; cost in 1e-12 USD, each call's rounded half-even."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    unpriced: Counter[str] = field(default_factory=Counter)
    calls_by_model: Counter[str] = field(default_factory=Counter)


def spans(bodies: Iterable[bytes]) -> Iterator[Any]:
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def attributes(span: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def sums(bodies: Iterable[bytes]) -> Sums:
    found = Sums()
    for span in spans(bodies):
        values = attributes(span)
        if "gen_ai.usage.input_tokens" not in values:
            continue
        found.calls += 1
        found.calls_by_model[values["gen_ai.response.model"]] += 1
        found.input_tokens += values["gen_ai.usage.input_tokens"]
        found.output_tokens += values["gen_ai.usage.output_tokens"]
        cost = cost_of(span, values)
        if cost is None:
            found.unpriced[values["gen_ai.response.model"]] += 1
        else:
            found.cost += cost
    return found


def cost_of(span: Any, values: dict[str, Any]) -> int | None:
    """Return a call's cost in 1e-12 USD, None where genai-prices knows no price."""
    usage = Usage(
        input_tokens=values["gen_ai.usage.input_tokens"],
        output_tokens=values["gen_ai.usage.output_tokens"],
        cache_read_tokens=values.get("gen_ai.usage.cache_read.input_tokens", 0),
        cache_write_tokens=values.get("gen_ai.usage.cache_write.input_tokens", 0),
    )
    tier = values.get("openai.response.service_tier")
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=span.start_time_unix_nano // 1000)
    provider = values["gen_ai.provider.name"]
    try:
        with localcontext(prec=60):
            price = calc_price(
                usage,
                values["gen_ai.response.model"],
                provider_id=None if provider == "acme" else PROVIDERS.get(provider, provider),
                genai_request_timestamp=moment,
                price_context={"service_tier": tier} if tier else None,
            ).total_price
            return int((Decimal(price) * 10**12).to_integral_value(ROUND_HALF_EVEN))
    except LookupError:
        return None
