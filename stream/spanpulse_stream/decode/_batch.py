"""The steps that decoding traces and decoding logs share: one buffer, one scan, then columns piece by piece.

Arrays are sized by what the scan counted. The scan itself runs with room for an ordinary number of records
and again, exactly sized, where there are more.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.decode import _schema as schema
from spanpulse_stream.decode._columns import Attributes, Rejected, Scopes, Values
from spanpulse_stream.decode._extract import AttributeArrays, Children, extract, read_attributes
from spanpulse_stream.decode._keys import KeyTable
from spanpulse_stream.decode._memory import PADDING, Buffer
from spanpulse_stream.decode._reasons import OK, REASONS
from spanpulse_stream.decode._scan import MESSAGE, OFFSET, TYPE, Bounds, Found, scan

I64 = NDArray[np.int64]
I32 = NDArray[np.int32]

_USUAL_RECORD_BYTES = 256  # records are seldom smaller; where they are, the scan runs twice
_NO_KEYS = KeyTable([])


class Places(NamedTuple):
    """Where the readable records are and where they are from, one entry a record."""

    pieces: I64  # (n, 2): offset, length
    message: I32
    ordinal: I32
    resource: I32
    scope: I32


class Batch:
    """Message bodies in one buffer, scanned. ``totals`` count what the readable pieces hold, by `_schema` counter.

    Not for use by several threads at once.
    """

    def __init__(self, bodies: Sequence[bytes], record_kind: int, bounds: Bounds) -> None:
        self.starts = np.zeros(len(bodies) + 1, np.int64)
        np.cumsum([len(body) for body in bodies], out=self.starts[1:])
        self._padded = np.frombuffer(b"".join([*bodies, bytes(PADDING)]), np.uint8)
        self._bytes = self._padded[:-PADDING]
        self._buffer = Buffer.of(self._padded)
        self._joined: list[NDArray[np.uint8]] = []
        self._found = self._scan(record_kind, bounds)
        self.totals: list[int] = self._found.totals.tolist()

    def _scan(self, record_kind: int, bounds: Bounds) -> Found:
        room = len(self._bytes) // _USUAL_RECORD_BYTES + 2 * len(self.starts) + 64
        while True:
            found = Found(
                rows=np.empty((room, 4), np.int64),
                reasons=np.zeros(room, np.uint8),
                message_reasons=np.zeros(len(self.starts) - 1, np.uint8),
                totals=np.zeros(schema.TOTALS, np.int64),
            )
            scan(self._buffer, self.starts, record_kind, bounds, found)
            size = int(found.totals[schema.ROWS])
            if size <= room:
                return found._replace(rows=found.rows[:size], reasons=found.reasons[:size])
            room = size

    def _is(self, kind: int) -> NDArray[np.bool_]:
        """Tell which of the rows found are of a kind."""
        found: NDArray[np.bool_] = self._found.rows[:, TYPE] == kind
        return found

    @property
    def records(self) -> int:
        """How many records the messages with readable framing have, unreadable ones included."""
        return int(np.count_nonzero(self._is(schema.RECORD_PART)))

    @property
    def resource_message(self) -> I32:
        """The message of every resource."""
        return narrow(self._found.rows[self._is(schema.RESOURCE_PART)], MESSAGE)

    @cached_property
    def _ordinals(self) -> I64:
        """For every row found, the number of records before it in its message."""
        message = self._found.rows[:, MESSAGE]
        is_record = self._is(schema.RECORD_PART)
        before: I64 = np.cumsum(is_record) - is_record
        ordinals: I64 = before - before[np.searchsorted(message, message)]
        return ordinals

    def places(self) -> Places:
        """Return the readable records; their resource and scope are the newest before them."""
        readable = self._is(schema.RECORD_PART) & (self._found.reasons == OK)
        rows = self._found.rows[readable]
        return Places(
            pieces=rows[:, OFFSET:],
            message=narrow(rows, MESSAGE),
            ordinal=self._ordinals[readable].astype(np.int32),
            resource=(np.cumsum(self._is(schema.RESOURCE_PART)) - 1)[readable].astype(np.int32),
            scope=(np.cumsum(self._is(schema.SCOPE_PART)) - 1)[readable].astype(np.int32),
        )

    def read(
        self, pieces: I64, kind: int, columns: int = 0, sizes: tuple[int, int, int] = (0, 0, 0)
    ) -> tuple[I64, Children]:
        """Return the columns (n, ``columns``) and children of messages of one type; ``sizes`` of the child lists."""
        out = np.zeros((len(pieces), columns), np.int64)
        lists = [np.empty((size, 2), np.int64) for size in sizes]
        children = Children(np.zeros((3, len(pieces) + 1), np.int64), *lists)
        extract(self._buffer, pieces, kind, out, children)
        return out, children

    def attributes(self, start: I64, pieces: I64, keys: KeyTable) -> Attributes:
        """Read the KeyValues ``pieces`` of the owners that ``start`` delimits."""
        out = self._values(pieces, 1, 2, keys)
        value = Values(out.kind, out.offset, out.length, out.number)
        return Attributes(start, out.key, out.key_offset, out.key_length, value)

    def bodies(self, pieces: I64) -> Values:
        """Read the bodies of the log records ``pieces``."""
        out = self._values(pieces, 0, 5, _NO_KEYS)
        return Values(out.kind, out.offset, out.length, out.number)

    def _values(self, pieces: I64, key_field: int, value_field: int, keys: KeyTable) -> AttributeArrays:
        base = len(self._bytes) + sum(len(part) for part in self._joined)
        out = _attribute_arrays(len(pieces))
        joined = np.empty(0, np.uint8)
        while True:
            need = read_attributes(self._buffer, pieces, key_field, value_field, keys.view, out, joined, base)
            if need <= len(joined):
                break
            joined = np.empty(need, np.uint8)
        if need:
            self._joined.append(joined)
        return out

    def resources(self, keys: KeyTable) -> Attributes:
        """Return the attributes of every resource."""
        size = self.totals[schema.RESOURCE_ATTRIBUTES]
        pieces = self._found.rows[self._is(schema.RESOURCE_PART), OFFSET:]
        _, children = self.read(pieces, schema.RESOURCE_PART, sizes=(size, 0, 0))
        return self.attributes(children.starts[0], children.first, keys)

    def scopes(self, keys: KeyTable) -> Scopes:
        """Return every instrumentation scope."""
        size = self.totals[schema.SCOPE_ATTRIBUTES]
        pieces = self._found.rows[self._is(schema.SCOPE_PART), OFFSET:]
        columns, children = self.read(pieces, schema.SCOPE_PART, schema.SCOPE_COLUMNS, (size, 0, 0))
        attributes = self.attributes(children.starts[0], children.first, keys)
        return Scopes(columns[:, 0].copy(), narrow(columns, 1), columns[:, 2].copy(), narrow(columns, 3), attributes)

    def rejected(self) -> list[Rejected]:
        """Return what could not be read, by message and ordinal."""
        reasons, message_reasons = self._found.reasons, self._found.message_reasons
        pieces = []
        for message in np.flatnonzero(message_reasons).tolist():
            start, end = self.starts[message : message + 2].tolist()
            pieces.append(Rejected(message, -1, start, end - start, REASONS[message_reasons[message]]))
        for row in np.flatnonzero(reasons).tolist():
            _, message, offset, length = self._found.rows[row].tolist()
            pieces.append(Rejected(message, int(self._ordinals[row]), offset, length, REASONS[reasons[row]]))
        return sorted(pieces, key=lambda piece: (piece.message, piece.ordinal))

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
