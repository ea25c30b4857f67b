"""Compressed answers are read, whole or cut off, and bombs are not unpacked."""

import gzip
import json
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from functools import partial

import brotli
import pytest
import zstandard

from spanpulse._calls._body import read_events, read_json
from spanpulse._calls._inflate import MOST, inflated

EVENTS = [{"n": number, "text": "fox " * 9} for number in range(200)]
SENT = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS)


def raw_deflate(body: bytes) -> bytes:
    one = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return one.compress(body) + one.flush()


def zstd_frames(body: bytes) -> bytes:
    half = len(body) // 2
    return zstandard.compress(body[:half]) + zstandard.compress(body[half:])


PACKS = [
    ("", bytes),
    ("identity", bytes),
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    (" GZIP ", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("zstd", zstandard.compress),
    ("zstd", zstd_frames),
    ("br", partial(brotli.compress, quality=1)),
]


@pytest.fixture(params=["backports.zstd", "zstandard"])
def _zstd_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave one of the packages of zstd."""
    for name in {"compression.zstd", "backports.zstd", "zstandard"} - {request.param}:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("_zstd_of")
@pytest.mark.parametrize(("encoding", "pack"), PACKS)
def test_compressed_bodies_are_read(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    assert list(read_events([pack(SENT)], encoding)) == EVENTS
    assert read_json(pack(b'{"id": "a"}'), encoding) == {"id": "a"}


@pytest.mark.usefixtures("_zstd_of")
@pytest.mark.parametrize(("encoding", "pack"), PACKS)
def test_of_one_that_is_cut_off_what_is_there_is_read(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(SENT * 40)
    found = inflated(packed[:-9], encoding)
    assert (SENT * 40).startswith(found)
    assert found


@pytest.mark.usefixtures("_zstd_of")
@pytest.mark.parametrize(("encoding", "pack"), PACKS[2:])
def test_a_bomb_is_not_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    packed = pack(b"[" + b"0," * (32 << 20))
    tracemalloc.start()
    try:
        assert len(inflated(packed, encoding)) <= MOST
        assert tracemalloc.get_traced_memory()[1] < 5 * MOST
    finally:
        tracemalloc.stop()
    assert read_json(packed, encoding) == {}


class Older:
    """What brotli had before 1.2."""

    def __init__(self) -> None:
        self._inner = new_brotli()

    def process(self, data: bytes) -> bytes:
        return self._inner.process(data)


new_brotli = brotli.Decompressor


def test_a_bomb_is_not_unpacked_by_an_older_brotli_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brotli, "Decompressor", Older)
    test_compressed_bodies_are_read("br", brotli.compress)
    test_a_bomb_is_not_unpacked("br", brotli.compress)


@pytest.mark.usefixtures("_zstd_of")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br"])
def test_what_is_damaged_is_nothing(encoding: str) -> None:
    assert inflated(b"<html>no</html>", encoding) == b""
    assert inflated(b"", encoding) == b""


@pytest.mark.parametrize(
    ("encoding", "missing"),
    [("zstd", ("compression.zstd", "backports.zstd", "zstandard")), ("br", ("brotli", "brotlicffi"))],
)
def test_without_the_package_that_is_said(
    encoding: str, missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    assert inflated(b"packed", encoding) == b""
    assert encoding in caplog.text


def test_a_body_that_is_compressed_twice_is_read() -> None:
    twice = brotli.compress(gzip.compress(SENT))
    for encoding in ("gzip, br", "identity,gzip,br,"):
        assert list(read_events([twice], encoding)) == EVENTS
