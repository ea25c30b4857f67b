"""What a batch added to the sums, as it travels to who watches them: one message a batch, in order for each source.

`encode_deltas` and `headers_of` make the messages, `Delta.of` reads one, `SeenDeltas` tells the new from what comes
again, a `Watcher` takes the new ones.
"""

from spanpulse_stream.deltas._encode import MOST_BYTES, TABLES, decode_deltas, encode_deltas
from spanpulse_stream.deltas._message import Delta, NoDelta, headers_of, key_of
from spanpulse_stream.deltas._recent import RecentSums, Sums, Watcher
from spanpulse_stream.deltas._seen import SeenDeltas

__all__ = [
    "MOST_BYTES",
    "TABLES",
    "Delta",
    "NoDelta",
    "RecentSums",
    "SeenDeltas",
    "Sums",
    "Watcher",
    "decode_deltas",
    "encode_deltas",
    "headers_of",
    "key_of",
]
