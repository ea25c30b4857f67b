"""Spans per CPU-second of `decode_spans` and `check`, on generated spans of about 1.7 KB with 20 attributes.

    python benchmarks/bench_decode.py [--spans 512] [--messages 8]

One thread, CPU time, median of five runs of at least a second each.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanpulse_stream.decode import KeyTable, check, decode_spans, warm_up

TEXT = (
    "the model answers a question about prices of shoes and says that délai de livraison is three days in most "
    "cities while 東京 takes a day more and the customer may return them within thirty days at no cost"
)
KNOWN = [
    "gen_ai.operation.name",
    "gen_ai.system",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.response.id",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.request.temperature",
    "gen_ai.request.stream",
    "user.id",
    "session.id",
    "gen_ai.prompt.name",
    "spanpulse.prompt.version",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
]
RESOURCE = {"service.name": "shop", "deployment.environment.name": "production", "service.instance.id": "i-1"}


def text(rng: random.Random, size: int) -> str:
    words, out = TEXT.split(), ""
    while len(out) < size:
        out += rng.choice(words) + " "
    return out[:size]


def attributes(rng: random.Random) -> list[KeyValue]:
    content = [text(rng, 450), text(rng, 400)]
    values: list[str | float] = ["chat", "openai", "openai", "gpt-5", "gpt-5-2026-08-01"]
    values += [f"chatcmpl-{rng.getrandbits(96):024x}", rng.randrange(5000), rng.randrange(900), rng.randrange(500)]
    values += [0.7, True, f"user-{rng.randrange(5000)}", f"session-{rng.getrandbits(64):x}", "answer", "12", *content]
    pairs = dict(zip(KNOWN, values, strict=True)) | {
        "server.address": "api.openai.com",
        "server.port": 443,
        "thread.name": "worker",
    }
    out = [KeyValue(key=key, value=_any(value)) for key, value in pairs.items()]
    finish = KeyValue(key="gen_ai.response.finish_reasons")
    finish.value.array_value.values.add(string_value="stop")
    return [*out, finish]


def _any(value: str | float) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(string_value=value) if isinstance(value, str) else AnyValue(double_value=value)


def request(rng: random.Random, spans: int) -> bytes:
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.extend(KeyValue(key=key, value=_any(value)) for key, value in RESOURCE.items())
    scope = resource.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.openai_v2"
    for _ in range(spans):
        start = 1_790_000_000_000_000_000 + rng.randrange(10**12)
        scope.spans.append(
            Span(
                trace_id=rng.randbytes(16),
                span_id=rng.randbytes(8),
                parent_span_id=rng.randbytes(8),
                name="chat gpt-5",
                kind=Span.SPAN_KIND_CLIENT,
                start_time_unix_nano=start,
                end_time_unix_nano=start + rng.randrange(10**10),
                attributes=attributes(rng),
                flags=257,
            )
        )
    return message.SerializeToString()


def rate(run: Callable[[], object], spans: int) -> float:
    """Return spans per CPU-second: the median of five runs."""
    rates = []
    for _ in range(5):
        rounds, start = 0, time.thread_time()
        while time.thread_time() - start < 1:
            run()
            rounds += 1
        rates.append(rounds * spans / (time.thread_time() - start))
    return statistics.median(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=512, help="spans of a message")
    parser.add_argument("--messages", type=int, default=8, help="messages of a batch")
    options = parser.parse_args()
    start = time.perf_counter()
    warm_up()
    print(f"kernels ready in {time.perf_counter() - start:.2f} s")
    rng = random.Random(1)
    bodies = [request(rng, options.spans) for _ in range(options.messages)]
    count, size = options.spans * options.messages, sum(map(len, bodies))
    keys = KeyTable([*KNOWN, *RESOURCE, *(f"other.known.key.{number}" for number in range(300))])
    print(f"{count} spans of {size / count:.0f} bytes, {len(attributes(rng))} attributes, {options.spans} a message")
    print(f"decode_spans {rate(lambda: decode_spans(bodies, keys), count):>12,.0f} spans per CPU-second")
    print(
        f"check        {rate(lambda: [check(body, 'traces') for body in bodies], count):>12,.0f} spans per CPU-second"
    )


if __name__ == "__main__":
    main()
