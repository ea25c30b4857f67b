"""Bodies that decompress badly, or to too much."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanpulse_stream.gateway import RequestLimits, RequestRefused
from spanpulse_stream.gateway._inflate import inflate

LIMITS = RequestLimits()
MIB = 1024 * 1024


def ask(_size: int) -> None:
    """Grant all memory."""


@given(st.binary(max_size=300), st.integers(1, 400))
def test_it_gives_back_what_was_compressed(piece, times):
    data = piece * times
    assert inflate(gzip.compress(data), "gzip", LIMITS, ask) == data
    assert inflate(zlib.compress(data), "deflate", LIMITS, ask) == data


@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 7])
def test_sizes_around_the_step(size):
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    granted: list[int] = []
    assert inflate(gzip.compress(data, 1), "gzip", LIMITS, granted.append) == data
    assert sum(granted) == size
    assert max(granted) <= MIB


def test_members_follow_each_other():
    body = gzip.compress(b"first ") + gzip.compress(b"") + gzip.compress(b"second")
    assert inflate(body, "gzip", LIMITS, ask) == b"first second"


def refused(body: bytes, encoding: str = "gzip", limits: RequestLimits = LIMITS) -> RequestRefused:
    with pytest.raises(RequestRefused) as caught:
        inflate(body, encoding, limits, ask)
    return caught.value


def test_every_truncation_is_refused():
    body = gzip.compress(b"some text that is long enough" * 20)
    assert all(refused(body[:length]).status == 400 for length in range(len(body)))


def test_garbage_behind_the_end_is_refused():
    assert refused(gzip.compress(b"a") + b"garbage").status == 400
    assert refused(zlib.compress(b"a") + b"garbage", "deflate").status == 400


def test_thousands_of_members_are_refused():
    assert "members" in refused(gzip.compress(b"") * 100_000).message


def test_a_bomb_is_refused_before_it_is_there():
    body = gzip.compress(bytes(96 * MIB), 6)
    limits = RequestLimits(max_decompressed_bytes=8 * MIB, most_ratio=10_000)
    tracemalloc.start()
    error = refused(body, limits=limits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (error.status, "larger than" in error.message) == (413, True)
    assert peak < 12 * MIB


def test_a_ratio_past_the_bound_is_refused_early():
    granted: list[int] = []
    with pytest.raises(RequestRefused, match="300 times its size"):
        inflate(gzip.compress(bytes(32 * MIB), 6), "gzip", LIMITS, granted.append)
    assert sum(granted) < 12 * MIB


def test_memory_is_asked_for_and_may_be_denied():
    def deny(_size: int) -> None:
        raise RequestRefused(429, "no memory")

    with pytest.raises(RequestRefused, match="no memory"):
        inflate(gzip.compress(b"x" * 1000), "gzip", LIMITS, deny)
