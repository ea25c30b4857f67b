"""What a guard holds back of streams, and what becomes of one that violates."""

import asyncio
import gc
import sys
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse import _log, checks
from spanpulse._guard import Finding, GuardBlocked, Span, _passing, guard
from spanpulse._guard._running import Running
from wrapper_recorded import Recorded, recorded

MAIL, CARD = "ada@example.org", "4111 1111 1111 1111"


@pytest.fixture
def found() -> Iterator[Recorded]:
    with recorded() as provider:
        yield provider


@pytest.fixture(autouse=True)
def _said_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_log, "_said", set())


def pieces_of(text: str, size: int = 4) -> Iterator[str]:
    for at in range(0, len(text), size):
        yield text[at : at + size]


def test_a_flagged_stream_is_not_held_back() -> None:
    made: list[str] = []

    def pieces() -> Iterator[str]:
        for piece in pieces_of(f"write to {MAIL}"):
            made.append(piece)
            yield piece

    for place, piece in enumerate(guard(output=[checks.pii()], on_violation="flag")(pieces)()):
        assert made[place:] == [piece]


def test_prose_is_held_back_no_longer_than_the_word_it_ends_in() -> None:
    text = "The capital of France is Paris, and it has 2 million people. " * 5
    made = 0

    def pieces() -> Iterator[str]:
        nonlocal made
        for piece in pieces_of(text):
            made += len(piece)
            yield piece

    left = 0
    for piece in guard(output=[checks.pii()])(pieces)():
        left += len(piece)
        assert made - left <= 12
    assert left == len(text)


def test_a_window_and_patterns_hold_back_so_many_characters() -> None:
    text = "abc,def," * 20
    for given in ({"output": [checks.patterns(["x"], longest=40)]}, {"output": [checks.pii()], "window": 40}):
        made = []

        def pieces(made: list[str] = made) -> Iterator[str]:
            for piece in pieces_of(text):
                made.append(piece)
                yield piece

        stream = guard(**given)(pieces)()  # type: ignore[arg-type]
        next(stream)
        assert 40 <= sum(map(len, made)) - 4 <= 44


def test_a_stream_that_is_blocked_is_closed(found: Recorded) -> None:
    closed: list[bool] = []

    @guard(output=[checks.pii()], name="g")
    def pieces() -> Iterator[str]:
        try:
            yield from pieces_of(f"write to {MAIL} at once, please, and wait for the answer")
        finally:
            closed.append(True)

    left: list[str] = []
    with pytest.raises(GuardBlocked):
        left.extend(pieces())
    assert closed == [True]
    assert found.said("guard g") == {"spanpulse.guard.output.action": "block"}


@pytest.mark.parametrize(
    ("fallback", "items"),
    [("sorry", ["sorry"]), (lambda _error: iter(["so", "rry"]), ["so", "rry"])],
)
@pytest.mark.parametrize("side", ["input", "output"])
def test_the_fallback_of_a_stream_is_its_last_item(fallback: Any, items: list[str], side: str) -> None:
    sides: dict[str, Any] = {side: [checks.pii()]}
    around = guard(**sides, on_violation="fallback", fallback=fallback)

    def pieces(prompt: str) -> Iterator[str]:
        yield "One,\n"
        yield f"{MAIL} and "
        yield "more"

    async def later(prompt: str) -> AsyncIterator[str]:
        for piece in pieces(prompt):
            yield piece

    async def listed() -> list[str]:
        return [piece async for piece in around(later)(MAIL)]

    left = items if side == "input" else ["One,\n", *items]
    assert list(around(pieces)(MAIL)) == left
    assert asyncio.run(listed()) == left


def test_the_form_of_an_answer_is_looked_at_in_the_end() -> None:
    around = guard(output=[checks.json_schema({"type": "object"})])
    assert "".join(around.call(pieces_of, '{"a": [1, 2, 3]}')) == '{"a": [1, 2, 3]}'
    left: list[str] = []
    with pytest.raises(GuardBlocked) as caught:
        left.extend(around.call(pieces_of, "[1, 2, 3]"))
    assert "".join(left) == "[1, 2, 3]"
    assert caught.value.findings[0].check == "json_schema"
    with pytest.raises(GuardBlocked):
        pytest.fail(next(guard(output=around.rules.output, window=None).call(pieces_of, "[1, 2, 3]")))


