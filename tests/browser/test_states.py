"""Pages in other states: nothing yet, wrong addresses, completeness, unpriced models, a server that went away."""

import re
from pathlib import Path

import httpx
from playwright.sync_api import Browser

from browsing import LIVE_WITHIN_MS, Site, Visit, expect, visiting
from making_spans import CHAT, SECOND, request, span
from otlp.requests import PROTOBUF
from running import Running

REFUSED = ("error: Failed to load resource: the server responded with a status of 4",)


WRONG = {
    "from=2016-01-01T00:00:00Z&to=2026-01-01T00:00:00Z": "longer than 400 days",
    "modle=gpt-5": "did you mean model",
    "range=2h": "there is no range",
    "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": "must be later than",
    "from=yesterday&to=today": "is no time",
    "by=colour": "there is no by",
    "sort=colour": "there is no sort",
    "after=nonsense": "after",
    "scale=9": "there is no scale",
    "by=model&by=user": "given twice",
}


def test_a_wrong_address_says_what_to_do_and_the_page_stays_up(site: Site, visit: Visit) -> None:
    visit.expected = REFUSED
    for query, said in WRONG.items():
        answer = visit.page.goto(f"{site.url()}?{query}")
        assert answer
        assert answer.status == 422
        expect(visit.page.locator("[role=alert]")).to_contain_text(said)
    visit.page.get_by_role("link", name="To the overview").click()
    expect(visit.page.locator("#figure-requests")).to_be_visible()


def test_what_is_not_there_is_said(site: Site, visit: Visit) -> None:
    visit.expected = REFUSED
    visit.page.goto(site.url("/nothing"))
    expect(visit.page.locator("[role=alert]")).to_contain_text("404")


def test_a_scope_without_calls_says_so_without_a_wrong_number(site: Site, visit: Visit) -> None:
    visit.page.goto(site.url("/", model="none-such"))
    expect(visit.page.locator("#figure-requests .value")).to_have_text("0")
    for figure in ("latency-p95", "cost", "cost-per-request", "error-rate"):
        missing = visit.page.locator(f"#figure-{figure} .missing")
        expect(missing).to_contain_text("-")
        expect(missing).to_have_attribute("title", re.compile("."))


def test_completeness_is_that_of_the_process(site: Site, visit: Visit) -> None:
    site.running.drain()
    visit.page.goto(site.url("/completeness"))
    found = site.running.status()["completeness"]
    for name in ("accepted", "stored", "duplicate", "dead_lettered", "pending", "unaccounted"):
        expect(visit.page.locator(f"#count-{name} .value")).to_have_text(f"{found[name]:,}")
    expect(visit.page.locator("#verdict h1")).to_contain_text("Complete")
    expect(visit.page.locator("#health")).to_contain_text("Complete")


def test_unpriced_models_are_those_of_the_spans(site: Site, visit: Visit) -> None:
    visit.page.goto(site.url("/unpriced"))
    start = site.api("/overview")["range"]["start"]
    (row,) = site.running.sql(
        "SELECT coalesce(nullIf(response_model, ''), request_model) AS model, sum(weight) AS requests FROM spans"
        f" WHERE counted AND cost_confidence = 'unpriced' AND end_time >= parseDateTimeBestEffort('{start}')"
        " GROUP BY model ORDER BY requests DESC, model LIMIT 1"
    )
    first = visit.page.locator("#unpriced tbody tr").first
    expect(first.locator("th bdi")).to_have_text(row["model"])
    expect(first.locator("td .value").first).to_have_attribute("title", re.compile(f"^{int(row['requests']):,} "))
    expect(visit.page.locator("#override")).to_contain_text(f"model: {row['model']}")
    first.locator("th a").click()
    expect(visit.page.locator(".scope .chip b")).to_have_text(row["model"])


def test_an_empty_page_shows_the_first_lines_and_fills_by_itself(browser: Browser, tmp_path: Path) -> None:
    with Running(tmp_path) as running, visiting(browser, live=True) as visit:
        page = visit.page
        page.goto(f"{running.web}/?range=15m")
        expect(page.locator("#main h1")).to_have_text("Waiting for the first span")
        expect(page.locator("pre")).to_contain_text(f"OTEL_EXPORTER_OTLP_ENDPOINT={running.otlp}")
        traces = page.context.new_page()
        traces.goto(f"{running.web}/traces?range=15m")
        expect(traces.locator("#main h1")).to_have_text("Waiting for the first span")
        now = running.one("toUnixTimestamp64Nano(now64(9))")
        body = request(span(CHAT, start_time_unix_nano=int(now) - SECOND, end_time_unix_nano=int(now)))
        httpx.post(f"{running.otlp}/v1/traces", content=body, headers={"content-type": PROTOBUF}).raise_for_status()
        expect(page.locator("#figure-requests .value")).to_have_text("1", timeout=LIVE_WITHIN_MS)
        expect(traces.locator("#search")).to_be_visible(timeout=LIVE_WITHIN_MS)
        traces.close()
        running.stop()
        visit.expected = ("error: Failed to load resource: net::ERR", "error: htmx")
        expect(page.locator("#live")).to_have_class("bad", timeout=LIVE_WITHIN_MS)
        expect(page.locator("#figure-requests .value")).to_have_text("1")
