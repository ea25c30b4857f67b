"""What is shown of hostile text, JSON, messages; cursors, searches and verdicts at their edges."""

import json
from typing import get_args

import pytest
from markupsafe import escape

from hostile import ATTACKS
from spanpulse_dashboards.traces._complete import cost_reason, judge
from spanpulse_dashboards.traces._cursor import BadCursor, Cursor
from spanpulse_dashboards.traces._json_view import json_html
from spanpulse_dashboards.traces._models import Order
from spanpulse_dashboards.traces._search import BadSearch, understand
from spanpulse_dashboards.traces._texts import LONGEST, conversation, text_of, whole_part
from spanpulse_dashboards.traces._visible import visible

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext \N{GREEK SMALL LETTER ALPHA}", "plain\n\ttext \N{GREEK SMALL LETTER ALPHA}"),
        ("<b>&\"'", "&lt;b&gt;&amp;&#34;&#39;"),
        ("line\r\nline", "line\r\nline"),
    ],
)
def test_text_is_escaped_and_else_as_it_is(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\x1b[31mred", "\N{SYMBOL FOR ESCAPE}"),
        ("a\x00b", "\N{SYMBOL FOR NULL}"),
        ("\x7f", "\N{SYMBOL FOR DELETE}"),
        ("\x85", "U+0085"),
        ("a\rb", "\N{SYMBOL FOR CARRIAGE RETURN}"),
        ("\u202eevil", "RLO"),
        ("\u2066evil", "LRI"),
        ("zero\u200bwidth", "ZWSP"),
        ("\ufeff", "BOM"),
        ("".join(chr(0xE0000 + ord(each)) for each in "hi"), "TAG hi"),
    ],
)
def test_what_acts_is_named(text: str, name: str) -> None:
    shown = visible(text)
    assert f">{name}</span>" in shown
    assert not any(character in shown for character in text if not character.isprintable())


def test_joiners_of_scripts_and_emoji_stay() -> None:
    family = "\N{WOMAN}\u200d\N{GIRL} \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert visible(family) == family


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_in_json_are_text(attack: str) -> None:
    shown = json_html(json.dumps({attack: [attack, {"x": attack}], "n": 1.5, "t": True, "o": None}))
    assert attack not in shown or "<" not in attack
    assert "<script" not in shown
    assert "<img" not in shown


def test_json_is_folded_beyond_its_first_levels() -> None:
    shown = json_html(json.dumps({"a": {"b": {"c": [1, 2]}}}))
    assert shown.count("<details") == 4
    assert shown.count(" open>") == 2
    assert '<span class="j-number">1</span>' in shown


@pytest.mark.parametrize("text", ["{broken", "[" * 50 + "]" * 50, json.dumps(list(range(5000)))])
def test_json_beyond_the_bounds_is_plain(text: str) -> None:
    assert json_html(text) == escape(text)


@pytest.mark.parametrize(
    "messages", ['"just text"', "not json", '{"role": "user"}', "[1, null, [2]]", '[{"parts": [3]}]', "[]"]
)
def test_messages_of_any_form_are_shown(messages: str) -> None:
    found, left = conversation(messages, "input")
    assert left == 0
    for index, message in enumerate(found):
        for number, part in enumerate(message.parts):
            assert whole_part(messages, index, number) == part.body.text


def test_parts_of_the_schema_say_what_they_are() -> None:
    parts = [
        {"type": "text", "content": "hello"},
        {"type": "reasoning", "content": "because"},
        {"type": "tool_call", "id": "1", "name": "find", "arguments": {"q": "x"}},
        {"type": "tool_call_response", "id": "1", "response": '{"n": 1}'},
        {"type": "blob", "modality": "image", "data": "AAAA"},
    ]
    ((message,), _) = conversation(
        json.dumps([{"role": "assistant", "parts": parts, "finish_reason": "stop"}]), "output"
    )
    assert (message.role, message.finish_reason) == ("assistant", "stop")
    assert [part.type for part in message.parts] == ["text", "reasoning", "tool_call", "tool_call_response", "blob"]
    assert [part.body.is_json for part in message.parts] == [False, False, True, True, True]
    assert (message.parts[2].name, message.parts[2].id) == ("find", "1")
    assert "AAAA" in message.parts[4].body.text


