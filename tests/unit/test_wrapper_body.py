"""The bytes of an answer: what is held of it, and how it is read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanpulse._calls._body import MOST_BYTES, TAIL_BYTES, Collected, read_events, read_json, read_usage

EVENTS = [{"n": 1, "text": "ä"}, {"n": 2}, {"usage": {"prompt_tokens": 3}}]
SENT = (
    b"".join(b"event: x\r\ndata: " + json.dumps(event).encode() + b"\r\n\r\n" for event in EVENTS) + b"data: [DONE]\n\n"
)


@given(st.lists(st.integers(0, len(SENT)), max_size=8))
def test_events_are_read_wherever_chunks_are_cut(cuts: list[int]) -> None:
    collected, ends = Collected(), sorted(cuts)
    for start, end in zip([0, *ends], [*ends, len(SENT)], strict=True):
        collected.add(SENT[start:end])
    assert collected.size == len(SENT)
    assert list(read_events(collected.parts())) == EVENTS


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=30))
def test_what_is_small_is_held_as_it_came(chunks: list[bytes]) -> None:
    collected = Collected()
    for chunk in chunks:
        collected.add(chunk)
    assert collected.parts() == [b"".join(chunks)]


def test_of_a_long_answer_the_middle_is_left_out() -> None:
    collected, chunk = Collected(), b"x" * 10_000
    collected.add(b"data: " + json.dumps({"first": 1}).encode() + b"\n")
    for _ in range(1000):
        collected.add(chunk)
    collected.add(b"\ndata: " + json.dumps({"usage": {}}).encode() + b"\n")
    assert collected.cut
    assert collected.size <= MOST_BYTES + TAIL_BYTES
    assert list(read_events(collected.parts())) == [{"first": 1}, {"usage": {}}]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_object_is_nothing(body: bytes) -> None:
    assert read_json(body) == {}
    assert read_json(body, "gzip") == {}
    assert list(read_events([b"data: " + body])) == []


def test_of_vectors_the_usage_alone_is_read() -> None:
    vectors = {"object": "list", "data": [{"embedding": [0.25] * 400_000}], "model": "text-embedding-3-small"}
    body = json.dumps({**vectors, "usage": {"prompt_tokens": 8, "details": {"cached": 0}}}).encode()
    assert len(body) > MOST_BYTES
    told = {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "details": {"cached": 0}}}
    assert read_usage(body) == told
    assert read_json(body) == told


@pytest.mark.parametrize(
    "sent",
    [
        b'data: {"n": 1, "text": "\xc3\xa4"}\n\ndata: {"n": 2}\n\n',
        b'\xef\xbb\xbfdata: {"n": 1, "text": "\xc3\xa4"}\n\ndata: {"n": 2}\n\n',
        b'data:   {"n": 1, "text": "\xc3\xa4"}\r\rdata:{"n": 2}\r\r',
        b'data: {"n": 1,\ndata: "text":\ndata: "\xc3\xa4"}\n\ndata: {"n": 2}\n\n',
        b': alive\n\nevent: x\nid: 1\ndata: {\r\ndata:"n": 1, "text": "\xc3\xa4"}\r\nretry: 5\r\n\r\ndata: {"n": 2}',
        b'data: {"n": 1, "text": "\xc3\xa4"}\ndata: {"n": 2}\n\ndata: {"n": 3, "te',
    ],
    ids=["plain", "mark", "spaces", "lines", "fields", "cut"],
)
def test_events_are_read_in_every_form_that_they_may_have(sent: bytes) -> None:
    assert list(read_events([sent])) == EVENTS[:2]
