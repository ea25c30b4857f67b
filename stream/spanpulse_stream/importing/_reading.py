"""How a file is read: its format and what was said about it, and the chunks that come of that.

The same file read the same way always gives the same chunks under the same name; read in another way, for another
tenant or with other columns, it is another import.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from spanpulse_stream.decode import Limits
from spanpulse_stream.importing._build import Builder
from spanpulse_stream.importing._chunk import Chunk, Request
from spanpulse_stream.importing._columns import Mapping, MappingWanted
from spanpulse_stream.importing._detect import HEAD, Format, detect
from spanpulse_stream.importing._errors import Torn
from spanpulse_stream.importing._inflate import Inflated, inflated
from spanpulse_stream.importing._otlp import requests_of
from spanpulse_stream.importing._pieces import LONGEST, Piece, Pieces, big_endian, chunked, lines, varint
from spanpulse_stream.importing._source import Source
from spanpulse_stream.importing._table import Table, open_table
from spanpulse_stream.log import Signal

__all__ = ["Options", "Reading"]

VERSION: Final = 1  # of how chunks are made: a file read by another one is another import
CUTS: Final = {"json": lines, "proto": big_endian, "proto-varint": varint}
PLACES: Final = {"json": "line", "proto": "message", "proto-varint": "message"}


@dataclass(frozen=True, slots=True)
class Options:
    """What was said about a file: its format, what its protobuf holds, its columns; None: told by the content."""

    tenant: str = "default"
    format: Format | None = None
    signal: Signal | None = None
    columns: MappingWanted = field(default_factory=MappingWanted)
    limits: Limits = field(default_factory=Limits)


class Reading:
    """One ``file`` read in one way; ``name`` is that of its import. Raises ImportFailed where it cannot be read."""

    def __init__(self, source: Source, options: Options) -> None:
        self._source = source
        self._options = options
        head = source.read(HEAD)
        self._packed = inflated(source, head)
        source.seek(0)
        begin = self._packed.read() if self._packed else head
        self.format: Format = options.format or detect(begin, source.name)
        self._pieces: Pieces | None = None
        self.table: Table | None = open_table(source, self.format, self._stream(), options.columns)
        self.file = source.name
        self.name = f"import/{source.sha256}/{options.tenant}/{self._digest()}"

    @property
    def mapping(self) -> Mapping | None:
        """What each column becomes, of a table."""
        return self.table.mapping if self.table else None

    @property
    def torn(self) -> Torn | None:
        """What is missing at the end; known when all chunks were given."""
        packed = self._packed.torn if self._packed else None
        mine = self.table.torn if self.table else self._pieces.torn if self._pieces else None
        return packed or mine

    def chunks(self) -> Iterator[Callable[[], Chunk]]:
        """Give, chunk by chunk, what makes it. Raises ImportFailed."""
        if self.table:
            yield from self.table.chunks(self._builder)
            return
        self._pieces = Pieces(self._stream(), CUTS[self.format])
        for number, pieces in enumerate(chunked(self._pieces)):
            if not pieces[-1].whole and (torn := self._cut_off(pieces[-1])):
                self._pieces.torn = torn
                pieces.pop()
            yield partial(self._build, number, pieces)

    def _builder(self, number: int) -> Builder:
        return Builder(self.name, number, self._options.tenant, self._options.limits)

    def _stream(self) -> Source | Inflated:
        """Return what the file holds, from its beginning."""
        self._source.seek(0)
        self._packed = inflated(self._source, self._source.read(HEAD))
        self._source.seek(0)
        return self._packed or self._source

    def _digest(self) -> str:
        """Return a digest of all that decides what the chunks are, beside the file's content."""
        options = self._options
        said: dict[str, Any] = {
            "version": VERSION,
            "format": self.format,
            "signal": options.signal,
            "columns": self.table.mapping.plain() if self.table else None,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def _build(self, number: int, pieces: Sequence[Piece]) -> Chunk:
        builder = self._builder(number)
        for piece in pieces:
            self._add(builder, piece)
        return builder.finish()

    def _add(self, builder: Builder, piece: Piece) -> None:
        place = self._place(piece)
        if piece.size > LONGEST:
            reason = f"it has {piece.size} bytes, more than the {LONGEST} that one request may have"
            builder.reject(place, reason, piece.data, piece.size)
            return
        try:
            for request in requests_of(piece.data, self._options.signal, json_only=self.format == "json"):
                if isinstance(request, Request):
                    builder.add(request, place, piece.data)
                else:
                    builder.metrics += 1
        except ValueError as error:
            builder.reject(place, str(error), piece.data)

    def _cut_off(self, piece: Piece) -> Torn | None:
        """Tell whether a last line without its newline is only a beginning, also where its chunk is left out."""
        try:
            list(requests_of(piece.data, self._options.signal, json_only=True))
        except ValueError as error:
            return Torn(self._place(piece), f"the last line is not whole: {error}")
        return None

    def _place(self, piece: Piece) -> str:
        return f"{PLACES[self.format]} {piece.number}, byte {piece.start}"
