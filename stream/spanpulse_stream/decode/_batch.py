"""The steps that decoding traces and decoding logs share: one buffer, one scan, then columns piece by piece.

Arrays are sized by what the scan counted. The scan itself runs with room for an ordinary number of records
and again, exactly sized, where there are more.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import _schema as schema
from spanpulse_stream.decode._columns import Attributes, Rejected, Scopes, Values
from spanpulse_stream.decode._extract import AttributeArrays, Children, extract, read_attributes
from spanpulse_stream.decode._keys import KeyTable
from spanpulse_stream.decode._reasons import OK, REASONS
from spanpulse_stream.decode._scan import MESSAGE, ORDINAL, Bounds, Index, scan

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]

_USUAL_RECORD_BYTES = 256  # records are seldom smaller; where they are, the scan runs twice
_NO_KEYS = KeyTable([])


class Batch:
    """Message bodies in one buffer, scanned: ``places``/``pieces`` are those of the readable records.

    ``starts`` (messages + 1) are the bodies' bounds. Not for use by several threads at once.
    """

    def __init__(self, bodies: Sequence[bytes], record_kind: int, bounds: Bounds) -> None:
        self.starts = np.zeros(len(bodies) + 1, np.int64)
        np.cumsum([len(body) for body in bodies], out=self.starts[1:])
        self._size = int(self.starts[-1])
        # Word loads may touch one word behind the last byte.
        buffer = np.frombuffer(b"".join([*bodies, bytes(16 - self._size % 8)]), np.uint8)
        self._words = buffer.view(np.uint64)
        self._bytes = buffer[: self._size]
        self._joined: list[NDArray[np.uint8]] = []
        self.index = self._scan(record_kind, bounds)
        self.totals = self.index.totals
        readable = self.index.record_reasons == OK
        self.places: I64 = self.index.records[readable]
        self.pieces: I64 = self.index.record_pieces[readable]

    def _scan(self, record_kind: int, bounds: Bounds) -> Index:
        messages = len(self.starts) - 1
        room = [self._size // _USUAL_RECORD_BYTES + 64, messages + 64, messages + 64]
        while True:
            index = _empty_index(messages, room)
            scan(self._bytes, self._words, self.starts, record_kind, bounds, index)
            used: list[int] = index.used.tolist()
            if all(size <= limit for size, limit in zip(used, room, strict=True)):
                return _cut(index, used)
            room = used

    def read(
        self, pieces: I64, kind: int, columns: int = 0, sizes: tuple[int, int, int] = (0, 0, 0)
    ) -> tuple[I64, Children]:
        """Return the columns (n, ``columns``) and children of messages of one type; ``sizes`` of the child lists."""
        out = np.zeros((len(pieces), columns), np.int64)
        lists = [np.empty((size, 2), np.int64) for size in sizes]
        children = Children(np.zeros((3, len(pieces) + 1), np.int64), *lists)
        extract(self._bytes, self._words, pieces, kind, out, children)
        return out, children

    def attributes(self, start: I64, pieces: I64, keys: KeyTable) -> Attributes:
        """Read the KeyValues ``pieces`` of the owners that ``start`` delimits."""
        out = self._values(pieces, 1, 2, keys)
        value = Values(out.kind, out.offset, out.length, out.number)
        return Attributes(start, out.key, out.key_offset, out.key_length, value)

    def bodies(self) -> Values:
        """Read the bodies of log records."""
        out = self._values(self.pieces, 0, 5, _NO_KEYS)
        return Values(out.kind, out.offset, out.length, out.number)

    def _values(self, pieces: I64, key_field: int, value_field: int, keys: KeyTable) -> AttributeArrays:
        base = self._size + sum(len(part) for part in self._joined)
        out = _attribute_arrays(len(pieces))
        joined = np.empty(0, np.uint8)
        while True:
            need = read_attributes(
                self._bytes, self._words, pieces, key_field, value_field, keys.arrays, out, joined, base
            )
            if need <= len(joined):
                break
            joined = np.empty(need, np.uint8)
        if need:
            self._joined.append(joined)
        return out

    def resources(self, keys: KeyTable) -> Attributes:
        """Return the attributes of every resource."""
        size = int(self.totals[schema.RESOURCE_ATTRIBUTES])
        _, children = self.read(self.index.resource_pieces, schema.RESOURCE_PART, sizes=(size, 0, 0))
        return self.attributes(children.starts[0], children.first, keys)

    def scopes(self, keys: KeyTable) -> Scopes:
        """Return every instrumentation scope."""
        size = int(self.totals[schema.SCOPE_ATTRIBUTES])
        pieces = self.index.scope_pieces
        columns, children = self.read(pieces, schema.SCOPE_PART, schema.SCOPE_COLUMNS, (size, 0, 0))
        attributes = self.attributes(children.starts[0], children.first, keys)
        return Scopes(columns[:, 0].copy(), narrow(columns, 1), columns[:, 2].copy(), narrow(columns, 3), attributes)

    def rejected(self) -> list[Rejected]:
        """Return what could not be read, by message and ordinal."""
        found: list[Rejected] = []
        for message in np.flatnonzero(self.index.message_reasons).tolist():
            start, end = int(self.starts[message]), int(self.starts[message + 1])
            found.append(Rejected(message, -1, start, end - start, REASONS[self.index.message_reasons[message]]))
        for row in np.flatnonzero(self.index.record_reasons).tolist():
            place, (offset, length) = self.index.records[row], self.index.record_pieces[row].tolist()
            reason = REASONS[self.index.record_reasons[row]]
            found.append(Rejected(int(place[MESSAGE]), int(place[ORDINAL]), offset, length, reason))
        return sorted(found, key=lambda piece: (piece.message, piece.ordinal))

    def data(self) -> NDArray[np.uint8]:
        """Return the buffer that all offsets point into, joined arrays behind the bodies; call it last. Read-only."""
        if not self._joined:
            return self._bytes
        whole = np.concatenate([self._bytes, *self._joined])
        whole.setflags(write=False)
        return whole


def narrow(columns: I64, column: int) -> I32:
    """Return one column of a matrix as contiguous int32, cut to 32 bits as protobuf does with enums."""
    return columns[:, column].astype(np.int32)


def unsigned(columns: I64, column: int) -> NDArray[np.uint64]:
    """Return one column of a matrix as contiguous uint64."""
    return np.ascontiguousarray(columns[:, column]).view(np.uint64)


def id_pairs(columns: I64, column: int) -> NDArray[np.uint64]:
    """Return two columns of a matrix as contiguous (n, 2) uint64."""
    return np.ascontiguousarray(columns[:, column : column + 2]).view(np.uint64)


def _empty_index(messages: int, room: Sequence[int]) -> Index:
    records, resources, scopes = room
    return Index(
        used=np.zeros(3, np.int64),
        records=np.empty((records, 4), np.int64),
        record_pieces=np.empty((records, 2), np.int64),
        record_reasons=np.zeros(records, np.uint8),
        resource_pieces=np.empty((resources, 2), np.int64),
        resource_message=np.empty(resources, np.int32),
        scope_pieces=np.empty((scopes, 2), np.int64),
        message_reasons=np.zeros(messages, np.uint8),
        totals=np.zeros(schema.COUNTERS_SIZE, np.int64),
    )


def _cut(index: Index, used: Sequence[int]) -> Index:
    """Cut an index to its used rows."""
    records, resources, scopes = used
    return index._replace(
        records=index.records[:records],
        record_pieces=index.record_pieces[:records],
        record_reasons=index.record_reasons[:records],
        resource_pieces=index.resource_pieces[:resources],
        resource_message=index.resource_message[:resources],
        scope_pieces=index.scope_pieces[:scopes],
    )


def _attribute_arrays(size: int) -> AttributeArrays:
    return AttributeArrays(
        key=np.full(size, -1, np.int32),
        key_offset=np.zeros(size, np.int64),
        key_length=np.zeros(size, np.int32),
        kind=np.zeros(size, np.uint8),
        offset=np.zeros(size, np.int64),
        length=np.zeros(size, np.int32),
        number=np.zeros(size, np.int64),
    )
