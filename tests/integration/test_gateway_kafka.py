"""The gateway on a real broker: 200 means that Kafka has it, and what happens while it has not."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
from aiokafka.partitioner import DefaultPartitioner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from kafka_reading import read_topic
from kafka_running import Kafka, make_topic
from otlp.requests import PROTOBUF, resource_spans, some_logs, span, spans_of, status_of, traces
from otlp.serving import until
from spanpulse_stream.gateway import GrpcServer, HttpServer, OtlpApp, OtlpOptions, Receiver
from spanpulse_stream.kafka import KafkaLog, KafkaMisconfigured
from spanpulse_stream.observe import Health, Metrics, catalog
from spanpulse_stream.settings import Settings

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
HEADERS = {"content-type": PROTOBUF}
MIB = 1024 * 1024


@dataclass
class Gateway:
    kafka: Kafka
    topic: str
    log: KafkaLog
    metrics: Metrics
    health: Health
    http: httpx.AsyncClient
    grpc: str

    async def post(self, body: bytes, signal: str = "traces") -> httpx.Response:
        return await self.http.post(f"/v1/{signal}", content=body, headers=HEADERS)

    async def export(self, body: bytes) -> bytes:
        async with grpc.aio.insecure_channel(self.grpc) as channel:
            return await channel.unary_unary(EXPORT)(body, timeout=60)

    async def stored(self) -> list[int]:
        """The numbers of the spans in the topic."""
        values = [record.value for record in await read_topic(self.kafka, self.topic)]
        return [int.from_bytes(one.span_id, "big") for one in spans_of(*values)]

    @property
    def well(self) -> bool:
        return not self.health.reasons()

    async def recovers(self, body: bytes) -> None:
        """Send until it is taken."""
        async with asyncio.timeout(60):
            while True:
                if (await self.post(body)).status_code == 200:
                    return
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def gateway(
    kafka: Kafka,
    *,
    partitions: int = 3,
    wait: bool = True,
    prefix: str = "",
    topic: dict[str, str] | None = None,
    **more: Any,
) -> AsyncIterator[Gateway]:
    """Run a gateway on a topic of its own; with ``partitions`` 0 it is not made."""
    prefix = prefix or f"gateway-{time.time_ns()}"
    name = f"{prefix}.otlp"
    if partitions:
        await make_topic(kafka, partitions, name=name, **(topic or {}))
    settings = kafka.settings(kafka_topic_prefix=prefix, **more)
    metrics, health = Metrics(), Health(time.monotonic)
    log = KafkaLog(settings, metrics, health)
    receiver = Receiver(log, OtlpOptions.from_settings(settings), metrics, health)
    http = HttpServer(OtlpApp(receiver), host="127.0.0.1", port=0, setting="otlp_http", stop_within=10)
    rpc = GrpcServer(receiver, host="127.0.0.1", port=0, stop_within=10)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(receiver.close)
        await log.start()
        stack.push_async_callback(log.aclose)
        for server in (http, rpc):
            await server.start()
            stack.push_async_callback(server.stop)
        receiver.serve()
        health.started()
        limits = httpx.Limits(max_connections=500)
        client = httpx.AsyncClient(base_url=f"http://{http.address}", timeout=60, limits=limits)
        await stack.enter_async_context(client)
        got = Gateway(kafka, name, log, metrics, health, client, rpc.address)
        if wait:
            await until(lambda: not log._watch.reason)
        yield got


def some(first: int, count: int = 3, *, text: str = "hello", instance: str = "one") -> bytes:
    resource = {"service.name": "shop", "service.instance.id": instance}
    return traces(resource_spans(resource, [span(first + number, text) for number in range(count)]))


def large(number: int, size: int) -> bytes:
    """Return a span that does not compress below its size."""
    return some(number, 1, text=random.randbytes(size // 2).hex())


async def test_200_means_that_it_is_in_the_topic_over_http_and_grpc(kafka):
    async with gateway(kafka) as got:
        assert (await got.post(some(1))).content == b""
        assert sorted(await got.stored()) == [1, 2, 3]
        assert await got.export(some(4)) == b""
        assert sorted(await got.stored()) == [1, 2, 3, 4, 5, 6]
        assert (await got.post(some_logs(), "logs")).status_code == 200
        records = await read_topic(kafka, got.topic)
        assert got.metrics.value(catalog.KAFKA_PRODUCED_MESSAGES) == len(records) == 3
        assert got.metrics.value(catalog.KAFKA_HELD_BYTES) == 0
    headers = [dict(record.headers) for record in records]
    assert sorted(each["signal"] for each in headers) == [b"logs", b"traces", b"traces"]
    assert {each["tenant"] for each in headers} == {b"default"}
    assert sorted(each["records"] for each in headers) == [b"2", b"3", b"3"]


async def test_a_request_of_several_resources_goes_to_the_partitions_of_their_keys(kafka):
    groups = [resource_spans({"service.name": f"shop-{n}", "host.name": "h"}, [span(n)]) for n in range(1, 21)]
    async with gateway(kafka, partitions=5) as got:
        assert (await got.post(traces(*groups))).status_code == 200
        records = await read_topic(kafka, got.topic)
    assert len(records) == 20
    assert len({record.partition for record in records}) > 1
    for record in records:
        assert record.partition == DefaultPartitioner()(record.key, list(range(5)), [])


async def test_small_exports_of_one_process_are_packed_and_each_is_answered(kafka):
    async with gateway(kafka, kafka_linger=0.2) as got:
        answers = await asyncio.gather(*(got.post(some(3 * number + 1)) for number in range(100)))
        stored = await got.stored()
        messages = got.metrics.value(catalog.KAFKA_PRODUCED_MESSAGES)
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(stored) == list(range(1, 301))
    assert messages <= 20


@pytest.mark.parametrize("compression", ["none", "gzip", "lz4", "snappy", "zstd"])
async def test_every_compression_can_be_read(kafka, compression):
    async with gateway(kafka, kafka_compression=compression) as got:
        assert (await got.post(some(1, 50, text="x" * 500))).status_code == 200
        assert sorted(await got.stored()) == list(range(1, 51))


async def test_a_record_over_the_limit_is_named_in_a_partial_success_and_nothing_else_is_lost(kafka):
    """Two limits: that of the settings, which is asked before anything is sent, and a lower one of the topic."""
    body = some(1) + large(10, 5 * MIB) + some(4)
    for message_bytes, topic in (
        (2 * MIB, {"max_message_bytes": str(8 * MIB)}),
        (8 * MIB, {"max_message_bytes": "1048588"}),
    ):
        async with gateway(kafka, partitions=1, kafka_message_bytes=message_bytes, topic=topic) as got:
            for _ in range(2):
                answer = await got.post(body)
                assert answer.status_code == 200
                said = ExportTraceServiceResponse.FromString(answer.content).partial_success
                assert said.rejected_spans == 1
                assert "larger than" in said.error_message
            assert ExportTraceServiceResponse.FromString(await got.export(body)).partial_success.rejected_spans == 1
            assert (await got.post(some(7))).status_code == 200  # later ones of the partition are not in its way
            assert sorted(await got.stored()) == sorted([*range(1, 7)] * 3 + [7, 8, 9])
            assert got.metrics.value(catalog.RECEIVER_RECORDS, "traces", "too_large") == 3
            assert got.metrics.value(catalog.RECEIVER_RECORDS, "traces", "accepted") == 21


async def test_a_large_span_that_the_topic_takes_is_stored(kafka):
    async with gateway(kafka, topic={"max_message_bytes": str(8 * MIB)}) as got:
        assert (await got.post(large(1, 5 * MIB))).content == b""
        assert await got.stored() == [1]
        assert (await got.post(large(2, 21 * MIB))).status_code == 413


async def test_a_topic_with_too_small_a_limit_loses_nothing(kafka):
    async with gateway(kafka, partitions=1, topic={"max_message_bytes": "100000"}) as got:
        answer = await got.post(large(1, 500_000))
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert (await got.post(some(2))).status_code == 200
        assert sorted(await got.stored()) == [2, 3, 4]


async def test_a_topic_that_is_missing_is_waited_for(kafka):
    async with gateway(kafka, partitions=0, wait=False) as got:
        answer = await got.post(some(1))
        assert (answer.status_code, status_of(answer.content).message) == (503, "Kafka cannot be reached")
        await until(lambda: any("spanpulse init" in reason.detail for reason in got.health.reasons()))
        await make_topic(kafka, 2, name=got.topic)
        await got.recovers(some(1))
        assert set(await got.stored()) == {1, 2, 3}
        await until(lambda: got.well)


async def test_a_broker_that_is_absent_at_the_start_is_waited_for_with_the_ports_open(kafka):
    prefix = f"absent-{time.time_ns()}"
    await make_topic(kafka, 3, name=f"{prefix}.otlp")
    async with absence(kafka) as comes_back, gateway(kafka, partitions=0, wait=False, prefix=prefix) as got:
        begun = time.monotonic()
        refused = await got.post(some(1))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await got.export(some(1))
        assert time.monotonic() - begun < 20  # nobody waits for Kafka
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        assert not got.well
        await comes_back()
        await got.recovers(some(1))
        await until(lambda: got.well)
        assert set(await got.stored()) == {1, 2, 3}


@contextlib.asynccontextmanager
async def absence(kafka: Kafka) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Kill the broker; what is given starts it again, at the latest at the end."""
    away = True

    async def comes_back() -> None:
        nonlocal away
        if away:
            away = False
            await asyncio.to_thread(kafka.start_broker, 0)

    await asyncio.to_thread(kafka.kill, 0)
    try:
        yield comes_back
    finally:
        await comes_back()