def test_checks_that_need_the_whole_text_mask_what_is_held() -> None:
    def second(text: str) -> Finding:
        return Finding(spans=[(4, 10)])

    around = guard(output=[second], on_violation="mask", window=None)
    assert list(around.call(pieces_of, "one secret two")) == ["one ", "<MASKED>", " t", "wo"]
    with pytest.raises(GuardBlocked):
        list(guard(output=[second], on_violation="mask").call(pieces_of, "one secret two"))


def test_an_error_of_the_stream_goes_before_the_verdict_on_what_is_held() -> None:
    def pieces() -> Iterator[str]:
        yield f"to {MAIL}"
        raise KeyError("broken")

    for action in ("block", "mask"):
        left: list[str] = []
        with pytest.raises(KeyError, match="broken"):
            left.extend(guard(output=[checks.pii()], on_violation=action)(pieces)())  # type: ignore[arg-type]
        assert left == ([] if action == "block" else ["to <EMAIL>"])


@pytest.mark.parametrize("on_error", ["pass", "block"])
def test_what_is_kept_of_a_stream_has_a_bound(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, on_error: Any
) -> None:
    monkeypatch.setattr(_passing, "MOST", 20)
    around = guard(output=[checks.pii(), checks.length(max=3)], window=None, on_error=on_error)
    stream = around.call(pieces_of, "abc, " * 10)
    if on_error == "block":
        with pytest.raises(GuardBlocked, match="length failed"):
            list(stream)
    else:
        assert "".join(stream) == "abc, " * 10
    assert "it is longer than 20 characters" in caplog.text


EVENTS: dict[str, Any] = {
    "chat": lambda place, text: {"choices": [{"index": place, "delta": {"content": text}}]},
    "tools": lambda place, text: {
        "choices": [{"index": 0, "delta": {"tool_calls": [{"index": place, "function": {"arguments": text}}]}}]
    },
    "responses": lambda place, text: {"type": "response.output_text.delta", "output_index": place, "delta": text},
    "messages": lambda place, text: {
        "type": "content_block_delta",
        "index": place,
        "delta": {"type": "text_delta", "text": text},
    },
    "google": lambda place, text: {"candidates": [{"index": place, "content": {"parts": [{"text": text}]}}]},
}


@pytest.mark.parametrize("shape", EVENTS)
def test_texts_that_come_by_turns_are_told_apart(shape: str) -> None:
    make = EVENTS[shape]
    events = [make(0, "4111 1111 "), make(1, "and, "), make(0, "1111 1111,"), make(1, "so on,")]
    left = list(guard(output=[checks.pii()], on_violation="mask").call(lambda: iter(events)))
    assert left == [make(0, "<CARD>"), make(1, "and, "), make(0, ","), make(1, "so on,")]


def chunk(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


def part(text: str, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"index": 0, "content": {"parts": [{"text": text, **more}]}}]}


