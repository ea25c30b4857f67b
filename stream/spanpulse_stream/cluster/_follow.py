"""A worker follows what is shared: new prices and settings are named by the next claims, without a restart.

Guarantee: what cannot be used leaves the old in force, is logged once and shown by readiness as nothing worse. Not
guaranteed: that all workers follow at one moment.
"""

import asyncio
import logging
from dataclasses import dataclass, field

from spanpulse_sinks.clickhouse import QueryFailed
from spanpulse_stream.cluster._shared import Shared, settings_under
from spanpulse_stream.cluster._shared_rows import SharedRow
from spanpulse_stream.pipeline import PriceBooks
from spanpulse_stream.price import OverrideError
from spanpulse_stream.process import versions_now
from spanpulse_stream.settings import Settings, SettingsError

__all__ = ["Following"]

LOG = logging.getLogger(__name__)
EVERY_S = 10.0


@dataclass(slots=True)
class Following:
    """What the next claim names: ``versions``. Looks with `once`, or with `run` until cancelled."""

    settings: Settings
    shared: Shared
    books: PriceBooks
    versions: str = ""
    _known: dict[str, SharedRow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.versions = versions_now(self.settings, self.books).dump()

    async def run(self) -> None:
        """Look every few seconds."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await asyncio.to_thread(self.once)
            except QueryFailed as error:
                LOG.warning("what is shared could not be read; what is known stays in force: %s", error)

    def once(self) -> None:
        """Look once. Raises QueryFailed."""
        for kind, row in self.shared.newest().items():
            if self._known.get(kind) != row:
                self._known[kind] = row
                self._take(kind, row)
        settings = self._settings()
        self.versions = versions_now(settings, self.books).dump()

    def _take(self, kind: str, row: SharedRow) -> None:
        if kind != "prices":
            return
        try:
            self.books.use(row.text)
        except OverrideError as error:
            LOG.error("the shared prices of version %d cannot be used here: %s", row.version, error)  # noqa: TRY400 -- the message says all

    def _settings(self) -> Settings:
        row = self._known.get("settings")
        if row is None:
            return self.settings
        try:
            return settings_under(self.settings, row.text, f"shared settings of version {row.version}")
        except SettingsError as error:
            LOG.error("the shared settings cannot be used here: %s", error)  # noqa: TRY400
            return self.settings
