"""What people set for a whole cluster: prices, API keys and settings, as versioned rows in ClickHouse.

Files are imported by `spanpulse share`; processes ask for the newest rows every few seconds. What a batch depends on
(prices, settings) enters its claim, so a change takes effect between two batches, and a replay uses what was in force.
Not guaranteed: that all processes change at one moment.
"""

import getpass
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import orjson
from pydantic import ValidationError

from spanpulse_sinks.clickhouse import Database, query
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster._shared_rows import SharedRow, add_row, understood
from spanpulse_stream.gateway import ApiKeys, InvalidKey
from spanpulse_stream.price import check_overrides
from spanpulse_stream.settings import Settings, SettingsError

__all__ = [
    "KINDS",
    "MOST_KEYS_BYTES",
    "SHARED_SETTINGS",
    "Kind",
    "Shared",
    "checked_text",
    "hashed",
    "keys_of",
    "settings_under",
]

Kind = Literal["prices", "keys", "settings"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SHARED_SETTINGS = ("content", "keep", "window", "max_attributes", "max_depth")
"""Settings that may be shared: those that decide what is stored. Gateways follow none: no quota is among them."""
MOST_BYTES = 4 * 1024 * 1024
MOST_KEYS = 10_000  # each request is held against all of them: a millisecond
MOST_KEYS_BYTES = 2 * 1024 * 1024  # of that many with the longest names of tenants


class Shared:
    """Reads and writes the rows of one database. Methods raise QueryFailed or ClickHouseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> dict[str, SharedRow]:
        """Return the row of each kind that is in force."""
        newest = f"WHERE kind IN {KINDS} ORDER BY kind, version DESC, text DESC LIMIT 1 BY kind"
        return {row.kind: row for row in self._rows(newest)}

    def newest_keys(self, *, sequential: bool = False) -> SharedRow | None:
        """Return the row of keys that is in force, cut behind MOST_KEYS_BYTES; None where there is none.

        ``sequential`` has a replica that lacks acknowledged rows refuse: it might name keys that were revoked. The
        answer has one line whatever is stored, so that an empty one of somebody between is none. Raises QueryFailed.
        """
        sql = (
            "SELECT count() AS found, max(version) AS newest,"  # noqa: S608 -- our own words
            f" substring(argMax(text, (version, text)), 1, {MOST_KEYS_BYTES + 1}) AS keys,"
            " argMax(imported_by, (version, text)) AS by"
            f" FROM shared_state WHERE kind = 'keys' SETTINGS select_sequential_consistency = {int(sequential)}"
        )
        answer = query(self._database, sql, output_format="JSONEachRow")
        with understood("one row of shared keys"):
            row = orjson.loads(answer)
            newest = SharedRow("keys", int(row["newest"]), str(row["keys"]), str(row["by"]))
            return newest if int(row["found"]) else None

    def next_version(self, kind: Kind, now_ms: int) -> int:
        """Return a version above all that there are: ``now_ms``, or one more than the newest row has.

        Who shared that may have had a clock that is ahead, and a key that is revoked now would be let in until this
        clock has caught up. Not for two who share in one moment.
        """
        sql = f"SELECT max(version) AS newest FROM shared_state WHERE kind = '{kind}'"  # noqa: S608 -- our own words
        answer = query(self._database, sql, output_format="JSONEachRow")
        with understood("a version"):
            return max(now_ms, int(orjson.loads(answer)["newest"]) + 1)

    def _rows(self, rest: str) -> list[SharedRow]:
        sql = f"SELECT kind, version, text, imported_by FROM shared_state {rest}"  # noqa: S608 -- our own words
        answer = query(self._database, sql, output_format="JSONEachRow")
        with understood("rows of what is shared"):
            return [_row(orjson.loads(line)) for line in answer.splitlines()]

    @staticmethod
    def add(database: ServerDatabase, kind: Kind, text: str, version: int) -> SharedRow:
        """Import a text that `checked_text` has passed, as `next_version`; in force as soon as processes ask."""
        row = SharedRow(kind, version, text, _person())
        add_row(database, row, f"{kind}/{version}")
        return row


def _row(found: Mapping[str, Any]) -> SharedRow:
    return SharedRow(str(found["kind"]), int(found["version"]), str(found["text"]), str(found["imported_by"]))


def _person() -> str:
    """Return who runs this command; a container's user often has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


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


def keys_of(text: str) -> ApiKeys:
    """Return the keys of a text: a line an entry, as in api_keys. Raises InvalidKey, which never shows one.

    A text without any is refused: no keys would mean that everybody may send.
    """
    if len(text.encode()) > MOST_KEYS_BYTES:
        raise InvalidKey(f"larger than {MOST_KEYS_BYTES} bytes")
    entries = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not 0 < len(entries) <= MOST_KEYS:
        raise InvalidKey(f"{len(entries)} keys, where there may be 1 to {MOST_KEYS}")
    return ApiKeys.parse(entries)


def hashed(keys: ApiKeys) -> str:
    """Return keys as they are stored: a line an entry, every key as its SHA-256."""
    return "".join(f"{tenant}:{digest.hex()}\n" for tenant, digest in keys.entries)


def _hashed(text: str, file: Path) -> str:
    """Return a file of keys with every key hashed."""
    try:
        return hashed(keys_of(text))
    except InvalidKey as error:
        raise SettingsError(f"{file}: {error}") from None
