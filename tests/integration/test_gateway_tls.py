"""OTLP over TLS and mutual TLS, on both protocols, with certificates made for the test."""

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import httpx
import pytest

from certificates import Authority, Issued
from otlp.log import GatedLog
from otlp.requests import PROTOBUF, some_traces, spans_of
from otlp.serving import until
from requirements import need_openssl
from spanpulse_stream.gateway import (
    GrpcServer,
    HttpServer,
    OtlpApp,
    OtlpOptions,
    Receiver,
    RequestLimits,
    ServerTls,
    TlsMisconfigured,
    _tls,
)
from spanpulse_stream.observe import Health, Metrics
from spanpulse_stream.settings import Settings

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
HEADERS = {"content-type": PROTOBUF}


@dataclass(frozen=True)
class Files:
    authority: Authority
    server: Issued
    client: Issued
    stranger: Issued  # signed by somebody else
    locked: Issued  # its key has a password


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    need_openssl()
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = Authority(folder), Authority(folder, "other")
    server = authority.issue("server")
    return Files(
        authority,
        server,
        authority.issue("client"),
        other.issue("client"),
        Issued(server.certificate, lock(server.key)),
    )


def lock(key: Path) -> Path:
    locked = key.with_suffix(".locked")
    command = ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:0123456789", "-out", locked]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return locked


def settings(server: Issued, client_ca: Path | None = None) -> Settings:
    return Settings(otlp_certificate=server.certificate, otlp_key=server.key, otlp_client_ca=client_ca)


@dataclass
class Serving:
    http: str
    grpc: str
    server: HttpServer


@contextlib.asynccontextmanager
async def serving(log: GatedLog, of: Settings, limits: RequestLimits | None = None) -> AsyncIterator[Serving]:
    tls = ServerTls.from_settings(of)
    receiver = Receiver(log, OtlpOptions(), Metrics(), Health(lambda: 0.0))
    receiver.serve()
    http = HttpServer(
        OtlpApp(receiver), host="127.0.0.1", port=0, setting="otlp_http", limits=limits, stop_within=1, tls=tls
    )
    rpc = GrpcServer(receiver, host="127.0.0.1", port=0, stop_within=1, tls=tls)
    await http.start()
    await rpc.start()
    try:
        yield Serving(http.address, rpc.address, http)
    finally:
        await rpc.stop()
        await http.stop()
        receiver.close()


def trusting(files: Files, shown: Issued | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.authority.certificate)
    if shown is not None:
        context.load_cert_chain(*shown)
    return context


async def post(address: str, context: ssl.SSLContext) -> int:
    async with httpx.AsyncClient(verify=context, timeout=60) as client:
        answer = await client.post(f"https://{address}/v1/traces", content=some_traces(), headers=HEADERS)
        return answer.status_code


async def export(address: str, files: Files, shown: Issued | None = None) -> bytes:
    own = (shown.key.read_bytes(), shown.certificate.read_bytes()) if shown else (None, None)
    credentials = grpc.ssl_channel_credentials(files.authority.certificate.read_bytes(), *own)
    async with grpc.aio.secure_channel(address, credentials) as channel:
        return await channel.unary_unary(EXPORT)(some_traces(), timeout=60)


async def test_both_protocols_are_spoken_over_tls_and_neither_without(log, files):
    async with serving(log, settings(files.server)) as at:
        assert await post(at.http, trusting(files)) == 200
        assert await export(at.grpc, files) == b""
        async with httpx.AsyncClient(timeout=60) as plain:
            with pytest.raises(httpx.TransportError):
                await plain.post(f"http://{at.http}/v1/traces", content=some_traces(), headers=HEADERS)
        async with grpc.aio.insecure_channel(at.grpc) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary(EXPORT)(some_traces(), timeout=60)
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await post(at.http, ssl.create_default_context())
    assert len(spans_of(*(message.value for message in log.messages))) == 6


async def test_mutual_tls_takes_only_senders_that_show_a_certificate_of_the_authority(log, files):
    async with serving(log, settings(files.server, files.authority.certificate)) as at:
        for shown in (None, files.stranger):
            with pytest.raises(httpx.TransportError):
                await post(at.http, trusting(files, shown))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await export(at.grpc, files, shown)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert log.appends == []
        assert await post(at.http, trusting(files, files.client)) == 200
        assert await export(at.grpc, files, files.client) == b""
    assert len(log.appends) == 2


async def test_versions_before_1_2_are_not_spoken(log, files):
    old = trusting(files)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    exactly = trusting(files)
    exactly.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(log, settings(files.server)) as at:
        with pytest.raises(httpx.ConnectError):
            await post(at.http, old)
        assert await post(at.http, exactly) == 200


async def test_a_request_that_comes_with_the_end_of_the_handshake_is_read(log, files):
    body = some_traces()
    head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {len(body)}\r\n"
    async with serving(log, settings(files.server)) as at:
        host, _, port = at.http.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trusting(files).wrap_bio(incoming, outgoing, server_hostname=host)
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                break
            writer.write(outgoing.read())
            incoming.write(await reader.read(65536))
        tls.write(f"{head}connection: close\r\n\r\n".encode() + body)
        writer.write(outgoing.read())  # the handshake's last message and the request in one
        while chunk := await asyncio.wait_for(reader.read(65536), 60):
            incoming.write(chunk)
        assert tls.read(15) == b"HTTP/1.1 200 OK"
        writer.close()
    assert [message.value for message in log.messages] == [body]


async def test_who_does_not_get_on_with_the_handshake_is_cut_off(log, files, monkeypatch):
    monkeypatch.setattr(_tls, "HANDSHAKE_S", 0.3)
    async with serving(log, settings(files.server)) as at:
        host, _, port = at.http.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.close()
        assert await post(at.http, trusting(files)) == 200


async def test_only_so_many_handshakes_are_open_at_once(log, files):
    async with serving(log, settings(files.server), RequestLimits(most_connections=2)) as at:
        host, _, port = at.http.rpartition(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        with contextlib.suppress(ConnectionError):
            third, _ = await asyncio.open_connection(host, int(port))
            assert await asyncio.wait_for(third.read(), 60) == b""
        for _, writer in silent:
            writer.close()
        await until(lambda: not at.server._server.server_state.connections)
        deadline = asyncio.get_running_loop().time() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                assert await post(at.http, trusting(files)) == 200
                break
            assert asyncio.get_running_loop().time() < deadline


def test_without_a_certificate_there_is_no_tls():
    assert ServerTls.from_settings(Settings()) is None


def test_what_cannot_be_used_is_named_by_its_setting(files, tmp_path):
    none, garbage = tmp_path / "none.pem", tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    server, other = files.server, files.client
    wrong = {
        "otlp_certificate: ": settings(Issued(none, server.key)),
        "otlp_key: ": settings(Issued(server.certificate, none)),
        "otlp_client_ca: ": settings(server, none),
        "otlp_client_ca holds no certificates": settings(server, garbage),
        "otlp_certificate and otlp_key cannot be used": settings(Issued(garbage, server.key)),
        "cannot be used together": settings(Issued(server.certificate, other.key)),
        "otlp_key has a password": settings(files.locked),
    }
    for message, of in wrong.items():
        with pytest.raises(TlsMisconfigured, match=message):
            ServerTls.from_settings(of)
