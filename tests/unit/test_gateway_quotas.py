"""Quotas per API key, on a clock that is set, and over HTTP and gRPC."""

import hashlib

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import RetryInfo

from otlp.requests import PROTOBUF, some_traces, status_of
from otlp.serving import client, receiver
from spanpulse_stream.gateway import ApiKeys, GrpcServer, OtlpOptions, RequestRefused, Sender, _quotas
from spanpulse_stream.gateway._quotas import BURST_S, Quotas
from spanpulse_stream.observe import Metrics, catalog
from spanpulse_stream.settings import Settings

ACME, OTHER = Sender("acme", "192.0.2.1", b"a"), Sender("acme", "192.0.2.1", b"b")
KEYS = ApiKeys.parse(["acme:plain:0123456789abcdef", "acme:plain:fedcba9876543210"])


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def quotas(clock: Clock, *, size: int = 0, records: int = 0) -> Quotas:
    return Quotas(size, records, clock, Metrics())


def refused(quota: Quotas, sender: Sender = ACME, size: int = 1, records: int = 1) -> RequestRefused:
    with pytest.raises(RequestRefused) as raised:
        quota.charge(sender, size, records)
    assert raised.value.status == 429
    return raised.value


def test_without_quotas_anything_goes():
    quota = quotas(Clock())
    for _ in range(100):
        quota.charge(ACME, 10**9, 10**6)
    quota.check(ACME)


def test_a_burst_goes_through_and_then_the_rate_holds():
    clock = Clock()
    quota = quotas(clock, records=10)
    for _ in range(round(10 * BURST_S)):
        quota.charge(ACME, 1, 1)
    quota.charge(ACME, 1, 1)  # there was nothing left, and no debt
    sent = 0
    for _ in range(1000):  # 100 seconds
        clock.now += 0.1
        try:
            quota.charge(ACME, 1, 1)
        except RequestRefused:
            continue
        sent += 1
    assert 990 <= sent <= 1010


def test_retry_after_is_the_time_until_the_next_request_is_taken():
    clock = Clock()
    quota = quotas(clock, size=1000)
    quota.charge(ACME, 6000 + round(1000 * BURST_S), 1)
    wait = refused(quota).retry_after_s
    assert wait == pytest.approx(6.0)
    clock.now += wait - 0.01
    refused(quota)
    clock.now += 0.02
    quota.charge(ACME, 1, 1)


def test_a_request_larger_than_the_burst_comes_through_and_is_paid_for():
    clock = Clock()
    quota = quotas(clock, size=100)
    quota.charge(ACME, 100_000, 1)
    clock.now += 900
    refused(quota)
    clock.now += 100
    quota.charge(ACME, 100_000, 1)


def test_the_quota_that_is_waited_for_longer_counts():
    clock, metrics = Clock(), Metrics()
    quota = Quotas(100, 10, clock, metrics)
    quota.charge(ACME, 1000, 1000)
    assert refused(quota).retry_after_s == pytest.approx(95.0)
    assert "records a second" in refused(quota).message
    assert metrics.value(catalog.RECEIVER_OVER_QUOTA, "acme", "records") == 2


def test_what_was_not_accepted_is_given_back():
    quota = quotas(Clock(), records=10)
    quota.charge(ACME, 1, 1000)
    quota.give_back(ACME, 1, 1000)
    quota.check(ACME)
    quota.charge(ACME, 1, 1)


def test_each_key_has_its_own_bucket_and_their_number_is_bounded(monkeypatch):
    monkeypatch.setattr(_quotas, "MOST_BUCKETS", 3)
    quota = quotas(Clock(), records=1)
    quota.charge(ACME, 1, 100)
    quota.charge(OTHER, 1, 1)
    refused(quota)
    for number in range(10):
        quota.charge(Sender("acme", "", str(number).encode()), 1, 1)
        refused(quota)  # used just now, so it is not the one that is forgotten
    assert len(quota._buckets) == 3


def test_the_settings_reach_the_receiver():
    options = OtlpOptions.from_settings(Settings(quota_bytes=5, quota_records=7))
    assert (options.quota_bytes, options.quota_records) == (5, 7)


def test_the_key_itself_is_what_is_counted():
    entry = KEYS.entry([(b"x-api-key", b"fedcba9876543210")])
    assert entry == ("acme", hashlib.sha256(b"fedcba9876543210").digest())


async def test_over_http_and_grpc_the_same_quota_holds(log):
    headers = {"content-type": PROTOBUF, "x-api-key": "0123456789abcdef"}
    export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    async with receiver(log, OtlpOptions(keys=KEYS, quota_records=1)) as got, client(got.app) as http:
        first = await http.post("/v1/traces", content=some_traces(60), headers=headers)
        second = await http.post("/v1/traces", content=some_traces(), headers=headers)
        other = await http.post(
            "/v1/traces", content=some_traces(), headers=headers | {"x-api-key": "fedcba9876543210"}
        )
        server = GrpcServer(got.receiver, host="127.0.0.1", port=0, stop_within=1)
        await server.start()
        async with grpc.aio.insecure_channel(server.address) as channel:
            metadata = (("x-api-key", "0123456789abcdef"),)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await channel.unary_unary(export)(some_traces(), timeout=20, metadata=metadata)
        await server.stop()
        assert got.metrics.value(catalog.RECEIVER_OVER_QUOTA, "acme", "records") == 2
    assert [first.status_code, second.status_code, other.status_code] == [200, 429, 200]
    assert 50 <= int(second.headers["retry-after"]) <= 55
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    details = status_of(dict(raised.value.trailing_metadata())["grpc-status-details-bin"])
    retry = RetryInfo()
    assert details.details[0].Unpack(retry)
    assert 40 <= retry.retry_delay.seconds <= 55


async def test_a_request_that_the_log_refuses_costs_nothing(log):
    log.refuse(1.0, times=1)
    async with receiver(log, OtlpOptions(quota_records=1)) as got, client(got.app) as http:
        answers = [
            (await http.post("/v1/traces", content=some_traces(60), headers={"content-type": PROTOBUF})).status_code
            for _ in range(3)
        ]
    assert answers == [429, 200, 429]
    assert len(log.appends) == 1
