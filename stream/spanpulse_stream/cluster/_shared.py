"""What people set for a whole cluster: prices, API keys and settings, as versioned rows in ClickHouse.

Files are imported by `spanpulse share`; processes ask for the newest rows every few seconds. What a batch depends on
(prices, settings) enters its claim, so a change takes effect between two batches, and a replay uses what was in force.
Not guaranteed: that all processes change at one moment.
"""

import getpass
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import orjson
import pyarrow as pa
from pydantic import ValidationError

from spanpulse_sinks.clickhouse import Database, query
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.gateway import ApiKeys, InvalidKey
from spanpulse_stream.price import check_overrides
from spanpulse_stream.settings import Settings, SettingsError

__all__ = ["KINDS", "SHARED_SETTINGS", "Kind", "Shared", "SharedRow", "checked_text", "settings_under"]

Kind = Literal["prices", "keys", "settings"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SHARED_SETTINGS = ("content", "keep", "window", "max_attributes", "max_depth", "quota_bytes", "quota_records")
"""Settings that may be shared: those that decide what is stored, and what a key may send."""
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SharedRow:
    """One import; ``version`` is ms since 1970."""

    kind: str
    version: int
    text: str
    imported_by: str


class Shared:
    """Reads and writes the rows of one database. Methods raise QueryFailed or ClickHouseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> dict[str, SharedRow]:
        """Return the row of each kind that is in force."""
        return {row.kind: row for row in self._rows("ORDER BY kind, version, text")}

    def all_of(self, kind: Kind) -> list[SharedRow]:
        """Return all rows of a kind, the oldest first."""
        return self._rows(f"WHERE kind = '{kind}' ORDER BY version, text")

    def _rows(self, rest: str) -> list[SharedRow]:
        sql = f"SELECT kind, version, text, imported_by FROM shared_state {rest}"  # noqa: S608 -- our own words
        answer = query(self._database, sql, output_format="JSONEachRow").splitlines()
        found = map(orjson.loads, answer)
        return [SharedRow(row["kind"], int(row["version"]), row["text"], row["imported_by"]) for row in found]

    @staticmethod
    def add(database: ServerDatabase, kind: Kind, text: str, now_ms: int) -> SharedRow:
        """Import a text that `checked_text` has passed; it is in force as soon as processes ask."""
        row = SharedRow(kind, now_ms, text, getpass.getuser())
        columns: dict[str, Any] = {
            "kind": pa.array([row.kind]),
            "version": pa.array([row.version], pa.uint64()),
            "text": pa.array([row.text]),
            "imported_by": pa.array([row.imported_by]),
        }
        database.insert("shared_state", pa.RecordBatch.from_pydict(columns), token=f"shared/{kind}/{now_ms}")
        return row


def checked_text(kind: Kind, file: Path) -> str:
    """Return what is stored of a file. Raises SettingsError, which never shows a key."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(text) > MOST_BYTES:
        raise SettingsError(f"{file}: larger than {MOST_BYTES} bytes")
    match kind:
        case "prices":
            check_overrides(text, file)
            return text
        case "keys":
            return _hashed(text, file)
        case "settings":
            settings_under(Settings.model_validate({}), text, str(file))
            return text


def settings_under(settings: Settings, text: str, where: str) -> Settings:
    """Return settings with those of a shared text (TOML) in the place of their own. Raises SettingsError."""
    try:
        given: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: {error}") from None
    if wrong := sorted(set(given) - set(SHARED_SETTINGS)):
        raise SettingsError(f"{where}: {', '.join(wrong)} cannot be shared; {', '.join(SHARED_SETTINGS)} can")
    try:
        return Settings.model_validate({**settings.model_dump(), **given})
    except ValidationError as error:
        why = "; ".join(f"{each['loc'][0] if each['loc'] else 'settings'}: {each['msg']}" for each in error.errors())
        raise SettingsError(f"{where}: {why}") from None


def _hashed(text: str, file: Path) -> str:
    """Return a file of keys (a line an entry, as in api_keys) with every key hashed."""
    entries = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    try:
        keys = ApiKeys.parse(entries)
    except InvalidKey as error:
        raise SettingsError(f"{file}: {error}") from None
    return "".join(f"{tenant}:{digest.hex()}\n" for tenant, digest in keys.entries)
