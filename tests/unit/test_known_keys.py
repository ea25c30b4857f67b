"""The shared API keys as a text, and the file in which a gateway keeps those that it knew last."""

import json
import stat
from pathlib import Path

import pytest

from spanpulse_stream.cluster import _shared
from spanpulse_stream.cluster._known_keys import FILE, NOTHING_SHARED, KeysFile, KnownKeys
from spanpulse_stream.cluster._shared import MOST_KEYS, MOST_KEYS_BYTES, checked_text, hashed, keys_of
from spanpulse_stream.cluster._shared_rows import SharedRow
from spanpulse_stream.gateway import InvalidKey
from spanpulse_stream.settings import Settings, SettingsError

KEY = "0123456789abcdef0123"
KNOWN = KnownKeys(7, keys_of(f"acme:plain:{KEY}\nother:{'0' * 64}\n"))


def settings(folder: Path, **others: str) -> Settings:
    return Settings.model_validate({"data": folder / "data", "clickhouse_url": "http://clickhouse:8123", **others})


def test_a_text_has_comments_and_empty_lines():
    keys = keys_of(f"# people\n\n  acme:plain:{KEY}  \n")
    assert keys.tenant([(b"x-api-key", KEY.encode())]) == "acme"
    assert keys_of(hashed(keys)) == keys
    assert KEY not in hashed(keys)


@pytest.mark.parametrize("text", ["", "# nobody\n", "\n" * 10, "x" * (MOST_KEYS_BYTES + 1), "é" * MOST_KEYS_BYTES])
def test_a_text_without_a_key_or_too_large_is_refused(text):
    with pytest.raises(InvalidKey):
        keys_of(text)


def test_the_number_of_keys_has_a_bound(monkeypatch):
    longest = f"{'t' * 64}:{'0' * 64}\n"
    assert len(longest) * MOST_KEYS < MOST_KEYS_BYTES
    monkeypatch.setattr(_shared, "MOST_KEYS", 2)
    keys_of(longest * 2)
    with pytest.raises(InvalidKey, match="3 keys, where there may be 1 to 2"):
        keys_of(longest * 3)


def test_a_file_without_a_key_cannot_be_shared(tmp_path):
    file = tmp_path / "keys"
    file.write_text("# nobody yet\n")
    with pytest.raises(SettingsError, match="0 keys"):
        checked_text("keys", file)


def test_who_shares_is_named_even_without_a_name(monkeypatch):
    assert _shared._person()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 65532)
    assert _shared._person() == "uid 65532"


def test_a_row_does_not_show_its_keys():
    row = SharedRow("keys", 7, hashed(KNOWN.keys or keys_of("")), "somebody")
    assert "0000" not in repr(row)
    assert KnownKeys.of(row) == KNOWN
    assert KnownKeys.of(None) == NOTHING_SHARED


@pytest.mark.parametrize("known", [KNOWN, NOTHING_SHARED])
def test_what_is_kept_is_there_at_the_next_start(tmp_path, known):
    KeysFile(settings(tmp_path)).store(known)
    assert KeysFile(settings(tmp_path)).load() == known
    path = tmp_path / "data" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not stat.S_IMODE(path.parent.stat().st_mode) & 0o077
    assert KEY not in path.read_text("utf-8")


@pytest.mark.parametrize("other", [{"clickhouse_url": "http://elsewhere:8123"}, {"clickhouse_database": "other"}])
def test_the_file_of_another_database_is_not_used(tmp_path, other):
    KeysFile(settings(tmp_path)).store(KNOWN)
    assert KeysFile(settings(tmp_path, **other)).load() is None


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text[:-20],
        lambda text: "",
        lambda text: "[]",
        lambda text: "null",
        lambda text: "\x00" * 100,
        lambda text: json.dumps({**json.loads(text), "version": "seven"}),
        lambda text: json.dumps({**json.loads(text), "version": None}),
        lambda text: json.dumps({**json.loads(text), "keys": "acme:wrong"}),
        lambda text: json.dumps({**json.loads(text), "keys": 5}),
        lambda text: json.dumps({"server": json.loads(text)["server"]}),
    ],
)
def test_a_file_that_cannot_be_read_is_none(tmp_path, caplog, changed):
    file = KeysFile(settings(tmp_path))
    file.store(KNOWN)
    path = tmp_path / "data" / FILE
    path.write_text(changed(path.read_text("utf-8")))
    assert file.load() is None
    assert "cannot be used" in caplog.text
    assert "wrong" not in caplog.text


def test_where_nothing_can_be_kept_nothing_older_is(tmp_path):
    file = KeysFile(settings(tmp_path))
    file.store(KNOWN)
    beside = tmp_path / "data" / FILE.with_name("keys.json.new")
    beside.mkdir()  # where the new file would be written
    with pytest.raises(OSError, match="Is a directory"):
        file.store(NOTHING_SHARED)
    assert file.load() is None