def event(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": kind, **members}


TURNS: dict[str, list[dict[str, Any]]] = {
    "thoughts": [
        chunk(reasoning_content="Go on"),
        chunk(content="", reasoning_content="."),
        chunk(content="Yes,", reasoning_content=""),
    ],
    "tools": [chunk(content="Let me see"), chunk(tool_calls=[{"index": 0, "function": {"arguments": '{"a":'}}])],
    "both": [chunk(reasoning="Hm"), chunk(reasoning=".", content="Yes,"), chunk(content="no,")],
    "google": [part("Hm.", thought=True), part("Yes,")],
    "messages": [
        event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm."}),
        event("content_block_stop", index=0),
    ],
    "responses": [
        event("response.output_text.delta", output_index=0, content_index=0, delta="Let me see"),
        event("response.output_text.done", output_index=0, content_index=0, text="Let me see"),
    ],
}


@pytest.mark.parametrize("turn", TURNS)
def test_a_text_that_is_over_holds_nothing_back(turn: str) -> None:
    made: list[Any] = []

    def items() -> Iterator[Any]:
        for item in [*TURNS[turn], *[chunk(content=f"and {n}, ") for n in range(9)]]:
            made.append(item)
            yield item

    stream = guard(output=[checks.pii()])(items)()
    first = len(TURNS[turn])
    left = [next(stream) for _ in range(first)]
    assert (left, len(made)) == (TURNS[turn], first)
    assert [item for item in stream if len(made) > first] == made[first:]


@pytest.mark.parametrize("window", [20, None])
def test_a_window_is_held_back_of_what_is_over_as_well(window: int | None) -> None:
    held: list[Any] = []

    def items() -> Iterator[Any]:
        for item in [*TURNS["thoughts"], *[chunk(content="and so on, ")] * 9]:
            held.append(item)
            yield item

    next(guard(output=[checks.pii()], window=window)(items)())
    assert len(held) == 12


def test_what_goes_on_nevertheless_is_looked_at_with_what_was_before_it() -> None:
    items = [chunk(content="4111 1111 "), chunk(reasoning_content="hm,"), chunk(content="1111 1111, ok, ")]
    left: list[Any] = []
    with pytest.raises(GuardBlocked):
        left.extend(guard(output=[checks.pii()])(lambda: iter(items))())
    assert left == items[:2]
    masked = list(guard(output=[checks.pii()], on_violation="mask")(lambda: iter(items))())
    assert masked == [items[0], items[1], chunk(content=", ok, ")]


def test_a_choice_is_not_over_when_another_says_something() -> None:
    others = [
        {"choices": [{"index": 1, "delta": delta}]} for delta in ({"reasoning_content": "Hm"}, {"content": "Yes,"})
    ]
    items = [chunk(reasoning_content="4111 1111 "), *others, chunk(reasoning_content="1111 1111,")]
    left = list(guard(output=[checks.pii()], on_violation="mask").call(lambda: iter(items)))
    assert left == [chunk(reasoning_content="<CARD>"), *others, chunk(reasoning_content=",")]


def test_thoughts_are_no_part_of_the_answer_and_take_none_away() -> None:
    short = guard(output=[checks.length(max=9)])
    items = [part("a long thought", thought=True), part("an answer")]
    assert list(short.call(lambda: iter(items))) == items
    for before in (items[:1], []):
        with pytest.raises(GuardBlocked):
            list(short.call(lambda said=before: iter([*said, part("a long answer"), *items[:1]])))


def test_an_item_that_cannot_be_read_does_not_stop_the_stream() -> None:
    class Odd:
        __attrs_attrs__ = (SimpleNamespace(name="type"),)

        @property
        def type(self) -> str:
            raise RuntimeError("odd")

    items = ["a, ", Odd(), "b"]
    assert list(guard(output=[checks.pii()]).call(lambda: iter(items))) == items


def test_a_stream_that_is_too_long_is_no_longer_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_passing, "MOST", 20)
    made: list[str] = []

    def pieces() -> Iterator[str]:
        for piece in pieces_of("abc," * 10):
            made.append(piece)
            yield piece

    stream = guard(output=[checks.pii(), checks.length(max=3)], window=None)(pieces)()
    lag = [len(made) - place for place, _ in enumerate(stream, 1)]
    assert lag == [5, 4, 3, 2, 1, 0, 0, 0, 0, 0]

    running = Running((), None, "")
    running.add("abc", keeps=True)
    running.keep_no_more()
    assert (running.whole, running.window) == ("", 0)


class BadScanner:
    """Raises what it is asked."""

    name = "bad"

    def __init__(self, raises: str) -> None:
        self._raises = raises

    def check(self, text: str) -> Finding | None:
        return self.finding(self.scan(text, 0, ended=True)[0])

    def scan(self, text: str, start: int, *, ended: bool) -> tuple[list[Span], int]:
        if self._raises == "scan":
            raise RuntimeError("scan")
        return [Span(start, len(text))], len(text)

    def finding(self, spans: Any) -> Finding | None:
        raise RuntimeError("finding")


@pytest.mark.parametrize("raises", ["scan", "finding"])
def test_a_scanner_that_fails_lets_others_go_on(raises: str) -> None:
    around = guard(output=[BadScanner(raises), checks.pii()], on_violation="mask")
    assert "".join(around.call(pieces_of, f"to {MAIL}, now")) == "to <EMAIL>, now"
    with pytest.raises(GuardBlocked, match="bad failed"):
        list(guard(output=[BadScanner(raises)], on_error="block").call(pieces_of, "text"))


