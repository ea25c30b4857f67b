"""Browsers may send from the origins that the operator named, and from no other."""

import httpx
import pytest
from pydantic import ValidationError

from otlp.log import GatedLog
from otlp.requests import PROTOBUF, some_traces
from otlp.serving import client, receiver
from spanpulse_stream.gateway import Cors, OtlpOptions
from spanpulse_stream.settings import Settings

PAGE = "https://app.example.com"
ALLOWED = OtlpOptions(cors=Cors.of([PAGE, "http://localhost:3000"]))
PREFLIGHT = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}


async def ask(log: GatedLog, options: OtlpOptions, method: str, **sent: object) -> httpx.Response:
    async with receiver(log, options) as got, client(got.app) as http:
        return await http.request(method, "/v1/traces", **sent)  # type: ignore[arg-type]


async def test_a_preflight_of_a_named_origin_is_answered(log: GatedLog) -> None:
    answer = await ask(log, ALLOWED, "OPTIONS", headers=PREFLIGHT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert {"content-type", "x-api-key", "authorization"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )
    assert "access-control-allow-credentials" not in answer.headers
    assert "origin" in answer.headers["vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", f"{PAGE}.evil.example", "http://app.example.com", "null"])
async def test_another_origin_is_not(origin: str, log: GatedLog) -> None:
    answer = await ask(log, ALLOWED, "OPTIONS", headers=PREFLIGHT | {"origin": origin})
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ("https://app.example.com:443", PAGE),
        ("http://LOCALHOST:80", "http://localhost"),
        ("https://app.example.com:80", "https://app.example.com:80"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
async def test_an_origin_is_compared_as_browsers_send_it(named: str, sent: str, log: GatedLog) -> None:
    options = OtlpOptions(cors=Cors.of(Settings(cors_origins=(named,)).cors_origins))
    answer = await ask(log, options, "OPTIONS", headers=PREFLIGHT | {"origin": sent})
    assert answer.headers["access-control-allow-origin"] == sent


@pytest.mark.parametrize(
    "origin", ["https://app.example.com:", "https://app.example.com:0443", "https://m\u00fcnchen.de"]
)
def test_an_origin_that_no_browser_sends_is_no_setting(origin: str) -> None:
    with pytest.raises(ValidationError, match="cors_origins"):
        Settings(cors_origins=(origin,))


async def test_a_page_may_read_when_to_send_again(log: GatedLog) -> None:
    log.refuse(2.5)
    answer = await ask(log, ALLOWED, "POST", content=some_traces(), headers={"origin": PAGE, "content-type": PROTOBUF})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert answer.headers["access-control-expose-headers"] == "retry-after"


async def test_without_named_origins_none_is(log: GatedLog) -> None:
    answer = await ask(log, OtlpOptions(), "OPTIONS", headers=PREFLIGHT)
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


async def test_a_star_allows_every_page(log: GatedLog) -> None:
    options = OtlpOptions(cors=Cors.of(["*"]))
    answer = await ask(log, options, "OPTIONS", headers=PREFLIGHT | {"origin": "https://any.example"})
    assert answer.headers["access-control-allow-origin"] == "https://any.example"


@pytest.mark.parametrize(("body", "status"), [(some_traces(), 200), (b"\x0a\xff", 400)])
async def test_a_page_may_read_its_answers_and_its_errors(body: bytes, status: int, log: GatedLog) -> None:
    answer = await ask(log, ALLOWED, "POST", content=body, headers={"origin": PAGE.upper(), "content-type": PROTOBUF})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == PAGE.upper()
