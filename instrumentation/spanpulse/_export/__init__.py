"""The exporter: takes spans and events of this process to spanpulse.

In the order of their way: `_mask` (what of other instrumentations' contents may leave), `_encode` and `_cut` (protobuf,
in batches), `_queue` and `_spill` (what waits, in memory and on disk), `_sender` (one thread, retries), and a transport
(`_http`, `_grpc`, `_kafka`). `_stats` counts what became of everything. Nothing here imports a network library before
the first batch is sent.
"""

from spanpulse._export._choose import transport_of
from spanpulse._export._exporter import Exporter
from spanpulse._export._stats import Stats
from spanpulse._export._transport import Batch, Refused, Signal, Transport, Unavailable

__all__ = ["Batch", "Exporter", "Refused", "Signal", "Stats", "Transport", "Unavailable", "transport_of"]
