"""A pause between the questions for metadata that a producer of aiokafka asks.

While a partition has no leader it asks one after the other, which is half a core. Guarantee: it asks no more often than
every `PAUSE_S`, and hears what it would have heard.
"""

import asyncio
import time
from typing import Any, Final

__all__ = ["Pace"]

PAUSE_S: Final = 0.2


class Pace:
    """Stands in a client of aiokafka for its `force_metadata_update`."""

    def __init__(self, client: Any) -> None:
        self._ask = client.force_metadata_update
        self._next = 0.0
        self._asking: asyncio.Task[bool] | None = None
        client.force_metadata_update = self

    def __call__(self) -> "asyncio.Future[bool]":
        """Return what becomes True when the metadata is new, False when nobody answered."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._asked())
        return asyncio.shield(self._asking)

    def end(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _asked(self) -> bool:
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + PAUSE_S
        return bool(await self._ask())