async def test_more_than_fits_the_buffer_is_429_and_nothing_of_it_is_kept(kafka):
    async with gateway(kafka, kafka_buffer_bytes=MIB) as got:
        bodies = [
            some(number, 1, text=random.randbytes(200_000).hex(), instance=str(number)) for number in range(1, 31)
        ]
        answers = await asyncio.gather(*map(got.post, bodies))
        codes = [answer.status_code for answer in answers]
        assert set(codes) == {200, 429}
        assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
        assert sorted(await got.stored()) == [number for number, code in enumerate(codes, 1) if code == 200]


async def test_a_stop_finishes_what_is_under_way(kafka):
    async with gateway(kafka, kafka_linger=1) as got:
        sending = [asyncio.create_task(got.post(some(10 * number + 1))) for number in range(20)]
        await until(lambda: got.log._held > 0)
        await got.log.aclose()
        codes = {(await answer).status_code for answer in sending}
        assert 200 in codes
        assert codes <= {200, 503}
        acknowledged = sum(answer.result().status_code == 200 for answer in sending)
        assert len(await got.stored()) == 3 * acknowledged
        assert (await got.post(some(1))).status_code == 503


async def test_a_topic_that_gains_partitions_is_written_to_all_of_them(kafka):
    async with gateway(kafka, partitions=1) as got:
        assert (await got.post(some(1))).status_code == 200
        await more_partitions(kafka, got.topic, 6)
        await until(lambda: got.log._watch.partitions == 6)
        answers = [await got.post(some(10 * n, instance=str(n))) for n in range(1, 31)]
        assert {answer.status_code for answer in answers} == {200}
        assert len({record.partition for record in await read_topic(kafka, got.topic)}) == 6


async def more_partitions(kafka: Kafka, topic: str, partitions: int) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewPartitions  # noqa: PLC0415

    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(partitions)})
    finally:
        await admin.close()


async def test_wrong_settings_are_said_at_the_start():
    log = KafkaLog(Settings(), Metrics(), Health(time.monotonic))
    with pytest.raises(KafkaMisconfigured, match="kafka_brokers is not set"):
        await log.start()
    await log.aclose()
