"""Parts of pages: vendored files are those that were published, addresses hold, colours and sparklines are steady."""

import hashlib
import re
from datetime import UTC, datetime
from importlib.resources import files
from urllib.parse import parse_qsl, urlsplit

import pytest
from jinja2 import UndefinedError
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from spanpulse_dashboards._scope import Scope
from spanpulse_dashboards.pages import StaticFiles, sparkline, visible
from spanpulse_dashboards.pages._colour_book import COLOURS, ColourBook
from spanpulse_dashboards.pages._render import environment
from spanpulse_dashboards.pages._scope_bar import scope_bar

STATIC = files("spanpulse_dashboards") / "static"
PUBLISHED = {
    "htmx-4.0.1.LICENSE": "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    "htmx-4.0.1.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    "uPlot-1.6.32.LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    "uPlot-1.6.32.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot-1.6.32.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
}
START, END = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
OTHER_HOST = re.compile(r"""(?:src|href|url\(|import|fetch\()\s*[=(]?\s*["']?(?:https?:)?//""")


def test_vendored_files_are_as_published() -> None:
    found = {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in (STATIC / "vendor").iterdir()}
    assert found == PUBLISHED


def test_nothing_is_loaded_from_another_host() -> None:
    own = [each for each in STATIC.iterdir() if each.is_file()]
    templates = [each for each in (files("spanpulse_dashboards") / "templates").iterdir() if each.is_file()]
    assert len(own) > 5
    for each in own + templates:
        assert not OTHER_HOST.search(each.read_text("utf-8")), each.name


def test_no_template_has_a_style_or_a_script_of_its_own() -> None:
    """The policy of the page forbids them, silently for a reader."""
    folder = files("spanpulse_dashboards") / "templates"
    names = environment().list_templates()
    assert "overview.html" in names
    for name in names:
        text = folder.joinpath(*name.split("/")).read_text("utf-8")
        assert not re.search(r"<[a-z][^>]*\s(style|on[a-z]+)=|<style", text), name
        for tag in re.findall(r"<script[^>]*>", text):
            assert "src=" in tag or 'type="application/json"' in tag, name


def test_a_static_file_is_kept_for_ever_under_its_digest() -> None:
    static = StaticFiles()
    client = TestClient(Starlette(routes=[Route("/static/{digest}/{name:path}", static.serve)]))
    answer = client.get(static.path("page.css"))
    assert answer.headers["cache-control"].endswith("immutable")
    assert answer.headers["content-type"].startswith("text/css")
    assert client.get(static.path("page.js")).headers["content-type"].startswith("text/javascript")
    old = client.get("/static/0000000000000000/page.css", follow_redirects=False)
    assert (old.status_code, old.headers["location"]) == (307, static.path("page.css"))
    assert client.get(f"/static/{static.digest}/../pages/_render.py").status_code == 404
    with pytest.raises(KeyError):
        static.path("no.css")


def test_a_name_that_is_not_there_is_an_error_and_texts_are_escaped() -> None:
    made = environment()
    with pytest.raises(UndefinedError):
        made.from_string("{{ nothing }}").render()
    assert made.from_string("{{ text }}").render(text="<b>'\"") == "&lt;b&gt;&#39;&#34;"


def test_times_of_a_text_are_marked_and_the_rest_stays_text() -> None:
    text = "<b> to (2026-01-01T00:00:00Z) must be later than from (2026-01-02T00:00:00Z) & 2026"
    shown = environment().from_string("{{ text | moments }}").render(text=text)
    marked = '<time datetime="2026-01-0{0}T00:00:00Z" data-style="minute">2026-01-0{0}T00:00:00Z</time>'
    assert shown == f"&lt;b&gt; to ({marked.format(1)}) must be later than from ({marked.format(2)}) &amp; 2026"


def test_a_payload_cannot_leave_its_script() -> None:
    text = environment().from_string("{{ payload | tojson }}").render(payload={"name": "</script><!--\u2028&'"})
    assert not re.search("[<>&']", text)


def test_links_of_the_bar_are_scopes_again_and_keep_the_page() -> None:
    scope = Scope.parse([("range", "6h"), ("model", "a&b=c"), ("model", "ü"), ("service", "")])
    bar = scope_bar(scope, path="/", root="/below", start=START, end=END, more={"by": "user"})

    def read(href: str) -> tuple[Scope, str]:
        parts = urlsplit(href)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        assert parts.path == "/below/"
        return Scope.parse(pairs, also=("by",)), dict(pairs)["by"]

    assert [read(each.href) for each in bar.presets if each.name == "7d"] == [(scope.within("7d"), "user")]
    assert [each.name for each in bar.presets if each.current] == ["6h"]
    assert {(chip.name, chip.value) for chip in bar.chips} == {("model", "a&b=c"), ("model", "ü"), ("service", "")}
    for chip in bar.chips:
        assert read(chip.href) == (scope.widened(chip.name, chip.value), "user")
    assert bar.clear is not None
    assert read(bar.clear)[0].filters == ()


def test_a_colour_stays_with_its_name_and_few_names_share_none() -> None:
    book = ColourBook()
    names = [f"model-{number}" for number in range(COLOURS)]
    first = book.slots(names)
    assert sorted(first.values()) == list(range(COLOURS))
    more = book.slots([f"other-{number}" for number in range(100)])
    assert all(0 <= slot < 3 * COLOURS for slot in more.values())
    assert book.slots(reversed(names)) == first


def test_a_sparkline_leaves_gaps_and_shows_a_lone_value() -> None:
    line = sparkline([1.0, 2.0, None, 3.0, None, None])
    assert line.path.count("M") == 2
    assert line.area.count("M") == 1
    assert sparkline([]).path == ""
    assert sparkline([None, None]).path == ""
    assert "nan" not in sparkline([0.0, 0.0]).path


def test_what_is_invisible_becomes_visible() -> None:
    assert visible("plain text, ü, 日本語, 👩‍💻") == "plain text, ü, 日本語, 👩‍💻"
    assert visible("\x1b[31m\n\t\x7f") == "␛[31m␊␉␡"
    assert visible("a\u202eb\u2066\u2028\x9b\ufeff") == "a⟨U+202E⟩b⟨U+2066⟩⟨U+2028⟩⟨U+009B⟩⟨U+FEFF⟩"