class PlainScanner(BadScanner):
    """Says places as plain pairs, and more is settled than there is."""

    def scan(self, text: str, start: int, *, ended: bool) -> tuple[Any, int]:
        return [(place, place + 1) for place in range(start, len(text)) if text[place] == "x"], len(text) + self.beyond

    def finding(self, spans: Any) -> Finding | None:
        return Finding(spans=spans) if spans else None

    beyond = 5


@pytest.mark.parametrize("beyond", [5, -2, -100])
def test_scanners_may_say_pairs_and_too_much(beyond: int) -> None:
    check = PlainScanner("")
    check.beyond = beyond
    left = "".join(guard(output=[check], on_violation="mask").call(pieces_of, "axbxc" * 9))
    assert left == "a<MASKED>b<MASKED>c" * 9


def test_a_scanner_that_says_no_places_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    check: Any = PlainScanner("")
    check.scan = lambda text, start, ended: ([("a", "b")], len(text))
    assert "".join(guard(output=[check], on_violation="mask").call(pieces_of, "axb")) == "axb"
    assert "the check bad of a guard failed (TypeError)" in caplog.text


def test_a_long_stream_with_much_to_mask_takes_no_longer_a_piece() -> None:
    around = guard(output=[checks.patterns(["x"])], on_violation="mask", window=None)
    begun = time.process_time()
    assert sum(1 for _ in around.call(lambda: iter(["x "] * 16_000))) > 1
    assert time.process_time() - begun < 2, "9 us a piece; 510 where each piece went over all that came before"


class Source:
    """A stream as SDKs have them."""

    def __init__(self, items: list[str]) -> None:
        self._items = iter(items)
        self.closed = 0
        self.response = "headers"
        self.text_stream = "past the guard"

    def __iter__(self) -> Iterator[str]:
        return self._items

    def __next__(self) -> str:
        return next(self._items)

    def close(self) -> None:
        self.closed += 1


class AsyncSource(Source):
    """An asynchronous one."""

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        try:
            return next(self._items)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        self.closed += 1


def test_streams_of_an_sdk_are_closed_where_they_are_stopped() -> None:
    items = [f"to {MAIL},", " and", " more"]
    source, later = Source(items), AsyncSource(items)
    around = guard(output=[checks.pii()])
    with pytest.raises(GuardBlocked):
        list(around.call(lambda: source))
    assert (source.closed, list(source)) == (1, [" and", " more"])

    async def answer() -> AsyncSource:
        return later

    async def reading() -> None:
        stream = await around.call(answer)
        with pytest.raises(GuardBlocked):
            await anext(stream)
        assert (later.closed, list(later)) == (1, [" and", " more"])

        async with await guard(output=[checks.pii()]).call(answer) as stream:
            assert [piece async for piece in stream] == []
        assert later.closed == 2

    asyncio.run(reading())


def test_a_loop_knows_the_outer_generator_alone() -> None:
    known: list[Any] = []

    @guard(output=[checks.pii()])
    async def pieces() -> AsyncIterator[str]:
        yield "a,"

    async def reading() -> None:
        before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(known.append, before.finalizer)
        stream = pieces()
        assert await anext(stream) == "a,"
        sys.set_asyncgen_hooks(*before)
        assert known == [stream]
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    asyncio.run(reading())


def test_streams_of_an_sdk_keep_what_goes_not_past_the_guard(found: Recorded) -> None:
    source = Source(["a ", "b ", "c "])
    with guard(output=[checks.pii()], name="g").call(lambda: source) as stream:
        assert next(stream) == "a "
        assert stream.response == "headers"
        with pytest.raises(AttributeError, match="might go past its guard"):
            _ = stream.text_stream
    assert source.closed
    assert found.one("guard g")


def test_a_stream_that_nobody_reads_ends_its_span_and_is_let_go(found: Recorded) -> None:
    source = Source(["a "])
    freed = weakref.ref(source)
    stream = guard(output=[checks.pii()], name="g").call([source].pop)
    del stream, source
    gc.collect()
    assert freed() is None
    assert found.one("guard g")
