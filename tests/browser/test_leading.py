"""Where rows, keys, legends and forms lead: every one of them shows more, and none loses what was there."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser

from browsing import Site, Visit, agrees, expect, visiting
from making_spans import CHAT, SECOND, request, span
from spanpulse_stream.traffic.day import DEARER

NARROW = {"width": 360, "height": 740}
LONGEST = 1024


def test_a_user_leads_to_sessions_and_a_session_to_its_traces(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url("/", by="user", **site.whole_day))
    first = page.locator("#breakdown tbody th a").first
    user = first.inner_text()
    first.click()
    expect(page.locator(".scope .chip b")).to_have_text(user)
    expect(page.get_by_role("region", name="Session and figures")).to_be_visible()
    session = page.locator("#breakdown tbody th a").first
    name = session.inner_text()
    session.click()
    page.wait_for_url(re.compile("/traces"))
    expect(page.locator(".scope .chip b")).to_have_text([user, name])
    (row,) = site.running.sql(f"SELECT uniqExact(trace_id) AS traces FROM spans WHERE session_id = '{name}'")
    expect(page.locator("#traces tbody tr")).to_have_count(int(row["traces"]))


def test_a_scope_without_figures_says_why_and_leads_to_its_traces(site: Site, visit: Visit) -> None:
    page = visit.page
    (row,) = site.running.sql("SELECT session_id FROM spans WHERE session_id != '' ORDER BY end_time DESC LIMIT 1")
    page.goto(site.url("/", session=row["session_id"]))
    expect(page.locator("#reason")).to_contain_text("sessions are not kept in the rollups")
    expect(page.locator("#plot-latency")).to_have_attribute("data-empty", "Not kept for these filters")
    expect(page.locator(".plot canvas")).to_have_count(0)
    page.locator("#reason a").click()
    page.wait_for_url(re.compile("/traces"))
    expect(page.locator("#traces tbody tr").first).to_be_visible()


def test_charts_come_and_go_with_their_data(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url("/", model="none-such"))
    expect(page.locator("#plot-cost[data-empty]")).to_be_visible()
    page.get_by_label("Remove the filter model none-such").click()
    expect(page.locator("#plot-cost canvas")).to_be_visible()
    expect(page.locator("#plot-cost[data-empty]")).to_have_count(0)
    page.go_back()
    expect(page.locator(".plot canvas")).to_have_count(0)


def test_a_slash_leads_to_the_search_from_every_page(site: Site, visit: Visit) -> None:
    page = visit.page
    for path in ("/", "/completeness", "/filters"):
        page.goto(site.url(path))
        page.keyboard.press("/")
        expect(page.get_by_label("Search traces")).to_be_focused()
    page.keyboard.type("user:ann")
    expect(page.get_by_label("Search traces")).to_have_value("user:ann")


def test_a_legend_shows_what_fits_and_unfolds(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url())
    panel = page.locator(".chart", has=page.locator("#plot-cost"))
    legend, button = panel.locator(".legend"), panel.locator(".unfolds")
    entries = legend.locator("li")
    hidden = int(button.inner_text().removeprefix("+"))
    bottom = legend.bounding_box()
    assert bottom
    seen = [box["y"] < bottom["y"] + bottom["height"] for each in entries.all() if (box := each.bounding_box())]
    assert seen.count(False) == hidden > 0
    button.click()
    expect(button).to_have_text("Less")
    last, whole = entries.last.bounding_box(), legend.bounding_box()
    assert last
    assert whole
    assert last["y"] + last["height"] <= whole["y"] + whole["height"] + 1
    button.click()
    expect(button).to_have_text(f"+{hidden}")


def test_a_range_that_cannot_be_is_said_where_it_is_typed(site: Site, visit: Visit) -> None:
    page = visit.page
    for path in ("/", "/traces", "/unpriced"):
        page.goto(site.url(path, service="support-agent"))
        page.get_by_text("Custom").click()
        begin, end = page.locator("input[name=from]"), page.locator("input[name=to]")
        later = begin.input_value()
        for typed, wrong in ((later, "later than"), ("2099-01-01T00:00", "at most 400 days")):
            end.fill(typed)
            page.get_by_role("button", name="Show").click()
            page.wait_for_function(
                "said => document.querySelector('input[name=to]').validationMessage.includes(said)", arg=wrong
            )
        assert "from=" not in page.url
        end.fill((datetime.fromisoformat(later) + timedelta(hours=2)).isoformat("T", "minutes"))
        page.get_by_role("button", name="Show").click()
        page.wait_for_url(re.compile("from="))
        assert parse_qs(urlsplit(page.url).query)["service"] == ["support-agent"]
        expect(page.locator(".scope .chip b")).to_have_text("support-agent")


def test_a_wrong_range_in_the_address_keeps_the_rest(site: Site, browser: Browser) -> None:
    with visiting(browser, timezone_id="Asia/Kolkata") as visit:
        page = visit.page
        visit.expected = ("error: Failed to load resource: the server responded with a status of 422",)
        query = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z", "service": "support-agent"}
        page.goto(site.url("/", **query))
        expect(page.locator("[role=alert]")).to_contain_text("to (2026-01-01 05:30) must be later")
        expect(page.locator("[role=alert]")).not_to_contain_text("Since")
        page.get_by_role("link", name="Leave the range out").click()
        expect(page.locator(".scope .chip b")).to_have_text("support-agent")


def test_a_narrow_screen_has_every_tab_and_sorts(site: Site, browser: Browser) -> None:
    with visiting(browser, viewport=NARROW) as visit:
        page = visit.page
        page.goto(site.url())
        for link in (*page.locator(".tabs a").all(), *page.locator(".top nav a").all()):
            box = link.bounding_box()
            assert box
            assert box["x"] + box["width"] <= NARROW["width"], link.inner_text()
        page.locator("#sorts > summary").click()
        page.locator("#sorts").get_by_role("link", name="Cost", exact=True).click()
        page.wait_for_url(re.compile("sort=cost"))
        expect(page.locator("#sorts a[aria-current]")).to_have_count(1)
        expect(page.locator("#sorts .sheet")).to_be_hidden()


def test_long_names_stay_within_the_list_of_filters(site: Site, browser: Browser) -> None:
    now = int(datetime.now(UTC).timestamp() * 1e9)
    call = span(CHAT, trace_id=b"a-service-a-mile", start_time_unix_nano=now - SECOND, end_time_unix_nano=now)
    site.send("traces", request(call, resource={"service.name": "x" * LONGEST}))
    site.running.drain()
    with visiting(browser, java_script_enabled=False) as visit:
        page = visit.page
        page.goto(site.url("/filters"))
        agrees(page, page.get_by_role("link", name="x" * LONGEST).count, lambda: 1)
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        entry = page.get_by_role("link", name="support-agent")
        name, number = entry.locator("bdi").bounding_box(), entry.locator(".number").bounding_box()
        assert name
        assert number
        assert number["x"] > name["x"] + name["width"]
    with visiting(browser) as visit:
        visit.page.goto(site.url("/filters"))
        visit.page.get_by_label("Narrow the list").fill("support-a")
        expect(visit.page.locator("#choices li:visible").first).to_contain_text("support-agent")


def test_a_prompt_version_is_marked_where_it_takes_over(site: Site) -> None:
    """Staging has the version all day long; most of the calls have it when production has it too."""
    (mark,) = [each for each in site.api("/events")["events"] if each["title"] == "answer-question 4"]
    begins, _ = DEARER.dated(site.until)
    assert abs(datetime.fromisoformat(mark["time"]) - begins) < timedelta(hours=1)
