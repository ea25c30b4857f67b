"""How pages look and can be used: both colour schemes, a narrow screen, keyboard only, no scripts, by rules of axe."""

import re

import pytest
from playwright.sync_api import Browser

from browsing import Site, Visit, axe_findings, exact, expect, shown_range, visiting

PAGES = ("/", "/completeness", "/unpriced", "/filters", "/?range=15m&model=none-such")
SCHEMES = ("light", "dark")
CHART = "document.querySelector('#plot-cost canvas').toDataURL()"
CHART_OTHER_THAN = f"drawn => !drawn.includes({CHART})"
SURFACE = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(site: Site, browser: Browser, scheme: str) -> None:
    with visiting(browser, color_scheme=scheme) as visit:
        for path in PAGES[1:] if scheme == "light" else PAGES[1:3]:
            visit.page.goto(site.url() + path.removeprefix("/"))
            assert axe_findings(visit.page) == [], path
        visit.page.goto(site.url())
        visit.page.locator("#plot-cost canvas").wait_for()
        visit.page.locator("#add-filter > summary").click()
        visit.page.get_by_label("Narrow the list").wait_for()
        assert axe_findings(visit.page) == []
        visit.page.keyboard.press("Escape")
        visit.page.keyboard.press("?")
        expect(visit.page.locator("#help")).to_be_visible()
        assert axe_findings(visit.page) == []


def test_the_scheme_is_the_one_of_the_system_and_charts_follow(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url())
    page.locator("#plot-cost canvas").wait_for()
    drawn: list[str] = []
    surfaces = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        # The page's own colours change at once; a chart is drawn anew when the browser has told its listeners so.
        page.wait_for_function(CHART_OTHER_THAN, arg=drawn)
        drawn.append(page.evaluate(CHART))
        surfaces.append(page.evaluate(SURFACE))
    assert all(light != dark for light, dark in zip(*surfaces, strict=True))


def test_a_narrow_screen_shows_cards_and_never_scrolls_sideways(site: Site, browser: Browser) -> None:
    with visiting(browser, viewport={"width": 360, "height": 740}) as visit:
        for path in PAGES:
            visit.page.goto(site.url() + path.removeprefix("/"))
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360, path
        visit.page.goto(site.url())
        cell = visit.page.locator("#breakdown tbody tr >> nth=0 >> td >> nth=0")
        assert (
            visit.page.locator("#breakdown tbody tr").first.evaluate("row => getComputedStyle(row).display") == "grid"
        )
        assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Requests"'
        row, last = (
            visit.page.locator(f"#breakdown tbody tr:first-child{more}").bounding_box()
            for more in ("", " td:last-child")
        )
        assert row
        assert last
        assert last["x"] + last["width"] <= row["x"] + row["width"]


def test_everything_is_reached_by_keys(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url())
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("15m")
    assert page.locator(":focus").evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("2")
    expect(page.locator(".choice a[aria-current]")).to_have_text("1h")  # the address changes before the page does
    page.keyboard.press("f")
    expect(page.get_by_label("Narrow the list")).to_be_focused()
    page.keyboard.type("help-center")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".scope .chip b")).to_have_text("help-center")
    page.get_by_label("Remove the filter service help-center").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".scope .chip")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url(re.compile("/completeness"))


@pytest.mark.parametrize("keys", ["gt", "/"])
def test_keys_to_the_traces_keep_what_is_looked_at(site: Site, visit: Visit, keys: str) -> None:
    page = visit.page
    page.goto(site.url("/", range="1h", service="support-agent"))
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_url(re.compile("/traces"))
    assert "range=1h&service=support-agent" in page.url


def test_an_open_menu_is_closed_by_escape_and_by_a_click_beside_it(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url())
    summary = page.locator("#add-filter > summary")
    summary.click()
    page.get_by_label("Narrow the list").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("#add-filter .sheet")).to_be_hidden()
    expect(summary).to_be_focused()
    summary.click()
    page.locator("#figure-requests").click()
    expect(page.locator("#add-filter .sheet")).to_be_hidden()


def test_the_address_is_copied_by_a_key(site: Site, browser: Browser) -> None:
    with visiting(browser, permissions=["clipboard-read", "clipboard-write"]) as visit:
        visit.page.goto(site.url("/", range="6h"))
        visit.page.keyboard.press("c")
        expect(visit.page.locator("#said")).to_have_text("Link copied")
        assert visit.page.evaluate("navigator.clipboard.readText()") == site.url("/", range="6h")


def test_it_is_whole_without_scripts(site: Site, browser: Browser) -> None:
    with visiting(browser, java_script_enabled=False) as visit:
        page = visit.page
        page.goto(site.url())
        requests = exact(page, "#figure-requests")
        page.locator("#breakdown tbody th a").first.click()
        expect(page.locator(".scope .chip")).to_have_count(1)
        assert exact(page, "#figure-requests") < requests
        page.get_by_label(re.compile("Remove the filter")).click()
        expect(page.locator(".scope .chip")).to_have_count(0)
        page.get_by_role("link", name="7d").click()
        page.wait_for_url(re.compile("range=7d"))
        page.locator("#add-filter > summary").click()
        page.get_by_role("link", name="All filters and their values").click()
        page.get_by_role("link", name="support-agent").click()
        expect(page.locator(".scope .chip b")).to_have_text("support-agent")
        truth = site.truth("service_name = 'support-agent'", **shown_range(page))
        assert exact(page, "#figure-requests") == int(truth["requests"])
        page.get_by_text("Custom").click()
        page.get_by_role("button", name="Show").click()
        page.wait_for_url(re.compile("from="))


def test_times_are_told_in_the_zone_of_the_viewer(site: Site, browser: Browser) -> None:
    with visiting(browser, timezone_id="Asia/Kolkata") as visit:
        visit.page.goto(site.url("/unpriced"))
        expect(visit.page.locator("#zone")).to_have_text("GMT+5:30")
        first = visit.page.locator("#unpriced time").first
        utc = first.get_attribute("datetime")
        local = visit.page.evaluate("text => new Date(text).toLocaleString('sv-SE').slice(0, 16)", utc)
        expect(first).to_have_text(local)
