"""Files to import, as the Collector writes them and as people have them, and what a reading makes of one."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from backports import zstd

from oracle.otlp_json import otlp_json
from otlp.requests import resource_spans, span, traces
from spanpulse_stream.importing import Chunk, Options, Reading, Source, Torn

PACKED = {"": bytes, ".gz": gzip.compress, ".zst": zstd.compress}


def bodies(count: int, spans: int = 3, first: int = 1) -> list[bytes]:
    """Return requests of spans in protobuf, ids all different."""
    return [
        traces(
            resource_spans(
                {"service.name": "shop", "host.name": "h"},
                [span(first + number * spans + place, f"text {number} {place}") for place in range(spans)],
            )
        )
        for number in range(count)
    ]


def json_lines(requests: Sequence[bytes], signal: str = "traces") -> bytes:
    return b"".join(otlp_json(body, signal) + b"\n" for body in requests)


def framed(messages: Sequence[bytes]) -> bytes:
    return b"".join(len(body).to_bytes(4, "big") + body for body in messages)


def varint_framed(messages: Sequence[bytes]) -> bytes:
    return b"".join(varint(len(body)) + body for body in messages)


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def write(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read(path: Path, options: Options | None = None) -> tuple[list[Chunk], Torn | None, Reading]:
    """Return the chunks of a file, what is missing at its end, and how it was read."""
    source = Source.open(str(path))
    try:
        reading = Reading(source, options or Options())
        chunks = [make() for make in reading.chunks()]
        return chunks, reading.torn, reading
    finally:
        source.close()


def records(chunks: Sequence[Chunk]) -> int:
    return sum(chunk.records for chunk in chunks)
