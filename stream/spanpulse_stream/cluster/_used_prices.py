"""The prices that the claims of this cluster name, kept where every worker finds them: rows of `shared_state`.

A worker publishes its price list, and its own price file where it has one, before it claims anything, once for each
release and each text. So whoever takes over a claim can price by it, whatever release of genai-prices it has itself.
Guarantee: `publish` returns when it has seen the rows there. Not guaranteed: that an older release can read the
list of a newer one that says prices in a new way; `UnknownPriceVersion` says so then.
"""

import time
from functools import partial
from pathlib import Path

import orjson

from spanpulse_sinks.clickhouse import SinkError, query
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster._folder import cannot_write
from spanpulse_stream.cluster._shared_rows import SharedRow, add_surely, understood
from spanpulse_stream.price import keep_list, keep_overrides, parts_of, text_of

__all__ = ["UsedPrices"]

LIST, TEXT = "price_list/", "price_text/"  # kinds of rows; a release or a digest follows


class UsedPrices:
    """Publishes and fetches. ``archive`` is the folder of this process's prices. Methods raise QueryFailed."""

    def __init__(self, database: ServerDatabase, archive: Path) -> None:
        self._database = database
        self._archive = archive

    def publish(self, version: str, by: str) -> list[str]:
        """Publish what this process has of a version; returns the kinds of the rows that were missing.

        ``by`` is who did it. Raises SinkError where the database does not take a row, or has none.
        """
        release, digest = parts_of(version)
        kinds = {LIST + release: lambda: keep_list(self._archive)}
        if digest is not None:
            kinds[TEXT + digest] = lambda: text_of(version, self._archive)
        missing = [kind for kind in kinds if not self._has(kind)]
        for kind in missing:
            row = SharedRow(kind, time.time_ns() // 1_000_000, kinds[kind](), by)
            add_surely(self._database, row, kind, "the prices of this worker", partial(self._has, kind))
        return missing

    def fetch(self, version: str) -> None:
        """Put what others published of a version into the archive. Raises SinkError where that cannot be written."""
        try:
            self._fetch(version)
        except OSError as error:
            raise SinkError(cannot_write(self._archive.parent, error)) from error

    def _fetch(self, version: str) -> None:
        release, digest = parts_of(version)
        for text in self._texts("kind = {kind:String}", "text", LIST + release):
            keep_list(self._archive, release, text)
        if digest is not None:
            for text in self._texts("kind IN ('prices', {kind:String})", "text", TEXT + digest):
                keep_overrides(text, self._archive)

    def _has(self, kind: str) -> bool:
        return bool(self._texts("kind = {kind:String}", "1", kind))

    def _texts(self, where: str, what: str, kind: str) -> list[str]:
        sql = f"SELECT toString({what}) AS found FROM shared_state WHERE {where} ORDER BY kind, version"  # noqa: S608
        answer = query(self._database, sql, parameters={"kind": kind}, output_format="JSONEachRow")
        with understood("rows of prices"):
            return [str(orjson.loads(line)["found"]) for line in answer.splitlines()]
