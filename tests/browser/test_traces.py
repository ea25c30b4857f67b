"""Traces in a browser: found, opened, read span by span, by mouse and by keys; whatever the spans hold."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from browsing import Site, Visit, axe_findings, expect, visiting
from tracing import EVENTS, LONG, MANY, MESSAGES, Cast

SELECTED = "#lines a[aria-current]"


@pytest.fixture(scope="module")
def cast(site: Site) -> Cast:
    found = Cast()
    for body in found.exports():
        site.send("traces", body)
    site.running.drain()
    return found


def opened(visit: Visit, site: Site, trace: str, **query: str) -> None:
    visit.page.goto(site.url(f"/traces/{trace}", **query))
    expect(visit.page.locator("#span-name")).to_be_visible()


def langgraph(site: Site) -> dict[str, Any]:
    """Return a recorded trace of several levels with calls of a model and of a tool."""
    (row,) = site.running.sql(
        "SELECT trace_id, count() AS spans, toString(sumIf(cost, counted)) AS cost FROM spans GROUP BY trace_id"
        " HAVING countIf(kind = 'tool') > 0 AND countIf(counted) = 2 AND spans >= 5 ORDER BY trace_id LIMIT 1"
    )
    return row


def test_the_list_leads_to_a_trace_and_back(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url("/traces"))
    row = page.locator("#traces tbody tr").nth(2)
    name, trace = row.locator(".name").inner_text(), (row.get_attribute("id") or "").removeprefix("t-")
    page.locator(f"#t-{trace} .name").click()
    expect(page).to_have_url(re.compile(trace))
    expect(page.locator("#trace-name")).to_have_text(name)
    page.go_back()
    expect(page.locator(f"#t-{trace}")).to_be_visible()


@pytest.mark.parametrize(("order", "value"), [("Slowest", "max(duration_ns)"), ("Dearest", "sumIf(cost, counted)")])
def test_an_order_puts_first_what_is_first_by_sql(site: Site, visit: Visit, order: str, value: str) -> None:
    (row,) = site.running.sql(
        f"SELECT trace_id FROM spans GROUP BY trace_id ORDER BY {value} DESC, trace_id DESC LIMIT 1"
    )
    page = visit.page
    page.goto(site.url("/traces", **site.whole_day))
    page.get_by_role("link", name=order, exact=True).click()
    expect(page.locator("#traces tbody tr").first).to_have_attribute("id", f"t-{row['trace_id']}")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="First page")).to_be_visible()
    expect(page.locator(f"#t-{row['trace_id']}")).to_have_count(0)


def test_a_search_finds_and_says_how(site: Site, visit: Visit, cast: Cast) -> None:
    page = visit.page
    page.goto(site.url("/traces"))
    page.keyboard.press("/")
    page.keyboard.type("FindFailed")
    page.keyboard.press("Enter")
    expect(page.locator(f"#t-{cast.orphan.hex()}")).to_be_visible()
    expect(page.get_by_text("found as error")).to_be_visible()
    page.locator(f"#t-{cast.orphan.hex()} .name").click()
    expect(page.locator(".band", has_text="Incomplete: no root, 1 parent missing")).to_be_visible()


def test_a_trace_tells_its_spans_and_what_they_cost(site: Site, visit: Visit) -> None:
    row, page = langgraph(site), visit.page
    opened(visit, site, row["trace_id"])
    expect(page.locator("#lines .line")).to_have_count(int(row["spans"]))
    title = (
        page.locator(".facts div", has=page.get_by_text("Cost", exact=True)).locator(".value").get_attribute("title")
    )
    assert title is not None
    assert title.startswith(f"${row['cost'].rstrip('0')} USD")
    expect(page.locator(".conversation .message").first).to_be_visible()
    expect(page.locator(".costs tfoot")).to_contain_text("$")


def test_keys_move_between_spans_and_the_address_follows(site: Site, visit: Visit) -> None:
    page = visit.page
    opened(visit, site, langgraph(site)["trace_id"])
    links = page.locator("#lines a[data-span]")
    links.first.click()
    expect(page).to_have_url(re.compile(f"span={links.first.get_attribute('data-span')}"))
    for number in (1, 2):
        page.keyboard.press("j")
        span = links.nth(number).get_attribute("data-span")
        expect(page.locator(SELECTED)).to_have_attribute("data-span", span or "")
        expect(page.locator("#span header code")).to_have_text(span or "")
        expect(page).to_have_url(re.compile(f"span={span}"))
    page.keyboard.press("k")
    expect(page.locator(SELECTED)).to_have_attribute("data-span", links.nth(1).get_attribute("data-span") or "")
    page.reload()
    expect(page.locator("#span header code")).to_have_text(links.nth(1).get_attribute("data-span") or "")


def test_the_back_button_returns_to_the_span_before(site: Site, visit: Visit) -> None:
    page = visit.page
    opened(visit, site, langgraph(site)["trace_id"])
    links = page.locator("#lines a[data-span]")
    for number in (0, 3):
        links.nth(number).click()
        expect(page.locator("#span header code")).to_have_text(links.nth(number).get_attribute("data-span") or "")
    page.go_back()
    expect(page.locator("#span header code")).to_have_text(links.first.get_attribute("data-span") or "")


def test_branches_fold(site: Site, visit: Visit) -> None:
    page = visit.page
    opened(visit, site, langgraph(site)["trace_id"])
    page.locator("#lines .line .fold").first.click()
    expect(page.locator("#lines .line:visible")).to_have_count(1)
    page.locator("#lines a").first.click()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#lines .line:visible")).not_to_have_count(1)


def test_ten_thousand_spans_come_as_they_are_needed(site: Site, visit: Visit, cast: Cast) -> None:
    page = visit.page
    opened(visit, site, cast.many.hex())
    expect(page.locator("#lines .line").first).to_be_visible()
    before = page.locator("#lines .line").count()
    assert before < MANY
    page.locator("#lines > .more").scroll_into_view_if_needed()
    expect(page.locator("#lines .line").nth(before + 1)).to_be_attached()


def test_a_long_text_is_shown_whole_when_asked(site: Site, visit: Visit, cast: Cast) -> None:
    page = visit.page
    opened(visit, site, cast.long.hex())
    message = page.locator(".message").first
    expect(message.locator(".text")).to_be_visible()  # the last thing said is open
    assert len(message.locator(".text").inner_text()) < LONG
    message.get_by_role("link", name="Show all").click()
    expect(message.locator(".whole")).to_be_visible()
    assert len(message.locator(".whole").inner_text()) == len(cast.text)


def test_what_is_left_out_is_shown_when_asked(site: Site, visit: Visit, cast: Cast) -> None:
    page = visit.page
    site.send("traces", cast.crowd())
    site.running.drain()
    opened(visit, site, cast.crowded.hex())
    expect(page.locator("#messages-left-out")).to_contain_text(f"{MESSAGES - page.locator('.message').count()} further")
    page.get_by_role("link", name="Show all messages in as JSON").click()
    messages = page.locator(".whole")
    assert [each["parts"][0]["content"] for each in json.loads(messages.inner_text())] == [
        f"message {at}" for at in range(MESSAGES)
    ]
    page.get_by_role("link", name="Show all events as JSON").click()
    expect(messages).to_have_count(2)
    assert len(json.loads(messages.last.inner_text())) == EVENTS
    assert page.locator(".message").count() < MESSAGES


def hostile(site: Site) -> Iterator[dict[str, str]]:
    yield from site.running.sql(
        "SELECT trace_id, any(span_id) AS span_id FROM spans WHERE name LIKE '%<%' GROUP BY trace_id LIMIT 6"
    )


def test_attacks_stay_text(site: Site, visit: Visit) -> None:
    found = list(hostile(site))
    assert found
    for row in found:
        opened(visit, site, row["trace_id"], span=row["span_id"])
        folded = visit.page.locator("#span details:not([open]) > summary").filter(visible=True)
        while left := folded.count():
            folded.first.click()
            expect(folded).not_to_have_count(left)
    visit.page.goto(site.url("/traces", q="<script>"))
    expect(visit.page.locator("main")).to_contain_text("<script>")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(site: Site, browser: Browser, cast: Cast, scheme: str) -> None:
    with visiting(browser, color_scheme=scheme) as visit:
        visit.page.goto(site.url("/traces"))
        assert axe_findings(visit.page) == []
        for trace in (langgraph(site)["trace_id"], cast.orphan.hex()):
            opened(visit, site, trace)
            assert axe_findings(visit.page) == []


def test_a_narrow_screen_needs_no_scrolling_sideways(site: Site, browser: Browser) -> None:
    with visiting(browser, viewport={"width": 360, "height": 740}) as visit:
        for path in ("/traces", f"/traces/{langgraph(site)['trace_id']}"):
            visit.page.goto(site.url(path))
            visit.page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_links_do(site: Site, browser: Browser) -> None:
    with visiting(browser, java_script_enabled=False) as visit:
        page = visit.page
        opened(visit, site, langgraph(site)["trace_id"])
        span = page.locator("#lines a[data-span]").nth(1).get_attribute("data-span") or ""
        page.locator("#lines a[data-span]").nth(1).click()
        expect(page.locator("#span header code")).to_have_text(span)


def test_what_is_not_here_says_what_to_do(site: Site, visit: Visit) -> None:
    visit.expected = ("error: Failed to load resource",)
    visit.page.goto(site.url("/traces/" + "0" * 32))
    expect(visit.page.locator("main")).to_contain_text("past its retention")
    visit.page.goto(site.url("/traces/nonsense"))
    expect(visit.page.locator("main")).to_contain_text("32 hex digits")
