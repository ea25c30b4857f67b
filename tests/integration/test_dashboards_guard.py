"""What stands before the page: names, origins, the token, headers, the prefix behind a proxy."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from dashboards_serving import STATUS, Given, asking, served
from sinks_process import CONFIG
from spanpulse_dashboards import _access
from spanpulse_dashboards._access import COOKIE_S, MOST_DELAYED, Access, Verdict
from spanpulse_dashboards._guard import Guard
from spanpulse_dashboards._part import PagePart
from spanpulse_sinks.clickhouse import EmbeddedDatabase

TOKEN = "correct-horse-battery"
SERVER = "/api/v1/server"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase.open(tmp_path_factory.mktemp("guard"), CONFIG) as opened:
        yield opened


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_access, "WRONG_S", 0.01)


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
        ((name, value),) = client.cookies.items()
        client.cookies.clear()
        for damaged in (value[:-1], value + "0", "9" + value, value.replace(".", "", 1), "", "a.b.c"):
            assert (await client.get(SERVER, headers={"cookie": f"{name}={damaged}"})).status_code == 401


async def signed_in(client: httpx.AsyncClient) -> str:
    """Return the cookie of a session, as a browser sends it."""
    await client.post("/login", content=f"token={TOKEN}", headers=FORM)
    ((name, value),) = client.cookies.items()
    client.cookies.clear()
    return f"{name}={value}"


@pytest.mark.parametrize(
    "other",
    [
        *('theme={"a":1}', 'state={"a": 1, "b": [2, 3]}', "a=b c", "bad[name]=1", "foo", "=x", "==", "é=ü", "'\"=\\"),
        *("x=" + "y" * 4200, "a=1; ; b", ";;;", 'quoted="unclosed'),
    ],
)
async def test_cookies_of_others_do_not_hide_ours(closed_page: PagePart, other: str) -> None:
    async with asking(closed_page) as client:
        ours = await signed_in(client)
        for cookies in (f"{other}; {ours}", f"{ours}; {other}", f"{other};{ours};{other}"):
            headers = {"cookie": cookies.encode()}
            assert (await client.get(SERVER, headers=headers)).status_code == 200
        assert (await client.get(SERVER, headers={"cookie": other.encode()})).status_code == 401


async def test_a_cookie_that_another_path_left_behind_is_passed_over(closed_page: PagePart) -> None:
    async with asking(closed_page) as client:
        ours = await signed_in(client)
        old = ours[:-2]
        assert (await client.get(SERVER, headers={"cookie": f"{old}; {ours}"})).status_code == 200
        assert (await client.get(SERVER, headers={"cookie": "; ".join([old] * 100 + [ours])})).status_code == 401


def test_pages_with_different_tokens_have_different_cookies() -> None:
    names = {Access(SecretStr(token)).cookie for token in (TOKEN, TOKEN + "x")}
    assert len(names) == 2
    assert not any(TOKEN in name for name in names)


async def test_a_session_ends() -> None:
    now = 1.8e9
    access = Access(SecretStr(TOKEN), wall_clock=lambda: now)
    headers = {"cookie": f"{access.cookie}={access.sign_in(TOKEN)}"}
    assert access.judge(headers) is Verdict.ADMITTED
    now += COOKIE_S
    assert access.judge(headers) is Verdict.UNKNOWN


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


def access_of(part: PagePart) -> Access:
    assert isinstance(part.app, Guard)
    return part.app.access


async def test_wrong_tokens_wait_and_keep_nobody_out(closed_page: PagePart, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"authorization": "Bearer wrong"}
    async with asking(closed_page) as client:
        ours = await signed_in(client)
        monkeypatch.setattr(_access, "WRONG_S", 0.2)
        for asked in (client.get(SERVER, headers=wrong), client.post("/login", content="token=wrong", headers=FORM)):
            begun = time.monotonic()
            assert (await asked).status_code in {401, 403}
            assert time.monotonic() - begun >= 0.2
        monkeypatch.setattr(_access, "WRONG_S", 60.0)
        waiting = [asyncio.ensure_future(client.get(SERVER, headers=wrong)) for _ in range(MOST_DELAYED)]
        async with asyncio.timeout(50):
            while access_of(closed_page).delayed < MOST_DELAYED:  # noqa: ASYNC110 -- nothing tells
                await asyncio.sleep(0)
            forged = {"cookie": f"{ours}0"}
            for refused in (
                await client.get(SERVER, headers=wrong),
                await client.get(SERVER, headers=forged),
                await client.get("/", headers=forged),
                await client.post("/login", content="token=wrong", headers=FORM),
            ):
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert (await client.get(SERVER)).status_code == 401
            assert (await client.get(SERVER, headers={"cookie": ours})).status_code == 200
            assert (await client.get(SERVER, headers={"authorization": f"Bearer {TOKEN}"})).status_code == 200
            assert (await client.post("/login", content=f"token={TOKEN}", headers=FORM)).status_code == 303
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
    assert access_of(closed_page).delayed == 0


async def test_a_long_address_to_go_on_to_is_kept(closed_page: PagePart) -> None:
    wanted = "/?" + "&".join(f"model={'x' * 200}{number}" for number in range(50))
    async with asking(closed_page) as client:
        answer = await client.post("/login", data={"token": TOKEN, "next": wanted})
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)


async def test_a_form_that_is_none_is_refused(closed_page: PagePart) -> None:
    async with asking(closed_page) as client:
        for content, kind in (
            (b"{}", "application/json"),
            (b"\xff\xfe", FORM["content-type"]),
            (b"a" * 99_999, FORM["content-type"]),
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


async def test_the_prefix_alone_leads_to_the_page(database: EmbeddedDatabase) -> None:
    given = Given(database, token=SecretStr(TOKEN), root_path="/watch/llm")
    async with served(given) as part, asking(part) as client:
        answer = await client.get("/watch/llm?range=1h&model=a%26b")
        assert (answer.status_code, answer.headers["location"]) == (307, "/watch/llm/?range=1h&model=a%26b")
        answer = await client.get(answer.headers["location"])
        assert answer.headers["location"] == "/watch/llm/login?next=%2F%3Frange%3D1h%26model%3Da%2526b"
        assert (await client.get("/watch/llm", headers={"host": "evil.example.com"})).status_code == 421


async def test_the_first_page_says_all_that_an_application_needs(database: EmbeddedDatabase) -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318", "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=KEY"}
    async with served(Given(database, exporter_variables=lambda: variables)) as part, asking(part) as client:
        text = (await client.get("/")).text
    lines = text.partition('<pre class="lines"><code>')[2].partition("</code>")[0].splitlines()
    assert lines == [*(f"export {name}={value}" for name, value in variables.items()), "python your_app.py"]


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


async def some_unreadable() -> dict[str, Any]:
    return {**STATUS, "completeness": {**STATUS["completeness"], "accepted": 9, "stored": 7, "dead_lettered": 2}}


@pytest.mark.parametrize("path", ["/", "/traces", "/unpriced"])
async def test_pages_wait_for_the_first_span(open_page: PagePart, database: EmbeddedDatabase, path: str) -> None:
    async with asking(open_page) as client:
        assert "Waiting for the first span" in (await client.get(path)).text
        # Of another log: the counts of completeness, which are of this one, stay 0.
        database.control.command("INSERT INTO batches (log_source, received_at) SELECT 1, now64(3)")
        try:
            text = (await client.get(path)).text
        finally:
            database.control.command("TRUNCATE TABLE batches SYNC")
        assert "Waiting for the first span" not in text
        assert ("No calls in this range" in text) == (path == "/unpriced")


async def test_dead_letters_are_not_called_complete(database: EmbeddedDatabase) -> None:
    given = Given(database, status=some_unreadable)
    async with served(given) as part, asking(part) as client:
        found = (await client.get("/api/v1/completeness")).json()
        assert (found["verdict"], found["dead_letters"]) == ("complete", [])
        assert "2 records could not be read, longer ago" in (await client.get("/completeness")).text
    database.control.command(
        "INSERT INTO dead_letters SELECT 1, number, -1, now64(3) + number, 'acme', 'traces',"
        " if(number < 3, 'span_invalid', 'invalid_json'), concat('<b>', toString(number)), '' FROM numbers(4)"
    )
    try:
        async with served(given) as part, asking(part) as client:
            found = (await client.get("/api/v1/completeness")).json()
            page = (await client.get("/completeness")).text
    finally:
        database.control.command("TRUNCATE TABLE dead_letters")
    assert found["verdict"] == "unreadable"
    told = [(each["reason"], each["letters"], each["detail"]) for each in found["dead_letters"]]
    assert told == [("invalid_json", 1, "<b>3"), ("span_invalid", 3, "<b>2")]
    assert "2 records could not be read: see the dead letters." in page
    assert page.count("dot warn") == 2
    assert "&lt;b&gt;3" in page


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
    async with asyncio.timeout(60):
        await asked.wait()
        messages.put_nowait({"type": "http.disconnect"})
        await ended.wait()
        await answering
