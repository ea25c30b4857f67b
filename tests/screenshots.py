"""Take the pictures of the documentation: `python tests/screenshots.py docs/screenshots`.

A day of the demo's traffic, the overview and a trace in both colour schemes, 1280 x 800. Written in Inter where the
machine has it; otherwise in what the system calls its sans serif font.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from browsing import Site, loaded
from requirements import chromium

REQUESTS = 8000
LARGEST = 300_000
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <test name="family"><string>sans-serif</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit>
  </match>
</fontconfig>
"""
QUIET_MS = 700
"""For charts to be drawn and numbers to stand still."""


def main(target: Path) -> int:
    """Take all pictures; return the exit code."""
    target.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory() as folder,
        loaded(Path(folder), REQUESTS, attacked=False) as site,
        opened(folder) as browser,
    ):
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
            take(page, site.url(), target / f"overview-{scheme}.png")
            take(page, site.url(a_trace(site)), target / f"trace-{scheme}.png")
    return max_size(target)


@contextmanager
def opened(folder: str) -> Iterator[Browser]:
    """Give a browser that finds the font."""
    fonts = Path(folder) / "fonts.conf"
    fonts.write_text(FONTS)
    found = chromium()
    if found is None:
        raise SystemExit("no Chromium is here")
    with sync_playwright() as playwright:
        env = {**os.environ, "FONTCONFIG_FILE": str(fonts)}
        yield playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"], env=env)


def a_trace(site: Site) -> str:
    """Return the path of a trace of the support agent: the dearest, as it has most to show."""
    rows = site.running.sql(
        "SELECT trace_id, count() AS spans, sum(cost) AS cost FROM spans WHERE service_name = 'support-agent'"
        " GROUP BY trace_id HAVING spans BETWEEN 6 AND 16 ORDER BY cost DESC, trace_id LIMIT 1"
    )
    return f"/traces/{rows[0]['trace_id']}"


def take(page: Page, address: str, file: Path) -> None:
    """Take one picture."""
    page.goto(address)
    page.wait_for_timeout(QUIET_MS)
    page.screenshot(path=file)


def max_size(target: Path) -> int:
    """Say how large the pictures are; 1 where one is too large for a page of text."""
    sizes = {file.name: file.stat().st_size for file in sorted(target.glob("*.png"))}
    for name, size in sizes.items():
        print(f"{name}: {size:,} bytes")  # noqa: T201 -- a script
    return int(max(sizes.values()) > LARGEST)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
