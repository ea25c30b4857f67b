"""What is shared last is in force, whatever the clocks say; and only what processes follow can be shared."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clickhouse_running import running_clickhouse
from spanpulse_sinks.clickhouse.server import ServerDatabase
from spanpulse_stream.cluster import Shared, checked_text
from spanpulse_stream.cluster._database import server_config
from spanpulse_stream.cluster._shared_rows import SharedRow
from spanpulse_stream.settings import Settings, SettingsError

HOUR_MS = 3_600_000
NOW_MS = 1_800_000_000_000
LEAKED, KEPT = f"acme:{'a' * 64}\n", f"acme:{'b' * 64}\n"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerDatabase]:
    with running_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        config = server_config(Settings.model_validate({"clickhouse_url": server.url}))
        ServerDatabase.prepare(config)
        opened = ServerDatabase.connect(config)
        yield opened
        opened.close()


def share(database: ServerDatabase, text: str, now_ms: int) -> SharedRow:
    return Shared.add(database, "keys", text, Shared(database).next_version("keys", now_ms))


def test_a_key_is_revoked_although_it_was_shared_by_a_clock_that_is_ahead(database: ServerDatabase) -> None:
    ahead = share(database, LEAKED + KEPT, NOW_MS + HOUR_MS)
    revoked = share(database, KEPT, NOW_MS)
    assert (ahead.version, revoked.version) == (NOW_MS + HOUR_MS, NOW_MS + HOUR_MS + 1)
    assert Shared(database).newest_keys() == revoked
    again = share(database, KEPT, revoked.version)  # two within one millisecond
    assert Shared(database).newest_keys() == again
    assert Shared(database).next_version("prices", NOW_MS) == NOW_MS


@pytest.mark.parametrize("name", ["quota_bytes", "quota_records", "keys_interval"])
def test_what_no_process_follows_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f"{name} = 1\n")
    with pytest.raises(SettingsError, match=f"{name} cannot be shared"):
        checked_text("settings", file)
