"""A gateway follows the API keys that are shared: it looks every few seconds, and checks senders by what it found.

Guarantee: a key that was revoked is refused `keys_interval` seconds after ClickHouse has the row, as long as ClickHouse
answers; no answer and no row that cannot be used changes what is in force; without anything known nobody is let in; a
start never goes back behind what an earlier process went by, unless the data folder went with it. Keys and hashes are
never logged. Not guaranteed: that gateways change at one moment; that a revoked key is refused while ClickHouse is
away.
"""

import asyncio
import logging
from collections.abc import Callable
from random import random

from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse import QueryFailed, SinkError
from spanpulse_stream.cluster._database import short_reason
from spanpulse_stream.cluster._known_keys import KeysFile, KeysReader, KnownKeys
from spanpulse_stream.cluster._shared_rows import SharedRow
from spanpulse_stream.gateway import ApiKeys, BindingRefused, InvalidKey, check_binding
from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.settings import Settings

__all__ = ["KeysFollowing"]

LOG = logging.getLogger(__name__)
FIRST_PAUSE_S = 0.5  # while nothing is known; doubled until it is the interval
NO_KEYS = (
    "no API keys are shared, and listening on {} lets other machines send, so nobody may: "
    "run `spanpulse share keys FILE`, or set api_keys"
)
OUTCOMES = ("changed", "same", "failed", "unreadable")


class KeysFollowing:
    """Gives keys to a receiver by ``use``, None for none. ``begin``, then `run` until cancelled, then `close`.

    ``own`` are the keys of the settings, in force where nothing is shared. ``clock`` gives seconds, never backwards.
    """

    def __init__(
        self,
        settings: Settings,
        own: ApiKeys,
        use: Callable[[ApiKeys | None], None],
        metrics: Metrics,
        health: Health,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._own = own
        self._use = use
        self._metrics = metrics
        self._health = health
        self._clock = clock
        self._file = KeysFile(settings)
        self._reader = KeysReader(settings)
        self._known: KnownKeys | None = None
        self._kept: KnownKeys | None = None  # what the file holds
        self._unkept = False  # whether it was logged that the file cannot be written
        self._trouble = ""  # what was logged last of looks that changed nothing, or ''
        self._failures = 0
        self._looked = clock()
        metrics.watch(catalog.KEYS_AGE, lambda: clock() - self._looked)
        for outcome in OUTCOMES:
            metrics.add(catalog.KEYS_LOOKS, 0, outcome)

    async def begin(self) -> None:
        """Go by what was known last, then look once. Raises SinkError where a certificate's file cannot be read."""
        self._unknown("the API keys that are shared were not read yet")
        self._kept = await asyncio.to_thread(self._file.load)
        if self._kept is not None:
            self._go_by(self._kept)
        await self._look()

    async def run(self) -> None:
        """Look every few seconds."""
        while True:
            await asyncio.sleep(self._pause())
            try:
                await self._look()
            except SinkError as error:
                self._failed(error)

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def _pause(self) -> float:
        """Return the seconds until the next look: below the interval, whose rest is for the look itself."""
        longest = self._settings.keys_interval
        if self._known is None:
            longest = min(longest, FIRST_PAUSE_S * 2 ** min(self._failures, 10))
        return longest * (0.7 + 0.25 * random())  # noqa: S311 -- jitter

    async def _look(self) -> None:
        """Look once. Raises SinkError where a certificate's file cannot be read."""
        try:
            row = await asyncio.to_thread(self._reader.newest)
        except (QueryFailed, ClickHouseError) as error:
            self._failed(error)
            return
        try:
            found = await asyncio.to_thread(KnownKeys.of, row)
        except InvalidKey as error:
            self._unreadable(row, error)
            return
        self._looked, self._failures, self._trouble = self._clock(), 0, ""
        if changed := found != self._known:
            self._say(found)
        await self._keep(found)
        self._go_by(found)
        self._metrics.add(catalog.KEYS_LOOKS, 1, "changed" if changed else "same")

    async def _keep(self, found: KnownKeys) -> None:
        """Keep what was found before it is gone by, so that no later start goes by what was before."""
        if found == self._kept:
            return
        try:
            await asyncio.to_thread(self._file.store, found)
        except OSError as error:
            if not self._unkept:
                LOG.warning("the API keys cannot be kept for a start without ClickHouse: %s", error)
            self._kept, self._unkept = None, True
        else:
            self._kept, self._unkept = found, False

    def _go_by(self, known: KnownKeys) -> None:
        """Put keys in force."""
        self._known = known
        keys = self._own if known.keys is None else known.keys
        self._metrics.set(catalog.KEYS_VERSION, known.version)
        try:
            check_binding(self._settings.host, keys)
        except BindingRefused:
            self._use(None)
            self._health.report(Condition.KEYS_UNKNOWN, NO_KEYS.format(self._settings.host or "every address"))
            return
        self._use(keys)
        self._health.clear(Condition.KEYS_UNKNOWN)

    def _say(self, found: KnownKeys) -> None:
        if found.keys is None:
            LOG.info("no API keys are shared: those of the settings are in force")
            return
        tenants = {tenant for tenant, _ in found.keys.entries}
        LOG.info(
            "shared API keys of version %d are in force: %d of %d tenants",
            found.version,
            len(found.keys.entries),
            len(tenants),
        )

    def _failed(self, error: Exception) -> None:
        self._metrics.add(catalog.KEYS_LOOKS, 1, "failed")
        self._stay("failed", f"the shared API keys could not be read: {short_reason(error)}")

    def _unreadable(self, row: SharedRow | None, error: InvalidKey) -> None:
        version = 0 if row is None else row.version
        self._metrics.add(catalog.KEYS_LOOKS, 1, "unreadable")
        self._stay(f"row {version}", f"the shared API keys of version {version} cannot be used: {error}")

    def _stay(self, trouble: str, detail: str) -> None:
        """Leave in force what is known, and say why, once."""
        self._failures += 1
        if self._known is None:
            self._unknown(detail)
        if trouble != self._trouble:
            stays = "what was known stays in force" if self._known is not None else "nobody may send"
            LOG.warning("%s; %s", detail, stays)
        self._trouble = trouble

    def _unknown(self, detail: str) -> None:
        self._use(None)
        self._health.report(Condition.KEYS_UNKNOWN, detail)
