"""One running spanpulse and one Chromium for the tests of a file's worker; a fresh, listened-to page for each test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from browsing import Site, Visit, loaded, visiting
from requirements import need_chromium

LAUNCHED_WITHIN_MS = 120_000
# Chromium's own sandbox cannot be set up as root in a container; everything it opens here is ours.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the system's Chromium. While it is open no test of a coroutine can run, so it ends with its file."""
    chromium = need_chromium()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=LAUNCHED_WITHIN_MS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a running spanpulse with data."""
    need_chromium()
    with loaded(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Give an empty page of 1280 x 800, in light colours, that stays as it was loaded."""
    with visiting(browser, color_scheme="light") as opened:
        yield opened


@pytest.fixture
def live_visit(browser: Browser) -> Iterator[Visit]:
    """Give one that follows what arrives."""
    with visiting(browser, live=True, color_scheme="light") as opened:
        yield opened
