"""Texts that attack, in every field that the pages show: they are shown, and do nothing."""

import pytest

from browsing import Site, Visit, agrees, expect
from hostile import ATTACKS
from spanpulse_dashboards.pages import visible


def test_tables_show_attacks_as_texts(site: Site, visit: Visit) -> None:
    """Sorted so that the attacks come first: each of them failed, always."""
    for by in ("model", "service", "prompt", "prompt_version", "user", "session"):
        visit.page.goto(site.url("/", by=by, sort="error_rate", **site.whole_day))
        names = set(visit.page.locator("#breakdown tbody th bdi").all_inner_texts())
        expected = {visible(attack) for attack in ATTACKS}
        assert len((expected | {f"{each} {each}" for each in expected}) & names) >= 5, names


def test_filters_show_attacks_as_texts(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url("/", **site.whole_day))
    page.locator("#add-filter > summary").click()
    page.get_by_label("Narrow the list").wait_for()
    shown = page.locator(".sheet bdi").all_inner_texts()
    for attack in ATTACKS:
        assert shown.count(visible(attack)) >= 5, attack
    page.goto(site.url("/filters", **site.whole_day))
    agrees(page, page.locator("#choices bdi").all_inner_texts, lambda: shown)


def test_a_page_is_narrowed_to_an_attack(site: Site, visit: Visit) -> None:
    """The links are made by the server, followed in place, and hold the very value."""
    page = visit.page
    for attack in ATTACKS[::4]:
        page.goto(site.url("/", service=attack, model=attack))
        expect(page.locator("#figure-requests .value")).to_have_text("1")
        expect(page.locator(".scope .chip b")).to_have_text([visible(attack)] * 2)
        page.locator(".scope .chip a").first.click()
        expect(page.locator(".scope .chip b")).to_have_text([visible(attack)])
        expect(page.locator("#figure-requests .value")).to_have_text("1")


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_a_value_like_any_other(site: Site, attack: str) -> None:
    for name in ("service", "environment", "model", "prompt", "prompt_version"):
        assert site.api("/overview", **{name: attack})["figures"]["requests"]["value"] == 1, name


def test_scores_and_unpriced_models_show_attacks_as_texts(site: Site, visit: Visit) -> None:
    visit.page.goto(site.url())
    expect(visit.page.locator(".label bdi", has_text="<script>").first).to_be_visible()
    visit.page.goto(site.url("/unpriced"))
    expect(visit.page.locator("#unpriced bdi", has_text="<script>").nth(1)).to_be_visible()
    expect(visit.page.locator("#override")).to_contain_text("<script>")


def test_errors_show_what_was_asked_as_text(site: Site, visit: Visit) -> None:
    visit.expected = ("error: Failed to load resource: the server responded with a status of 422",)
    for attack in ATTACKS[:6:2]:
        for query in ({"range": attack}, {attack: "1"}):
            visit.page.goto(site.url("/", **query))
            expect(visit.page.locator("[role=alert] h1")).to_have_text("Bad parameter")
