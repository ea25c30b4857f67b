"""What `spanpulse doctor` says of a receiver that it cannot reach, or that speaks something else than it should."""

import socket
from pathlib import Path
from typing import Any

import pytest

from certificates import Authority
from doctor_servers import grpc_port, silent_port, site
from requirements import need_openssl
from spanpulse._commands._reach import check_reach
from spanpulse._commands._step import Step
from spanpulse._settings import Settings


def reached(base: str, **settings: Any) -> Step:
    """Return the last step."""
    return check_reach(Settings(**{"endpoint": base, "timeout": 1.0, **settings}), base)[-1]


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    need_openssl()
    return Authority(tmp_path_factory.mktemp("authority"))


def test_what_fits_is_fine() -> None:
    with site(lambda _: (200, "", b"")) as http, grpc_port() as grpc:
        found = check_reach(Settings(), f"http://localhost:{http.port}")
        assert [(step.name, step.finding) for step in found] == [
            ("name", "ok"),
            ("connection", "ok"),
            ("protocol", "ok"),
        ]
        assert reached(f"http://127.0.0.1:{grpc}", protocol="grpc").finding == "ok"


def test_the_two_ports_of_otlp_mixed_up_are_told() -> None:
    with site(lambda _: (200, "", b"")) as http, grpc_port() as grpc:
        over_http, over_grpc = (
            reached(f"http://127.0.0.1:{grpc}"),
            reached(f"http://127.0.0.1:{http.port}", protocol="grpc"),
        )
    assert over_http.said == "that is a port of OTLP over gRPC, and OTLP over HTTP is what is set"
    assert over_http.advice == "use the port of OTLP over HTTP (usually 4318), or SPANPULSE_PROTOCOL=grpc"
    assert over_grpc.said == "that is a port of OTLP over HTTP, and OTLP over gRPC is what is set"
    assert over_grpc.advice == "use the port of OTLP over gRPC (usually 4317), or SPANPULSE_PROTOCOL=http/protobuf"
    assert over_http.finding == over_grpc.finding == "failed"


def test_where_nothing_listens_the_port_is_doubted_or_the_receiver_is_to_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        odd = reached(f"http://127.0.0.1:{port}")
        monkeypatch.setattr("spanpulse._commands._reach.PORTS", {"http/protobuf": port, "grpc": 4317})
        usual = reached(f"http://127.0.0.1:{port}")
    assert odd.said == usual.said == f"nothing listens at 127.0.0.1:{port}"
    assert odd.advice == "correct the port: OTLP over HTTP usually has 4318"
    assert usual.advice == "start the receiver: `spanpulse up`"


def test_a_name_that_nobody_knows_is_told() -> None:
    found = check_reach(Settings(), "http://nowhere.invalid:4318")
    assert [step.name for step in found] == ["name"]
    assert found[0].said.startswith("nowhere.invalid is not known: ")


def test_who_says_nothing_is_doubted_in_time() -> None:
    with silent_port() as port:
        assert reached(f"http://127.0.0.1:{port}", timeout=0.2).finding == "note"
        over_tls = reached(f"https://127.0.0.1:{port}", timeout=0.2)
    assert (over_tls.finding, over_tls.said) == ("note", "it hangs up or says nothing")


def test_tls_where_none_is_and_none_where_it_is(authority: Authority) -> None:
    with site(lambda _: (200, "", b""), authority.issue("server")) as over_tls, site(lambda _: (200, "", b"")) as plain:
        assert reached(f"http://127.0.0.1:{over_tls.port}").advice == "use an endpoint with https://"
        assert reached(f"https://127.0.0.1:{plain.port}").advice == "use an endpoint with http://"


def test_certificates_are_checked_by_the_authority_that_is_set(authority: Authority, tmp_path: Path) -> None:
    issued, known = authority.issue("server"), str(authority.certificate)
    with site(lambda _: (200, "", b""), issued) as http, grpc_port(issued) as grpc:
        assert reached(f"https://127.0.0.1:{http.port}", certificate=known).finding == "ok"
        assert reached(f"https://127.0.0.1:{grpc}", certificate=known, protocol="grpc").finding == "ok"
        assert reached(f"https://127.0.0.1:{grpc}", certificate=known).finding != "ok"
        unknown = reached(f"https://127.0.0.1:{http.port}")
        missing = reached(f"https://127.0.0.1:{http.port}", certificate=str(tmp_path / "none.pem"))
    assert unknown.said.startswith("the certificate of 127.0.0.1 is not accepted: ")
    assert "SPANPULSE_CERTIFICATE" in unknown.advice
    assert (missing.finding, missing.said[:33]) == ("failed", "the certificate cannot be used: [")
    assert missing.advice.startswith("are SPANPULSE_CERTIFICATE, ")


def test_behind_a_proxy_only_sending_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://someone:secret@proxy.invalid:3128")
    found = check_reach(Settings(), "http://receiver.invalid:4318")
    assert [(step.finding, step.said) for step in found] == [
        ("skipped", "through the proxy proxy.invalid:3128; sending a span tells whether that works")
    ]
    monkeypatch.setenv("no_proxy", "receiver.invalid")
    assert check_reach(Settings(), "http://receiver.invalid:4318")[0].name == "name"