@pytest.mark.parametrize("depth", [200, 300, 500, 900, 5000])
@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ('[1,{"\u00e9":[],"c":', ',"d":null},{}]')])
def test_what_nests_deeply_is_shown_whole(depth: int, opening: str, closing: str) -> None:
    nested = opening * depth + '"leaf"' + closing * depth
    messages = '[{"role":"user","name":NEST,"parts":[{"type":"tool_call","arguments":NEST}]}]'.replace("NEST", nested)
    ((message,), _) = conversation(messages, "output")
    whole = whole_part(messages, 0, 0) or ""
    assert whole.startswith(message.parts[0].body.text)
    assert "".join(whole.split()) in (nested, messages)
    assert (whole == messages) == (depth * opening.count(":") > 1000)
    json_html(whole)


def test_indentation_does_not_multiply_what_is_long() -> None:
    text = text_of([[[[[1] * 40_000]]]], "input.0.0", longest=None)
    assert (text.length, text.is_json) == (80_009, True)


def test_a_long_text_is_cut_and_says_its_length() -> None:
    text = text_of("x" * 100_000, "input.0.0")
    assert (len(text.text), text.length, text.cut) == (LONGEST, 100_000, True)


NOW_MS = 1_790_000_000_000
DAMAGED_CURSORS = (
    *("", "x", "1" * 12, f"{NOW_MS}\n", "\u0661" * 13, "1" * 40, "4102444800000", f"{NOW_MS}~2", f"{NOW_MS}~2~zz"),
    *(f"{NOW_MS}~{value}~{'a' * 32}" for value in ("x", "1e5", "-3", "", "1.", "9" * 27)),
)


@pytest.mark.parametrize(
    ("cursor", "order"),
    [
        (Cursor(NOW_MS), "newest"),
        (Cursor(NOW_MS, str(2**63 - 1), "a" * 32), "slowest"),
        (Cursor(NOW_MS, "0.000001", "b" * 32), "dearest"),
        (Cursor(NOW_MS, "3", "c" * 32), "dearest"),
    ],
)
def test_a_cursor_is_read_back(cursor: Cursor, order: Order) -> None:
    assert Cursor.parse(cursor.dump(), order) == cursor


@pytest.mark.parametrize("order", get_args(Order))
@pytest.mark.parametrize("text", DAMAGED_CURSORS)
def test_a_damaged_cursor_is_refused(text: str, order: Order) -> None:
    with pytest.raises(BadCursor):
        Cursor.parse(text, order)


@pytest.mark.parametrize("order", ["newest", "slowest", "failed"])
@pytest.mark.parametrize("value", ["1.5", str(2**63), "9" * 26])
def test_the_cursor_of_the_dearest_is_refused_by_the_others(value: str, order: Order) -> None:
    text = f"{NOW_MS}~{value}~{'a' * 32}"
    assert Cursor.parse(text, "dearest").value == value
    with pytest.raises(BadCursor):
        Cursor.parse(text, order)


@pytest.mark.parametrize(
    ("typed", "value", "kinds"),
    [
        ("  " + "A" * 32, "a" * 32, ("trace",)),
        ("0123456789abcdef", "0123456789abcdef", ("span",)),
        ("user:Ann Lee", "Ann Lee", ("user",)),
        ("TEXT: two words", "two words", ("text",)),
        ("two words", "two words", ("text",)),
        ("http://x", "http://x", ("response", "user", "session", "error", "tool", "text")),
    ],
)
def test_a_search_is_understood(typed: str, value: str, kinds: tuple[str, ...]) -> None:
    wanted = understand(typed)
    assert (wanted.value, wanted.kinds) == (value, kinds)
    assert wanted.words


@pytest.mark.parametrize("typed", ["", "   ", "user:", "text:a", "x" * 501])
def test_a_search_for_nothing_says_what_to_type(typed: str) -> None:
    with pytest.raises(BadSearch):
        understand(typed)


@pytest.mark.parametrize(
    ("root", "missing", "age", "state"),
    [
        (True, 0, 30, "complete"),
        (True, 0, 29, "arriving"),
        (True, 2, 29, "arriving"),
        (True, 2, 30, "incomplete"),
        (False, 1, 30, "incomplete"),
        (False, 1, -5, "arriving"),
    ],
)
def test_completeness_waits_half_a_minute(root: bool, missing: int, age: int, state: str) -> None:
    verdict = judge(root=root, missing=missing, end_ns=0, now_ns=age * SECOND)
    assert verdict.state == state
    assert (f"{missing} parent" in verdict.detail) == (missing > 0)


def test_what_is_not_in_a_cost_is_said() -> None:
    assert cost_reason(0, 0, 0) == "no model call"
    assert cost_reason(3, 0, 0) is None
    assert cost_reason(3, 1, 2) == "1 of 3 calls without a known price; 2 of 3 calls without token counts"
