"""A running spanpulse with data, and Chromium in front of it: what a page shows, and whether it complained.

A page follows time and what arrives, and a busy machine takes its time. So a page does not bring itself up to date
unless the test is about that, everything that changes is waited for, and what is held against the spans is held against
those of the range that the page shows.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from hostile import HIT, hostile_exports
from otlp.requests import PROTOBUF
from running import Running
from spanpulse_stream.traffic import corpus_requests
from spanpulse_stream.traffic.day import Day

T = TypeVar("T")

__all__ = [
    "AXE",
    "LIVE_WITHIN_MS",
    "Site",
    "Visit",
    "agrees",
    "axe_findings",
    "exact",
    "expect",
    "loaded",
    "shown_range",
    "visiting",
]

AXE = Path(__file__).parent / "fixtures/axe-core/axe-4.14.1.min.js"
REQUESTS = 600
"""Of the generated day: about two thousand spans."""
PATIENCE_MS = 60_000
"""For everything that takes a moment: ten of them on a machine with other work."""
LIVE_WITHIN_MS = 120_000
"""Until an open page shows what arrived: seconds as a rule, a minute where the machine is busy, and the fetch."""
AGREES_WITHIN_S = 90.0
"""Until an answer that is kept is old: a minute, and the fetch."""
WATCH = """
document.addEventListener("securitypolicyviolation",
  (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""
STILL = """
try { sessionStorage.setItem("spanpulse.paused", sessionStorage.getItem("spanpulse.paused") ?? "1"); } catch { }
"""
"""The switch for live updates is off at first, and stays as the test puts it; an empty page has no storage."""
AT_REST = """
() => !document.querySelector(".htmx-request") && document.getAnimations().every((one) => one.playState !== "running")
"""

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Site:
    """A running process, and when its data ends."""

    running: Running
    until: datetime
    client: httpx.Client

    def url(self, path: str = "/", **query: str | list[str]) -> str:
        """Return the address of a page."""
        return f"{self.running.web}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")

    @property
    def whole_day(self) -> dict[str, str]:
        """A range, for an address, that holds all generated data and stays as it is while time passes."""
        begin, end = self.until - timedelta(hours=26), self.until + timedelta(hours=2)
        return {name: f"{each:%Y-%m-%dT%H:%M:00Z}" for name, each in (("from", begin), ("to", end))}

    def send(self, signal: str, body: bytes) -> None:
        """Send one export."""
        answer = self.client.post(f"{self.running.otlp}/v1/{signal}", content=body, headers={"content-type": PROTOBUF})
        answer.raise_for_status()

    def api(self, path: str, **query: str) -> dict[str, Any]:
        """Return an answer of the JSON API."""
        answer = self.client.get(self.url(f"/api/v1{path}", **query))
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def truth(self, where: str = "1", **window: str) -> dict[str, Any]:
        """Return what the spans themselves say of the calls in a window, by SQL that knows no rollup."""
        span = self.api("/overview", **window)["range"]
        start, end = (f"parseDateTimeBestEffort('{span[name]}')" for name in ("start", "end"))
        (row,) = self.running.sql(
            f"SELECT sum(weight) AS requests, sumIf(weight, status = 'error') AS errors,"
            f" toString(sum(cost * weight)) AS cost, uniqExact(response_model) AS models,"
            f" quantileExactWeighted(0.95)(duration_ns, toUInt64(weight)) / 1e6 AS p95"
            f" FROM spans WHERE counted AND end_time >= {start} AND end_time < {end} AND {where}"
        )
        return row


@contextmanager
def loaded(folder: Path, requests: int = REQUESTS, *, attacked: bool = True) -> Iterator[Site]:
    """Run spanpulse with a day of traffic and, where ``attacked``, recorded exports and attacks, all processed."""
    until = datetime.now(UTC)
    day = Day(until, size=requests)
    prices = folder / "prices.yaml"
    prices.write_text(day.prices)
    with Running(folder, {"SPANPULSE_PRICES": str(prices)}) as running, httpx.Client(timeout=30) as client:
        site = Site(running, until, client)
        for export in day.past():
            site.send(export.signal, export.body)
        if attacked:
            for signal, body in [*corpus_requests(until), *hostile_exports(until)]:
                site.send(signal, body)
        running.drain()
        yield site


@dataclass
class Visit:
    """A page in a browser, and everything that it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()
    """Beginnings of complaints that the test provokes."""

    def heard(self, message: ConsoleMessage) -> None:
        """Keep what the console says when something is wrong."""
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def asked(self, request: Request) -> None:
        """Keep what is asked of another host."""
        if urlsplit(request.url).hostname not in ("127.0.0.1", None):
            self.complaints.append(f"error: asked of another host: {request.url}")

    def unexpected(self) -> list[str]:
        """Return the complaints that no test asked for, and an attack that worked."""
        worked = self.page.evaluate(f"{HIT}")
        attacked = [f"an attack worked: {worked}"] if worked is not None else []
        return attacked + [each for each in self.complaints if not each.startswith(self.expected or ("\0",))]


@contextmanager
def visiting(browser: Browser, *, live: bool = False, **options: Any) -> Iterator[Visit]:
    """Open an empty page; at the end nothing may have been complained about. ``live``: it follows what arrives."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | options))
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    visit = Visit(page)
    page.on("console", visit.heard)
    page.on("request", visit.asked)
    page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: visit.complaints.append(f"dialog: {dialog.message}") or dialog.dismiss())
    page.add_init_script(WATCH if live else WATCH + STILL)
    try:
        yield visit
        assert visit.unexpected() == []
    finally:
        context.close()


def exact(page: Page, place: str) -> Decimal:
    """Return the exact value behind a number, which is shown on hover."""
    title = page.locator(f"{place} .value").first.get_attribute("title") or ""
    found = re.search(r"[\d,]+(\.\d+)?", title)
    assert found, title
    return Decimal(found[0].replace(",", ""))


def shown_range(page: Page) -> dict[str, str]:
    """Return the range that an overview of a preset shows, for an address: a minute later it is another one."""
    shown = json.loads(page.locator("#charts").text_content() or "")
    return {name: f"{datetime.fromtimestamp(shown[name], UTC):%Y-%m-%dT%H:%M:%SZ}" for name in ("from", "to")}


def agrees(page: Page, shown: Callable[[], T], truth: Callable[[], T]) -> T:
    """Load the page again until it shows what is true, since an answer may be a minute old; returns what it shows."""
    deadline = time.monotonic() + AGREES_WITHIN_S
    while (found := shown()) != (wanted := truth()):
        assert time.monotonic() < deadline, f"shown: {found!r}, true: {wanted!r}"
        page.wait_for_timeout(500)
        page.reload()
    return found


def axe_findings(page: Page) -> list[str]:
    """Return what axe finds serious or critical, one line each, once nothing is fetched or moves any more."""
    page.wait_for_function(AT_REST)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    return [
        f"{each['impact']} {each['id']}: {json.dumps([node['html'][:160] for node in each['nodes'][:3]])}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
