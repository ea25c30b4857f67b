"""What stands before the page: names, origins, the token, headers, the prefix behind a proxy."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from dashboards_serving import Given, asking, served
from sinks_process import CONFIG
from spanpulse_dashboards._access import ATTEMPTS, COOKIE
from spanpulse_dashboards._part import PagePart
from spanpulse_sinks.clickhouse import EmbeddedDatabase

TOKEN = "correct-horse-battery"
SERVER = "/api/v1/server"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.open(tmp_path_factory.mktemp("guard"), CONFIG) as opened:
        yield opened


@pytest.fixture
async def open_page(database: EmbeddedDatabase) -> AsyncIterator[PagePart]:
    async with served(Given(database)) as part:
        yield part


@pytest.fixture
async def closed_page(database: EmbeddedDatabase) -> AsyncIterator[PagePart]:
    async with served(Given(database, token=SecretStr(TOKEN), hosts=("spanpulse.example.com",))) as part:
        yield part


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(
            ("127.0.0.1:8642", 200),
            ("localhost", 200),
            ("LOCALHOST.:1", 200),
            ("a.localhost:80", 200),
            ("[::1]:8642", 200),
        ),
        *(
            ("10.1.2.3", 200),
            ("evil.example.com", 421),
            ("localhost.evil.example.com", 421),
            ("127.0.0.1.evil.com", 421),
        ),
        *(("", 421), ("a b", 421), ("[::1", 421), ("127.0.0.1:x", 421), ("user@localhost", 421), ("localhost/x", 421)),
    ],
)
async def test_only_names_of_this_page_are_answered(open_page: PagePart, host: str, status: int) -> None:
    async with asking(open_page) as client:
        assert (await client.get(SERVER, headers={"host": host})).status_code == status
        assert (await client.get("/metrics", headers={"host": host})).status_code == 200


async def test_a_configured_name_is_one(closed_page: PagePart) -> None:
    async with asking(closed_page) as client:
        headers = {"host": "SpanPulse.example.com", "authorization": f"Bearer {TOKEN}"}
        assert (await client.get(SERVER, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"origin": "http://127.0.0.1:8642"}, True),
        ({"origin": "https://evil.example.com"}, False),
        ({"origin": "http://127.0.0.1:1"}, False),
        ({"origin": "null"}, False),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
async def test_only_pages_of_this_host_may_send(closed_page: PagePart, headers: dict[str, str], passes: bool) -> None:
    async with asking(closed_page) as client:
        answer = await client.post("/login", content="token=wrong", headers=FORM | headers)
        assert answer.status_code == 403
        assert ("not the token" in answer.text) is passes
        assert (await client.get("/login", headers=headers)).status_code == 200


async def test_without_the_token_nothing_is_shown(closed_page: PagePart) -> None:
    async with asking(closed_page) as client:
        for path in (SERVER, "/api/v1/overview", "/api/v1/openapi.json", "/api/v1/nothing"):
            answer = await client.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.headers["content-type"] == "application/problem+json"
        for path in ("/", "/traces?range=1h&model=a%26b", "/completeness"):
            answer = await client.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/login?next=%2F")
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/login")).status_code == 200


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer " + "x" * 9999]
)
async def test_a_wrong_header_is_refused(closed_page: PagePart, value: str) -> None:
    async with asking(closed_page) as client:
        assert (await client.get(SERVER, headers={"authorization": value})).status_code == 401


async def test_signing_in_gives_a_cookie_that_opens_the_page(closed_page: PagePart) -> None:
    async with asking(closed_page) as client:
        answer = await client.post("/login", content=f"token={TOKEN}&next=%2Ftraces%3Frange%3D1h", headers=FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, "/traces?range=1h")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        assert "Secure" not in cookie
        assert (await client.get(SERVER)).status_code == 200
        value = client.cookies[COOKIE]
        client.cookies.clear()
        for damaged in (value[:-1], value + "0", "9" + value, value.replace(".", "", 1), "", "a.b.c"):
            assert (await client.get(SERVER, headers={"cookie": f"{COOKIE}={damaged}"})).status_code == 401


async def test_a_page_over_https_gets_a_secure_cookie(closed_page: PagePart) -> None:
    async with asking(closed_page, "https://spanpulse.example.com") as client:
        headers = FORM | {"origin": "https://spanpulse.example.com"}
        answer = await client.post("/login", content=f"token={TOKEN}", headers=headers)
        assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "wanted", ["https://evil.example.com", "//evil.example.com", "/\\evil.example.com", "evil", "/a\nb"]
)
async def test_signing_in_leads_nowhere_else(closed_page: PagePart, wanted: str) -> None:
    async with asking(closed_page) as client:
        answer = await client.post("/login", data={"token": TOKEN, "next": wanted})
        assert answer.headers["location"] == "/"


async def test_attempts_are_bounded(closed_page: PagePart) -> None:
    async with asking(closed_page) as client:
        answers = [await client.post("/login", content="token=wrong", headers=FORM) for _ in range(ATTEMPTS + 2)]
        assert [answer.status_code for answer in answers] == [403] * ATTEMPTS + [429] * 2
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 61
        assert (await client.post("/login", content=f"token={TOKEN}", headers=FORM)).status_code == 429
        assert (await client.get(SERVER, headers={"authorization": f"Bearer {TOKEN}"})).status_code == 200


async def test_a_form_that_is_none_is_refused(closed_page: PagePart) -> None:
    async with asking(closed_page) as client:
        for content, kind in (
            (b"{}", "application/json"),
            (b"\xff\xfe", FORM["content-type"]),
            (b"a" * 9999, FORM["content-type"]),
        ):
            assert (await client.post("/login", content=content, headers={"content-type": kind})).status_code in {
                400,
                403,
            }


@pytest.mark.parametrize(
    "path", ["/", "/traces", SERVER, "/nothing", "/api/v1/nothing", "/login", "/api/v1/overview?x=1", "/metrics"]
)
async def test_every_answer_has_the_headers(open_page: PagePart, path: str) -> None:
    async with asking(open_page) as client:
        headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == ("same-origin" if path == "/login" else "no-referrer")
    assert "server" not in headers


@pytest.mark.parametrize("keeps", [True, False])
async def test_behind_a_proxy_with_a_prefix(database: EmbeddedDatabase, keeps: bool) -> None:
    given = Given(database, token=SecretStr(TOKEN), root_path="/watch/llm")
    prefix = "/watch/llm" if keeps else ""
    async with served(given) as part, asking(part) as client:
        answer = await client.get(f"{prefix}/traces")
        assert answer.headers["location"] == "/watch/llm/login?next=%2Ftraces"
        answer = await client.post(f"{prefix}/login", content=f"token={TOKEN}&next=/traces", headers=FORM)
        assert answer.headers["location"] == "/watch/llm/traces"
        assert "Path=/watch/llm" in answer.headers["set-cookie"]
        headers = {"authorization": f"Bearer {TOKEN}"}
        page = await client.get(f"{prefix}/", headers=headers)
        assert page.status_code == 200
        assert 'href="/watch/llm/static/' in page.text
        document = await client.get(f"{prefix}/api/v1/openapi.json", headers=headers)
        assert document.json()["servers"] == [{"url": "/watch/llm"}]


async def test_static_files_are_kept_by_their_digest(open_page: PagePart) -> None:
    async with asking(open_page) as client:
        page = (await client.get("/")).text
        address = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
        answer = await client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


async def test_errors_are_problems_for_programs_and_pages_for_people(open_page: PagePart) -> None:
    async with asking(open_page) as client:
        api = await client.get("/api/v1/overview", params={"modle": "x"})
        page = await client.get("/", params={"modle": "x"})
    assert api.status_code == page.status_code == 422
    assert api.headers["content-type"] == "application/problem+json"
    assert api.json()["parameter"] == "modle"
    assert "did you mean model?" in api.json()["detail"]
    assert page.headers["content-type"].startswith("text/html")
    assert "did you mean model?" in page.text


@pytest.mark.parametrize("path", ["/api/v1/overview", "/traces"])
async def test_a_defect_is_answered_and_logged_once(
    open_page: PagePart, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret of the inside")

    reader: Any = open_page.backend.reader
    reader.rows = broken
    async with asking(open_page) as client:  # which would raise what the application lets through to the server
        answer = await client.get(path)
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "defect" in answer.text
        assert (await client.get(SERVER)).status_code == 200
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_who_goes_away_ends_the_query(open_page: PagePart) -> None:
    ended = asyncio.Event()
    asked = asyncio.Event()

    async def forever(*_: Any, **__: Any) -> Any:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    reader: Any = open_page.backend.reader
    reader.rows = forever
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/overview",
        "raw_path": b"/api/v1/overview",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "scheme": "http",
        "http_version": "1.1",
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
        "asgi": {"version": "3.0"},
    }

    async def send(_message: Any) -> None:
        raise AssertionError("nobody is there to hear it")

    answering = asyncio.ensure_future(open_page.app(scope, messages.get, send))
    async with asyncio.timeout(5):
        await asked.wait()
        messages.put_nowait({"type": "http.disconnect"})
        await ended.wait()
        await answering
