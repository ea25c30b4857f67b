"""What a stream is cut into does not change what leaves of it, nor what is found."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanpulse import checks
from spanpulse._guard import GuardBlocked, guard
from spanpulse._guard._mask import masked, merged

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----"
PARTS = st.one_of(
    st.sampled_from(
        [
            *("ada@example.org", "4111 1111 1111 1111", "4111-1111-1111-1112", "DE89 3704 0044 0532 0130 00", KEY),
            *(
                "4111\u00a01111\u202f1111\u20111111",
                "\u00a0",
                "\u2013",
                "\u00d7",
                "sk\u2011",
                "ada@\u00fcber.example",
                "1-415-555-2671",
            ),
            *("+49 30 901820", "(415) 555-2671", "078-05-1120", "sk-abcdefgh-ijklmnop-qrst", "AKIAIOSFODNN7EXAMPLE"),
            *(
                "-----BEGIN PRIVATE KEY-----",
                "-----END PRIVATE KEY-----",
                "-----BEGIN ",
                "secret",
                "s3cr3t",
                "\u4e2d\u6587\u3002",
            ),
            *(" ", "\n", ",", ".", "-", "1", "12 ", "A", "AB12 ", "the ", "Go ", "(", ")", "+", "@", "x@y.", "eyJ"),
        ]
    ),
    st.text(max_size=6),
)
TEXTS = st.lists(PARTS, max_size=14).map("".join)


def cut(text: str, places: list[int]) -> list[str]:
    at = sorted({min(place, len(text)) for place in places} | {0, len(text)})
    return [text[first:last] for first, last in pairwise(at)] or [text]


PLACES = st.lists(st.integers(0, 250), max_size=40)
EVERYWHERE = st.just(list(range(250)))
LOOKING = {
    "pii": (lambda: [checks.pii()], 0),
    "patterns": (lambda: [checks.patterns([r"s\w{4,6}t\b", r"(?<=a)b", "1+2", r"^Go", r"\d\d$"], longest=64)], 0),
    "both": (lambda: [checks.patterns([r"[a-z]+@", r"\d\d+", "KEY-+\n"], longest=64), checks.pii()], 0),
    "window": (lambda: [checks.pii()], 20),
    "whole": (lambda: [checks.pii()], None),
}


def at_once(found: list[Any], text: str) -> str:
    spans = [span for check in found if (finding := check.check(text)) for span in finding.spans]
    return masked(text, merged(spans))


@pytest.mark.parametrize("which", LOOKING)
@settings(deadline=None, max_examples=300)
@given(text=TEXTS, places=PLACES | EVERYWHERE)
def test_masked_text_does_not_depend_on_its_pieces(which: str, text: str, places: list[int]) -> None:
    make, window = LOOKING[which]
    found, pieces = make(), cut(text, places)

    @guard(output=found, on_violation="mask", window=window)
    def stream() -> Iterator[str]:
        yield from pieces

    left = list(stream())
    assert len(left) == len(pieces)
    assert "".join(left) == at_once(found, text)


SOMEBODY = [
    *("ada@example.org", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", KEY, "+49 30 901820", "(415) 555-2671"),
    *("078-05-1120", "sk-abcdefgh-ijklmnop-qrst", "AKIAIOSFODNN7EXAMPLE", "GB82WEST12345698765432"),
]
PROSE = st.sampled_from(["the ", "Go and see. ", "in 2026, ", "\n\n", "\u4e2d\u6587\u3002", "of A ", "is: "])


@settings(deadline=None)
@given(said=st.lists(st.tuples(PROSE, st.sampled_from(SOMEBODY)), max_size=5), places=PLACES | EVERYWHERE)
def test_nothing_of_somebody_is_left(said: list[tuple[str, str]], places: list[int]) -> None:
    @guard(output=[checks.pii()], on_violation="mask")
    def stream() -> Iterator[str]:
        yield from cut(", ".join(f"{before}{whose}" for before, whose in said), places)

    left = "".join(stream())
    assert left.count("<") == len(said)
    assert not [whose for whose in SOMEBODY if whose in left]


@pytest.mark.parametrize("which", LOOKING)
@settings(deadline=None, max_examples=100)
@given(text=TEXTS, places=PLACES | EVERYWHERE)
def test_a_stream_that_is_blocked_leaves_nothing_of_what_was_found(which: str, text: str, places: list[int]) -> None:
    make, window = LOOKING[which]
    found = make()
    pieces, left = cut(text, places), []
    spans = merged(span for check in found if (finding := check.check(text)) for span in finding.spans)

    @guard(output=found, window=window)
    def stream() -> Iterator[str]:
        yield from pieces

    if not spans:
        assert "".join(stream()) == text
        return
    with pytest.raises(GuardBlocked) as caught:
        left.extend(stream())
    assert caught.value.findings
    # A list that is extended by an iterator that raises keeps what came before.
    assert len("".join(left)) <= spans[0].start
