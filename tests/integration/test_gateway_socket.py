"""The receiver on a real socket: hostile senders, slow ones, those that go away, and an orderly stop."""

import asyncio
import gzip
import signal
import socket

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otlp.requests import PROTOBUF, some_traces, status_of
from otlp.serving import exchange, listening, until
from spanpulse_stream.gateway import CannotListen, HttpServer, OtlpOptions, RequestLimits
from spanpulse_stream.observe import catalog

MIB = 1024 * 1024
URL = "/v1/traces"
HEADERS = {"content-type": PROTOBUF}


def head(*lines: str, path: str = URL) -> bytes:
    fixed = [f"POST {path} HTTP/1.1", "host: receiver", f"content-type: {PROTOBUF}"]
    return "\r\n".join([*fixed, *lines, "", ""]).encode()


def parse(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    top, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(status.split()[1]), headers, body[: int(headers["content-length"])]


async def test_a_request_is_answered_over_a_connection_that_stays(log):
    async with listening(log) as got, httpx.AsyncClient(base_url=f"http://{got.address}") as http:
        for _ in range(3):
            answer = await http.post(URL, content=some_traces(), headers=HEADERS)
            assert answer.status_code == 200
            assert "connection" not in answer.headers
        assert len(got.server._server.server_state.connections) == 1
    assert len(log.appends) == 3


async def test_chunked_bodies_are_read(log):
    async def chunks():
        body = some_traces(500)
        for begin in range(0, len(body), 1000):
            yield body[begin : begin + 1000]

    async with listening(log) as got, httpx.AsyncClient() as http:
        answer = await http.post(f"http://{got.address}{URL}", content=chunks(), headers=HEADERS)
    assert answer.status_code == 200
    assert log.messages[0].value == some_traces(500)


async def send_endlessly(writer: asyncio.StreamWriter, most: int) -> None:
    writer.write(head("transfer-encoding: chunked"))
    for _ in range(most // 0x10000):
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


async def test_an_endless_chunked_body_is_413_and_then_cut_off(log):
    options = OtlpOptions(limits=RequestLimits(max_body_bytes=MIB))
    async with listening(log, options) as got:
        host, _, port = got.address.rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        with pytest.raises(ConnectionError):
            await send_endlessly(writer, 64 * MIB)
        writer.close()
        assert got.metrics.value(catalog.RECEIVER_REQUESTS, "traces", "413") == 1
    assert log.appends == []


async def test_an_oversized_body_gets_its_413_and_the_connection_lives_on(log):
    options = OtlpOptions(limits=RequestLimits(max_body_bytes=MIB))
    async with listening(log, options) as got, httpx.AsyncClient(base_url=f"http://{got.address}") as http:
        large = await http.post(URL, content=b"x" * (MIB + MIB // 2), headers=HEADERS)
        good = await http.post(URL, content=some_traces(), headers=HEADERS)
    assert (large.status_code, good.status_code) == (413, 200)
    assert len(log.appends) == 1


async def test_a_bomb_is_413(log):
    async with listening(log) as got, httpx.AsyncClient() as http:
        bomb = gzip.compress(bytes(80 * MIB), 6)
        headers = HEADERS | {"content-encoding": "gzip"}
        answer = await http.post(f"http://{got.address}{URL}", content=bomb, headers=headers)
        assert answer.status_code == 413
        await until(lambda: got.metrics.value(catalog.RECEIVER_IN_FLIGHT_BYTES) == 0)


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_sender_that_goes_away_leaves_nothing(chunked, log):
    body = some_traces(100)
    async with listening(log) as got:
        host, _, port = got.address.rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        if chunked:
            # All of the body has come, but for the chunk that says so.
            writer.write(head("transfer-encoding: chunked") + b"%x\r\n" % len(body) + body + b"\r\n")
        else:
            writer.write(head(f"content-length: {len(body)}") + body[:-1])
        await writer.drain()
        await until(lambda: got.metrics.value(catalog.RECEIVER_IN_FLIGHT) == 1)
        writer.close()
        await until(lambda: got.metrics.value(catalog.RECEIVER_ABORTED, "traces") == 1)
        assert got.metrics.value(catalog.RECEIVER_IN_FLIGHT) == 0
        assert got.metrics.value(catalog.RECEIVER_IN_FLIGHT_BYTES) == 0
    assert log.appends == []


async def test_a_slow_body_is_408(log):
    options = OtlpOptions(limits=RequestLimits(body_timeout=0.1))
    async with listening(log, options) as got:
        status, headers, body = parse(await exchange(got.address, head("content-length: 100") + b"half"))
    assert status == 408
    assert headers["connection"] == "close"
    assert status_of(body).code == 4


@pytest.mark.parametrize("first", [b"", b"POST /v1/tr", b"\r\n", head("content-length: 1")[:-2]])
async def test_a_slow_header_ends_the_connection(first, log):
    options = OtlpOptions(limits=RequestLimits(header_timeout=0.1))
    async with listening(log, options) as got:
        assert await exchange(got.address, first) == b""


async def test_what_is_announced_holds_no_memory(log):
    """Idle connections that announce the largest body, and more of them than requests are worked on."""
    body = some_traces(20_000)
    options = OtlpOptions(limits=RequestLimits(most_requests=16))
    async with listening(log, options) as got, httpx.AsyncClient(timeout=60) as http:
        host, _, port = got.address.rpartition(":")
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(40)]
        for _, writer in idle:
            writer.write(head(f"content-length: {20 * MIB}") + b"x")
            await writer.drain()
        await until(lambda: got.metrics.value(catalog.RECEIVER_IN_FLIGHT) == 40)
        assert got.metrics.value(catalog.RECEIVER_IN_FLIGHT_BYTES) == 40
        answer = await http.post(f"http://{got.address}{URL}", content=body, headers=HEADERS)
        assert answer.status_code == 200
        for _, writer in idle:
            writer.close()


async def test_who_holds_much_memory_must_go_on_sending(log):
    options = OtlpOptions(limits=RequestLimits(pace_seconds=0.2, body_timeout=60))
    async with listening(log, options) as got:
        stalled = head(f"content-length: {MIB}") + b"x" * (MIB - 1)
        status, headers, body = parse(await exchange(got.address, stalled))
        assert (status, headers["connection"]) == (408, "close")
        assert "65536 bytes" in status_of(body).message
        await until(lambda: got.metrics.value(catalog.RECEIVER_IN_FLIGHT_BYTES) == 0)


async def test_bytes_that_arrive_are_bounded(log):
    options = OtlpOptions(
        limits=RequestLimits(max_body_bytes=MIB, max_decompressed_bytes=MIB, most_bytes_in_flight=2 * MIB)
    )
    async with listening(log, options) as got:
        host, _, port = got.address.rpartition(":")
        senders = [await asyncio.open_connection(host, int(port)) for _ in range(4)]
        for _, writer in senders:
            writer.write(head(f"content-length: {MIB}") + b"x" * (MIB - 1))
        await until(lambda: got.metrics.value(catalog.RECEIVER_REQUESTS, "traces", "429") >= 1)
        assert got.metrics.value(catalog.RECEIVER_IN_FLIGHT_BYTES) <= 2 * MIB
        for _, writer in senders:
            writer.close()


@pytest.mark.parametrize(
    "lines", [["x-pad: " + "y" * 70_000], [f"x-{n}: {'y' * 90}" for n in range(700)], ["cookie: " + "y" * 65_500]]
)
async def test_a_header_that_is_too_large_is_431_though_it_comes_whole(lines, log):
    body = some_traces()
    async with listening(log) as got:
        raw = await exchange(got.address, head(*lines, f"content-length: {len(body)}", "connection: close") + body)
        assert parse(raw)[0] == 431
        assert got.metrics.value(catalog.RECEIVER_REQUESTS, "none", "431") == 1
    assert log.appends == []


async def test_a_header_just_within_the_limit_is_read(log):
    body = some_traces()
    async with listening(log) as got:
        request = head("x-pad: " + "y" * 65_000, f"content-length: {len(body)}", "connection: close") + body
        assert parse(await exchange(got.address, request))[0] == 200


async def test_an_endless_header_is_431(log):
    async with listening(log) as got:
        raw = await exchange(got.address, b"POST /v1/traces HTTP/1.1\r\n" + b"x-pad: " + b"y" * 70_000)
    status, headers, body = parse(raw)
    assert status == 431
    assert headers["content-type"] == PROTOBUF
    assert "header" in status_of(body).message


@pytest.mark.parametrize("raw", [b"\x16\x03\x01\x02\x00\x01 hello tls\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
async def test_what_is_not_http_is_400(raw, log):
    async with listening(log) as got:
        status, headers, body = parse(await exchange(got.address, raw))
    assert status == 400
    assert headers["content-type"] == PROTOBUF
    assert status_of(body).code == 3


async def test_two_lengths_are_refused(log):
    async with listening(log) as got:
        both = head("content-length: 4", "transfer-encoding: chunked") + b"0\r\n\r\n"
        assert parse(await exchange(got.address, both))[0] == 400
    assert log.appends == []


async def test_an_offer_to_upgrade_does_not_lose_the_body(log):
    """Some HTTP clients offer HTTP/2 with their first request."""
    body = some_traces()
    upgrade = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__")
    request = head(f"content-length: {len(body)}", *upgrade) + body
    closing = head(f"content-length: {len(body)}", "connection: close") + body
    async with listening(log) as got:
        host, _, port = got.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        assert parse(await reader.readuntil(b"\r\n\r\n"))[0] == 200
        writer.write(closing)
        assert parse(await reader.read())[0] == 200
        writer.close()
    assert [message.value for message in log.messages] == [body, body]


@pytest.mark.parametrize("cut", [1, 30, 200, 260])
async def test_an_offer_to_upgrade_may_come_in_pieces(cut, log):
    body = some_traces()
    raw = head(f"content-length: {len(body)}", "upgrade: h2c", "connection: Upgrade") + body
    again = head(f"content-length: {len(body)}", "connection: close") + body
    async with listening(log) as got:
        answers = await exchange(got.address, raw[:cut], raw[cut:] + again, pause=lambda: asyncio.sleep(0.01))
    assert answers.count(b"200 OK") == 2
    assert [message.value for message in log.messages] == [body, body]


async def test_this_is_no_proxy(log):
    async with listening(log) as got:
        raw = await exchange(got.address, b"CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n")
    assert parse(raw)[0] == 405


async def test_expect_continue_is_answered(log):
    body = some_traces()
    async with listening(log) as got:
        host, _, port = got.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head(f"content-length: {len(body)}", "expect: 100-continue", "connection: close"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert parse(await reader.read())[0] == 200
        writer.close()
    assert len(log.appends) == 1


async def test_connections_are_bounded(log):
    options = OtlpOptions(limits=RequestLimits(most_connections=2))
    async with listening(log, options) as got:
        host, _, port = got.address.rpartition(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        await until(lambda: len(got.server._server.server_state.connections) == 2)
        status, headers, _ = parse(await exchange(got.address, b""))
        assert (status, headers["retry-after"]) == (503, "1")
        for _, writer in held:
            writer.close()
        await until(lambda: not got.server._server.server_state.connections)
        async with httpx.AsyncClient() as http:
            answer = await http.post(f"http://{got.address}{URL}", content=some_traces(), headers=HEADERS)
        assert answer.status_code == 200


async def test_a_stop_lets_requests_in_flight_end(log):
    log.open.clear()
    async with listening(log) as got, httpx.AsyncClient() as http:
        address = f"http://{got.address}{URL}"
        sending = asyncio.create_task(http.post(address, content=some_traces(), headers=HEADERS))
        await until(lambda: log.waiting == 1)
        got.receiver.stop()
        stopping = asyncio.create_task(got.server.stop())
        await until(lambda: not any(server.is_serving() for server in got.server._server.servers))
        log.open.set()
        assert (await sending).status_code == 200
        await stopping
        with pytest.raises(httpx.ConnectError):
            await http.post(address, content=some_traces(), headers=HEADERS)
    assert len(log.appends) == 1


async def test_a_stop_that_takes_too_long_answers_503_so_that_nothing_is_lost(log):
    log.open.clear()
    async with listening(log) as got, httpx.AsyncClient(timeout=60) as http:
        sending = asyncio.create_task(http.post(f"http://{got.address}{URL}", content=some_traces(), headers=HEADERS))
        await until(lambda: log.waiting == 1)
        await got.server.stop()
        assert (await sending).status_code == 503
    assert log.appends == []


async def test_signals_stay_with_the_process(log):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    async with listening(log):
        assert {number: signal.getsignal(number) for number in before} == before


async def test_a_taken_port_is_named_with_the_way_out():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = HttpServer(lambda: None, host="127.0.0.1", port=port, setting="otlp_http")
        with pytest.raises(CannotListen, match=f"port {port}: the port is taken.*--otlp-http.*SPANPULSE_OTLP_HTTP"):
            await server.start()


async def test_a_foreign_address_is_named():
    server = HttpServer(lambda: None, host="203.0.113.1", port=0, setting="web")
    with pytest.raises(CannotListen, match="does not have that address"):
        await server.start()


async def test_a_port_can_be_taken_again_at_once(log):
    async with listening(log) as got:
        port = int(got.address.rpartition(":")[2])
        async with httpx.AsyncClient() as http:
            await http.post(f"http://{got.address}{URL}", content=some_traces(), headers=HEADERS)
    async with HttpServer(got.app, host="127.0.0.1", port=port, setting="otlp_http") as again:
        assert again.address == f"127.0.0.1:{port}"


async def test_ten_thousand_spans_and_hundreds_of_requests_at_once(log):
    async with (
        listening(log) as got,
        httpx.AsyncClient(base_url=f"http://{got.address}", timeout=60) as http,
    ):
        big = http.post(URL, content=some_traces(10_000), headers=HEADERS)
        small = (http.post(URL, content=some_traces(2, first=10 * n + 1), headers=HEADERS) for n in range(200))
        answers = await asyncio.gather(big, *small)
    assert {answer.status_code for answer in answers} == {200}
    assert all(not ExportTraceServiceResponse.FromString(one.content).HasField("partial_success") for one in answers)
    assert sum(message.records for message in log.messages) == 10_000 + 400
