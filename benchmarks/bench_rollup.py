"""CPU us a span of `roll_up` and `span_batch`: 7,000 spans a batch, 60 % LLM, 10 models, 5 services, 1,000 users."""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import pyarrow as pa

from spanpulse_stream.columns import Numbers, SpanColumns, Words
from spanpulse_stream.rollup import DimensionCaps, RollupRows, roll_up
from spanpulse_stream.rows import span_batch

SIZE = 7_000
NS = 1_763_700_000_000_000_000


def batch(size: int = SIZE, seed: int = 1) -> SpanColumns:
    """Return spans of about 1.7 KB each, as the steps before leave them."""
    rng = np.random.default_rng(seed)
    llm = rng.random(size) < 0.6

    def words(stem: str, count: int, where: np.ndarray | None = None) -> Words:
        codes = rng.integers(0, count, size).astype(np.int32)
        return Words(np.where(True if where is None else where, codes, -1).astype(np.int32), _names(stem, count))

    def numbers(low: int, high: int, where: np.ndarray = llm) -> Numbers:
        return Numbers(np.where(where, rng.integers(low, high, size), 0), where)

    def texts(length: int, where: np.ndarray = llm) -> pa.Array:
        letters = rng.integers(97, 123, size + length, np.uint8).tobytes().decode()
        return pa.array([letters[row : row + length] if hit else None for row, hit in enumerate(where)], pa.string())

    end = NS + rng.integers(0, 2_000_000_000, size)
    duration = rng.lognormal(20, 1, size).astype(np.int64)
    pairs = pa.map_(pa.string(), pa.string())
    attributes = [("http.route", "/v1/chat"), ("server.address", "api.example.com"), ("gen_ai.request.seed", "7")]
    nothing, failed = pa.nulls(size, pa.string()), rng.random(size) < 0.02
    return SpanColumns(
        size=size,
        log_source=1,
        log_offset=np.arange(size) // 512,
        ordinal=(np.arange(size) % 512).astype(np.int32),
        received_at=np.full(size, NS // 1_000_000),
        tenant=Words.constant(size, "default"),
        trace_id=rng.integers(1, 2**63, (size, 2)).astype(np.uint64),
        span_id=rng.integers(1, 2**63, size).astype(np.uint64),
        parent_span_id=rng.integers(0, 2, size).astype(np.uint64) * 77,
        start_time=end - duration,
        end_time=end,
        duration_ns=Numbers(duration, np.ones(size, np.bool_)),
        time_to_first_token_ns=Numbers(duration // 4, llm),
        name=words("span", 20),
        span_kind=np.full(size, 3, np.uint8),
        service_name=words("service", 5),
        environment=Words.constant(size, "production"),
        operation=Words(np.where(llm, 0, -1).astype(np.int32), ["chat"]),
        kind=Words(llm.astype(np.int32), ["other", "llm"]),
        provider=words("provider", 3, llm),
        request_model=words("model", 10, llm),
        response_model=words("model", 10, llm),
        response_id=texts(24),
        stream=numbers(0, 2),
        input_tokens=numbers(1, 4000),
        output_tokens=numbers(1, 900),
        cache_read_tokens=numbers(0, 100),
        cache_write_tokens=numbers(0, 100),
        reasoning_tokens=numbers(0, 100),
        cache_write_1h_tokens=Numbers.absent(size),
        input_audio_tokens=Numbers.absent(size),
        output_audio_tokens=Numbers.absent(size),
        service_tier=Words.absent(size),
        usage_status=Words(np.where(llm, 0, -1).astype(np.int32), ["reported"]),
        usage_rank=np.where(llm, 3, 0).astype(np.uint8),
        status=Words(failed.astype(np.int32), ["ok", "error"]),
        status_message=nothing,
        error_type=Words(np.where(failed, 0, -1).astype(np.int32), ["timeout"]),
        finish_reasons=pa.array([["stop"] if hit else None for hit in llm], pa.list_(pa.string())),
        user_id=words("user", 1000, llm),
        session_id=words("session", 2000, llm),
        prompt_name=words("prompt", 5, llm),
        prompt_version=words("v", 3, llm),
        experiments=pa.array([[("greeting", "b")] if hit else [] for hit in rng.random(size) < 0.2], pairs),
        tags=pa.array([[]] * size, pairs),
        weight=np.ones(size, np.int64),
        input_messages=texts(800),
        output_messages=texts(500),
        retrieval_query=nothing,
        retrieval_documents=nothing,
        emitter_name=words("emitter", 2),
        emitter_version=Words.constant(size, "1.2.3"),
        resource=words('{"service.name":"service"}', 5),
        attributes=pa.array([attributes] * size, pairs),
        events=nothing,
        links=nothing,
        anomalies=pa.array([[]] * size, pa.list_(pa.string())),
        counted=llm,
        dropped=np.zeros(size, np.bool_),
        cost=numbers(0, 10**11),
        cost_confidence=Words(np.where(llm, 0, -1).astype(np.int32), ["computed"]),
        price_version="2026-11-01",
    )


def _names(stem: str, count: int) -> list[str]:
    return [f"{stem}-{number}" for number in range(count)]


def cost(step: Callable[[], object], size: int = SIZE, times: int = 40) -> float:
    """Return the median CPU time of a step in us a span."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        step()
        taken.append(time.process_time() - began)
    return median(taken) / size * 1e6


def main() -> None:
    columns = batch()
    caps = DimensionCaps(lambda _source, _day: [])

    def rolled() -> object:
        return roll_up(RollupRows.of_columns(columns), log_source=1, end_offset=14, dimensions=caps)

    print(f"roll_up    {cost(rolled):6.2f} us a span (CPU, median)")
    print(f"span_batch {cost(lambda: span_batch(columns)):6.2f} us a span (CPU, median)")


if __name__ == "__main__":
    main()
