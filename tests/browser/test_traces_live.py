"""Traces that follow what arrives: a list shows new ones, an open trace its further spans, and nobody loses a place."""

import os
from datetime import UTC, datetime

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from browsing import LIVE_WITHIN_MS, Site, Visit, expect
from making_spans import CHAT, SECOND, request, span


def part(trace: bytes, number: int, parent: int, name: str) -> Span:
    now = int(datetime.now(UTC).timestamp() * 1e9)
    ids = {"trace_id": trace, "span_id": number.to_bytes(8, "big"), "name": name}
    above = {"parent_span_id": parent.to_bytes(8, "big")} if parent else {}
    return span(CHAT, start_time_unix_nano=now - SECOND, end_time_unix_nano=now, **ids, **above)


def test_a_list_shows_what_arrives(site: Site, live_visit: Visit) -> None:
    page, trace = live_visit.page, os.urandom(16)
    page.goto(site.url("/traces", range="15m"))
    page.get_by_role("link", name="Slowest").focus()
    site.send("traces", request(part(trace, 1, 0, "just now")))
    expect(page.locator(f"#t-{trace.hex()}")).to_be_visible(timeout=LIVE_WITHIN_MS)
    expect(page.locator(":focus")).to_have_text("Slowest")


def test_later_pages_and_searches_stay_as_they_are(site: Site, live_visit: Visit) -> None:
    page = live_visit.page
    page.goto(site.url("/traces"))
    expect(page.locator("#live")).to_be_visible()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="First page")).to_be_visible()
    expect(page.locator("#live")).to_have_count(0)
    page.goto(site.url("/traces", q="support-agent"))
    expect(page.locator("#live")).to_have_count(0)


def test_a_trace_grows_while_its_spans_arrive(site: Site, live_visit: Visit) -> None:
    page, trace = live_visit.page, os.urandom(16)
    site.send("traces", request(part(trace, 2, 1, "middle"), part(trace, 3, 2, "leaf"), part(trace, 4, 2, "leaf")))
    site.running.drain()
    page.goto(site.url(f"/traces/{trace.hex()}"))
    expect(page.locator(".band", has_text="Still arriving: no root")).to_be_visible()
    page.locator("#lines .fold").first.click()
    expect(page.locator("#lines .line:visible")).to_have_count(1)
    site.send("traces", request(part(trace, 1, 0, "root")))
    expect(page.locator("#lines .line")).to_have_count(4, timeout=LIVE_WITHIN_MS)
    expect(page.locator("#lines .line:visible")).to_have_count(2)
    expect(page.locator(".band")).to_contain_text("The root has arrived")
    page.keyboard.press("l")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "false")


def test_what_is_read_stays_while_a_trace_grows(site: Site, live_visit: Visit) -> None:
    page, trace = live_visit.page, os.urandom(16)
    site.send("traces", request(part(trace, 2, 1, "read this")))
    site.running.drain()
    page.goto(site.url(f"/traces/{trace.hex()}"))
    expect(page.locator("#span-name")).to_contain_text("read this")
    failed = part(trace, 3, 1, "failed later")
    failed.status.code = Status.STATUS_CODE_ERROR
    site.send("traces", request(failed))
    expect(page.locator("#lines .line")).to_have_count(2, timeout=LIVE_WITHIN_MS)
    expect(page.locator("#span-name")).to_contain_text("read this")
    expect(page.locator("#lines a[aria-current]")).to_contain_text("read this")


def test_an_error_leaves_a_live_page_as_it_was(site: Site, live_visit: Visit) -> None:
    page, trace = live_visit.page, os.urandom(16)
    page.goto(site.url("/traces", range="15m"))
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "false")
    page.route("**/traces?**", lambda route: route.fulfill(status=503, body="<p>busy</p>", content_type="text/html"))
    live_visit.expected = ("error: Failed to load resource",)
    rows = page.locator("#traces tbody tr").count()
    page.get_by_role("button", name="Live").click()
    site.send("traces", request(part(trace, 1, 0, "unseen")))
    expect(page.locator("#live.bad")).to_be_visible(timeout=LIVE_WITHIN_MS)
    expect(page.locator("#traces tbody tr")).to_have_count(rows)
    page.unroute("**/traces?**")
    expect(page.locator(f"#t-{trace.hex()}")).to_be_visible(timeout=LIVE_WITHIN_MS)
