"""A running spanpulse with data, and Chromium in front of it: what a page shows, and whether it complained."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from hostile import HIT, hostile_exports
from otlp.requests import PROTOBUF
from running import Running
from spanpulse_stream.traffic import corpus_requests
from spanpulse_stream.traffic.day import Day

__all__ = ["AXE", "LIVE_WITHIN_MS", "Site", "Visit", "axe_findings", "exact", "expect", "loaded", "visiting"]

AXE = Path(__file__).parent / "fixtures/axe-core/axe-4.14.1.min.js"
REQUESTS = 600
"""Of the generated day: about two thousand spans."""
PATIENCE_MS = 8_000
LIVE_WITHIN_MS = 90_000
"""Until an open page shows what arrived: seconds as a rule, a minute where the machine is busy, and the fetch."""
WATCH = """
document.addEventListener("securitypolicyviolation",
  (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass
class Site:
    """A running process, and when its data ends."""

    running: Running
    until: datetime
    client: httpx.Client

    def url(self, path: str = "/", **query: str | list[str]) -> str:
        """Return the address of a page."""
        return f"{self.running.web}{path}" + (f"?{urlencode(query, doseq=True)}" if query else "")

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
def visiting(browser: Browser, **options: Any) -> Iterator[Visit]:
    """Open an empty page; at the end nothing may have been complained about."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | options))
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    visit = Visit(page)
    page.on("console", visit.heard)
    page.on("request", visit.asked)
    page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: visit.complaints.append(f"dialog: {dialog.message}") or dialog.dismiss())
    page.add_init_script(WATCH)
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


def axe_findings(page: Page) -> list[str]:
    """Return what axe finds serious or critical, one line each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    return [
        f"{each['impact']} {each['id']}: {json.dumps([node['html'][:160] for node in each['nodes'][:3]])}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
