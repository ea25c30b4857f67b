"""Texts that attack, in every field that the pages show: they are shown, and do nothing."""

import pytest

from browsing import Site, Visit, expect
from hostile import ATTACKS
from spanpulse_dashboards.pages import visible

PLAIN = [attack for attack in ATTACKS if attack.isprintable() and attack.isascii()]


@pytest.mark.parametrize("by", ["model", "service", "prompt", "prompt_version", "user", "session"])
def test_tables_show_attacks_as_texts(site: Site, visit: Visit, by: str) -> None:
    """Sorted so that the attacks come first: each failed, and they are the only ones that failed always."""
    visit.page.goto(site.url("/", by=by, sort="error_rate"))
    names = set(visit.page.locator("#breakdown tbody th bdi").all_inner_texts())
    assert len({visible(attack) for attack in ATTACKS} & names) >= 5, names
    visit.page.mouse.move(300, 700)


def test_filters_show_attacks_as_texts(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.url())
    page.locator("#add-filter > summary").click()
    page.get_by_label("Narrow the list").wait_for()
    for attack in PLAIN:
        assert page.locator(".sheet bdi", has_text=attack).count() >= 5, attack
    page.goto(site.url("/filters"))
    assert page.locator("#choices bdi", has_text=PLAIN[0]).count() >= 5


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_page_is_narrowed_to_an_attack(site: Site, visit: Visit, attack: str) -> None:
    """The link is made by the server, followed in place, and holds the very value."""
    page = visit.page
    page.goto(site.url("/", service=attack, model=attack, prompt=attack))
    expect(page.locator("#figure-requests .value")).to_have_text("1")
    expect(page.locator(".scope .chip b")).to_have_text([visible(attack)] * 3)
    assert site.api("/overview", service=attack)["figures"]["requests"]["value"] == 1
    page.locator(".scope .chip a").first.click()
    expect(page.locator(".scope .chip b")).to_have_count(2)
    expect(page.locator("#figure-requests .value")).to_have_text("1")


def test_scores_and_unpriced_models_show_attacks_as_texts(site: Site, visit: Visit) -> None:
    visit.page.goto(site.url())
    assert visit.page.locator(".label bdi", has_text="<script>").count() >= 1
    visit.page.goto(site.url("/unpriced"))
    assert visit.page.locator("#unpriced bdi", has_text="<script>").count() >= 2
    assert "<script>" in visit.page.locator("#override").inner_text()


@pytest.mark.parametrize("attack", PLAIN)
def test_errors_show_what_was_asked_as_text(site: Site, visit: Visit, attack: str) -> None:
    visit.expected = ("error: Failed to load resource: the server responded with a status of 422",)
    visit.page.goto(site.url("/", range=attack))
    expect(visit.page.locator("[role=alert] h1")).to_have_text("Bad parameter")
    visit.page.goto(site.url("/", **{attack: "1"}))
    expect(visit.page.locator("[role=alert] h1")).to_have_text("Bad parameter")
