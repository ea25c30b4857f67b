"""The overview in a browser: its numbers against the spans themselves, narrowing, the back button, live updates."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as NothingCame

from browsing import LIVE_WITHIN_MS, Site, Visit, agrees, exact, expect, shown_range
from making_spans import CHAT, SECOND, request, span
from pages_numbers import FORMATS, VECTORS, some_values

ROWS = "#breakdown tbody tr"
BY = {
    "model": "coalesce(nullIf(response_model, ''), request_model, '')",
    "service": "ifNull(service_name, '')",
    "prompt": "ifNull(prompt_name, '')",
    "user": "ifNull(user_id, '')",
    "session": "ifNull(session_id, '')",
}


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def charts(page: Page) -> dict[str, object]:
    found: dict[str, object] = json.loads(page.locator("#charts").text_content() or "")
    return found


def a_call(model: str, number: int = 1, **more: object) -> bytes:
    now = int(datetime.now(UTC).timestamp() * 1e9)
    ids = {"trace_id": number.to_bytes(8, "big") + b"browser!", "span_id": number.to_bytes(8, "big")}
    attributes = {**CHAT, "gen_ai.request.model": model, "gen_ai.response.model": model, **more}
    return request(span(attributes, start_time_unix_nano=now - SECOND, end_time_unix_nano=now, **ids))


def sums_of(truth: dict[str, Any]) -> tuple[Decimal, Decimal]:
    return Decimal(truth["requests"]), Decimal(truth["cost"])


@pytest.mark.parametrize("query", [{}, {"range": "1h"}, {"service": "support-agent"}])
def test_figures_are_those_of_the_spans(site: Site, visit: Visit, query: dict[str, str]) -> None:
    page = visit.page
    page.goto(site.url("/", **query))
    where = f"service_name = '{query['service']}'" if "service" in query else "1"
    assert agrees(
        page,
        lambda: (exact(page, "#figure-requests"), exact(page, "#figure-cost")),
        lambda: sums_of(site.truth(where, **shown_range(page))),
    ) > (10, 0)
    truth = site.truth(where, **shown_range(page))
    assert exact(page, "#figure-latency-p95") == pytest.approx(Decimal(truth["p95"]), rel=Decimal("0.02"))
    rate = Decimal(int(truth["errors"])) / int(truth["requests"]) * 100
    assert exact(page, "#figure-error-rate") == pytest.approx(rate, rel=Decimal("0.0001"))


def test_the_first_screen_needs_no_scrolling(site: Site, visit: Visit) -> None:
    visit.page.goto(site.url())
    for place in ("#figure-requests", "#plot-latency", "#plot-cost", f"{ROWS} >> nth=4"):
        box = visit.page.locator(place).bounding_box()
        assert box
        assert box["y"] + box["height"] <= 800, place
    expect(visit.page.locator(".card").nth(5)).to_be_attached()


def test_the_charts_hold_what_the_figures_say(site: Site, visit: Visit) -> None:
    visit.page.goto(site.url())
    shown = charts(visit.page)
    cost = sum(v or 0 for one in shown["charts"]["cost"]["series"] for v in one["values"])  # type: ignore[index]
    assert cost == pytest.approx(float(exact(visit.page, "#figure-cost")), rel=1e-4)
    expect(visit.page.locator("#plot-cost canvas")).to_have_count(1)
    expect(visit.page.locator("#plot-latency")).to_have_attribute("aria-label", re.compile("Latest: p50"))
    visit.page.locator("#data-cost > summary").click()
    expect(visit.page.locator("#rows-cost tbody tr")).to_have_count(len(shown["starts"]))  # type: ignore[arg-type]


@pytest.mark.parametrize("by", BY)
def test_the_table_is_what_the_spans_say(site: Site, visit: Visit, by: str) -> None:
    page = visit.page
    page.goto(site.url("/", by=by))
    some = "session_id != ''" if by == "session" else "user_id != ''" if by == "user" else "1"

    def truth() -> dict[str, int]:
        begin = shown_range(page)["from"]
        rows = site.running.sql(
            f"SELECT {BY[by]} AS key, sum(weight) AS requests FROM spans WHERE counted AND {some}"
            f" AND end_time >= parseDateTimeBestEffort('{begin}') GROUP BY key ORDER BY requests DESC LIMIT 500"
        )
        return {row["key"] or "(none)": int(row["requests"]) for row in rows}

    def shown() -> dict[str, int]:
        names = page.locator(f"{ROWS} th bdi").all_inner_texts()
        titles = page.locator(f"{ROWS} td:nth-child(2) .value").evaluate_all("all => all.map(each => each.title)")
        return {name: int(title.split()[0].replace(",", "")) for name, title in zip(names, titles, strict=True)}

    def plain() -> dict[str, int]:
        """Return what is shown of names without invisible characters, which are written otherwise."""
        true = truth()
        return {name: number for name, number in shown().items() if name in true}

    found = agrees(page, plain, lambda: {name: number for name, number in truth().items() if name in shown()})
    every = shown()
    assert len(every) > 2
    assert len(found) >= len(every) - 3
    assert list(every.values()) == sorted(every.values(), reverse=True)
    assert next(iter(every.values())) == max(truth().values())


def test_a_click_narrows_everything_and_back_undoes_it(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url())
    page.evaluate("window.sameDocument = true")
    before = exact(page, "#figure-requests")
    model = page.locator(f"{ROWS} th bdi").first.inner_text()
    page.locator(f"{ROWS} th a").first.click()
    expect(page.locator(".scope .chip b")).to_have_text(model)
    assert query_of(page)["model"] == [model]
    truth = site.truth(f"{BY['model']} = '{model}'", **shown_range(page))
    assert exact(page, "#figure-requests") == int(truth["requests"]) < before
    page.go_back()
    expect(page.locator(".scope .chip")).to_have_count(0)
    assert exact(page, "#figure-requests") > int(truth["requests"])
    page.go_forward()
    expect(page.locator(".scope .chip b")).to_have_text(model)
    page.get_by_label(f"Remove the filter model {model}").click()
    expect(page.locator(".scope .chip")).to_have_count(0)
    assert page.evaluate("window.sameDocument") is True


def test_a_model_keeps_its_colour_when_the_page_is_narrowed(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url())
    slots = {one["name"]: one["slot"] for one in charts(page)["charts"]["cost"]["series"]}  # type: ignore[index]
    assert len({slot for slot in slots.values() if slot is not None}) == len(slots) - ("other" in slots)
    for name in [name for name in slots if name != "other"][1:3]:
        page.goto(site.url("/", model=name))
        (one,) = charts(page)["charts"]["cost"]["series"]  # type: ignore[index]
        assert (one["name"], one["slot"]) == (name, slots[name])


def test_the_table_is_sorted_and_paged_by_links(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url("/", by="user", **site.whole_day))
    page.get_by_role("link", name="Cost", exact=True).click()
    page.wait_for_url(re.compile("sort=cost"))
    expect(page.locator("#breakdown [aria-sort]")).to_have_text("Cost ↓")
    expect(page.locator(ROWS)).to_have_count(20)
    first = page.locator(f"{ROWS} th bdi").all_inner_texts()
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("link", name="First page")).to_be_visible()
    second = page.locator(f"{ROWS} th bdi").all_inner_texts()
    assert not set(first) & set(second)
    page.get_by_role("link", name="First page").click()
    expect(page.get_by_role("link", name="First page")).to_have_count(0)
    expect(page.locator(f"{ROWS} th bdi")).to_have_text(first, use_inner_text=True)


def test_a_filter_is_found_by_typing(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url())
    page.keyboard.press("f")
    page.get_by_label("Narrow the list").fill("support-a")
    page.locator("#choices li:visible a, .sheet li:visible a").first.click()
    expect(page.locator(".scope .chip b")).to_have_text("support-agent")
    truth = site.truth("service_name = 'support-agent'", **shown_range(page))
    assert exact(page, "#figure-requests") == int(truth["requests"])


def test_dragging_in_a_chart_zooms_the_page(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url())
    box = page.locator("#plot-latency .u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + 100, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 220, box["y"] + 50, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("from="))
    expect(page.locator("#figures[data-query*='from=']")).to_be_visible()  # the address may change before the page does
    zoomed = {name: values[0] for name, values in query_of(page).items() if name in ("from", "to")}
    assert exact(page, "#figure-requests") == int(site.truth(**zoomed)["requests"])
    expect(page.locator("#live")).to_have_count(1)
    page.go_back()
    page.wait_for_url(re.compile(r"/$"))


def test_a_range_is_typed_in_the_zone_of_the_viewer(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url("/", range="6h"))
    page.get_by_text("Custom").click()
    typed = page.locator("input[name=from]").input_value()
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("from="))
    sent = datetime.fromisoformat(query_of(page)["from"][0])
    local = page.evaluate("text => new Date(text).getTime()", typed)
    assert sent.timestamp() * 1000 == local


def test_new_calls_appear_by_themselves(site: Site, live_visit: Visit) -> None:
    page = live_visit.page
    page.goto(site.url("/", range="15m", model="live-model"))
    expect(page.locator("#figure-requests .big")).to_contain_text("0")
    page.locator("#breakdown, .panel").first.wait_for()
    page.get_by_role("link", name="Service").focus()
    site.send("traces", a_call("live-model", 11))
    expect(page.locator("#figure-requests .value")).to_have_text("1", timeout=LIVE_WITHIN_MS)
    expect(page.locator(":focus")).to_have_text("Service")


def test_the_switch_stops_live_updates(site: Site, live_visit: Visit) -> None:
    page = live_visit.page
    page.goto(site.url("/", range="15m"))
    with page.expect_request(re.compile("/api/v1/live")):
        pass
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "false")
    with pytest.raises(NothingCame), page.expect_request(re.compile("/api/v1/live"), timeout=2500):
        pass
    page.keyboard.press("l")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "true")
    with page.expect_request(re.compile("/api/v1/live")):
        pass


def test_numbers_of_charts_are_written_as_those_of_the_page(site: Site, visit: Visit) -> None:
    visit.page.goto(site.url())
    address = (visit.page.locator("script[src$='page.js']").get_attribute("src") or "").replace("page.js", "numbers.js")
    written = "async ([address, kind, all]) => { const by = await import(address); return all.map(v => by[kind](v)); }"
    for kind, pairs in VECTORS.items():
        values = [value for value, _ in pairs]
        assert visit.page.evaluate(written, [address, kind, values]) == [text for _, text in pairs]
        values = some_values(kind)
        assert visit.page.evaluate(written, [address, kind, values]) == [FORMATS[kind](each).text for each in values]
