"""Quotas: how many bytes and records a second each API key may send, as token buckets.

A bucket is full after `BURST_S` seconds of silence. A request is taken while there is anything in its bucket, and
what it takes beyond that is a debt to be waited for: so a request larger than the burst comes through, and the
average holds. Bytes of metrics count, too, and those of a body that is refused or not sent to its end, as many as
arrived; what the log does not take costs nothing. Not guaranteed: a quota over several gateways, which each count for
themselves; bytes of a body that is sent on after its refusal.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from spanpulse_stream.gateway._answers import RequestRefused
from spanpulse_stream.gateway._intake import Sender
from spanpulse_stream.observe import Metrics, catalog

__all__ = ["BURST_S", "MOST_BUCKETS", "Quotas"]

BURST_S: Final = 5.0
MOST_BUCKETS: Final = 10_000  # the one that was used longest ago is forgotten, which makes it full

Key = tuple[str, bytes]


@dataclass(slots=True)
class _Bucket:
    """Tokens of one kind. ``level`` below 0 is a debt; ``rate`` 0 means no quota."""

    rate: float
    level: float
    at: float

    def settle(self, now: float) -> None:
        """Let flow in what came since."""
        self.level = min(self.rate * BURST_S, self.level + (now - self.at) * self.rate)
        self.at = now

    @property
    def wait(self) -> float:
        """Seconds until something may be taken."""
        return -self.level / self.rate if self.rate and self.level <= 0 else 0.0


class Quotas:
    """One bucket of bytes and one of records for each tenant and key. ``clock`` gives seconds, never backwards."""

    def __init__(
        self, bytes_per_second: int, records_per_second: int, clock: Callable[[], float], metrics: Metrics
    ) -> None:
        self._rates = {"bytes": float(bytes_per_second), "records": float(records_per_second)}
        self._any = bool(bytes_per_second or records_per_second)
        self._clock = clock
        self._metrics = metrics
        self._buckets: OrderedDict[Key, dict[str, _Bucket]] = OrderedDict()

    def check(self, sender: Sender) -> None:
        """Raise RequestRefused (429) where the sender has a debt: before its request is read."""
        if self._any:
            self._refuse_debts(sender, self._of(sender), records=0)

    def charge(self, sender: Sender, size: int, records: int) -> None:
        """Take what a request holds. Raises RequestRefused (429) where the sender has a debt."""
        if self._any:
            buckets = self._of(sender)
            self._refuse_debts(sender, buckets, records)
            buckets["bytes"].level -= size
            buckets["records"].level -= records

    def spend(self, sender: Sender, size: int) -> None:
        """Take the bytes of a request of which nothing is kept: it was work all the same."""
        if self._any:
            self._of(sender)["bytes"].level -= size

    def give_back(self, sender: Sender, size: int, records: int) -> None:
        """Return what was taken for a request that was not accepted after all: it will come again."""
        if self._any:
            buckets = self._of(sender)
            buckets["bytes"].level += size
            buckets["records"].level += records

    def _of(self, sender: Sender) -> dict[str, _Bucket]:
        now, key = self._clock(), (sender.tenant, sender.key)
        buckets = self._buckets.get(key)
        if buckets is None:
            buckets = {name: _Bucket(rate, rate * BURST_S, now) for name, rate in self._rates.items()}
            self._buckets[key] = buckets
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        for bucket in buckets.values():
            bucket.settle(now)
        return buckets

    def _refuse_debts(self, sender: Sender, buckets: dict[str, _Bucket], records: int) -> None:
        name, bucket = max(buckets.items(), key=lambda item: item[1].wait)
        if not bucket.wait:
            return
        self._metrics.add(catalog.RECEIVER_OVER_QUOTA, 1, sender.tenant, name)
        raise RequestRefused(
            429,
            f"this API key may send {bucket.rate:.0f} {name} a second, and sent more",
            retry_after_s=bucket.wait,
            records=records,
        )
