"""However a file's bytes are asked for, packed or cut off, its pieces are the same, and those that are whole stay."""

import gzip
import io

from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importing_files import framed, varint_framed
from spanpulse_stream.importing import Chunk, ChunkDamaged, Request, pack_chunk, unpack_chunk
from spanpulse_stream.importing._inflate import Inflated, inflated
from spanpulse_stream.importing._pieces import Pieces, big_endian, lines, varint

COMMON = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
MESSAGES = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=12)
PACKS = st.sampled_from([gzip.compress, zstd.compress])


class Slow:
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        self._file = io.BytesIO(data)
        self._most = most

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, self._most))


@COMMON
@given(MESSAGES, st.sampled_from([(framed, big_endian), (varint_framed, varint)]), st.integers(1, 50), st.data())
def test_delimited_messages_come_back(messages, form, most, data):
    write, cut = form
    content = write(messages)
    pieces = Pieces(Slow(content, most), cut)
    assert [piece.data for piece in pieces] == messages
    assert pieces.torn is None
    half = data.draw(st.integers(0, len(content) - 1))
    torn = Pieces(Slow(content[:half], most), cut)
    found = [piece.data for piece in torn]
    assert found == messages[: len(found)]
    assert (torn.torn is None) == (len(write(found)) == half)


@COMMON
@given(
    st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")), max_size=12),
    st.integers(1, 50),
    st.booleans(),
)
def test_lines_come_back_with_their_places(texts, most, ended):
    content = b"\n".join(texts) + b"\n" * ended
    for piece in Pieces(Slow(content, most), lines):
        assert content[piece.start :].startswith(piece.data) or piece.number == 1
        assert piece.data.removeprefix(b"\xef\xbb\xbf") == content.split(b"\n")[piece.number - 1].removeprefix(
            b"\xef\xbb\xbf"
        )
        assert piece.whole or piece.number == len(content.split(b"\n"))
    found = [piece.number for piece in Pieces(Slow(content, most), lines)]
    assert len(found) == sum(
        bool(line.removeprefix(b"\xef\xbb\xbf" * (n == 0)).strip()) for n, line in enumerate(texts)
    )


@COMMON
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), PACKS, st.integers(1, 200), st.data())
def test_what_was_compressed_comes_back(parts, pack, most, data):
    packed = b"".join(pack(part) for part in parts)
    stream = inflated(Slow(packed, most), packed)
    assert stream is not None
    assert everything(stream) == b"".join(parts)
    assert stream.torn is None
    half = data.draw(st.integers(4, len(packed)))
    cut = inflated(Slow(packed[:half], most), packed)
    assert cut is not None
    assert b"".join(parts).startswith(everything(cut))
    ends = {sum(len(pack(part)) for part in parts[:count]) for count in range(1, len(parts) + 1)}
    assert (cut.torn is None) == (half in ends)


def everything(stream: Inflated) -> bytes:
    found = []
    while block := stream.read():
        found.append(block)
    return b"".join(found)


REQUESTS = st.lists(st.builds(Request, st.sampled_from(["traces", "logs"]), st.binary(max_size=50)), max_size=4)


@COMMON
@given(REQUESTS, st.integers(-1, 9), st.text(max_size=20), st.binary(max_size=80), st.data())
def test_a_chunk_travels_and_other_bytes_do_not(requests, number, name, junk, data):
    packed = pack_chunk(Chunk(name, number, "t", requests, rejected=3))
    assert unpack_chunk(packed) == Chunk(name, number, "t", requests, rejected=3)
    for wrong in (junk, packed[: data.draw(st.integers(0, len(packed) - 1))], packed + b"x"):
        try:
            found = unpack_chunk(wrong)
        except ChunkDamaged:
            continue
        raise AssertionError(found)
