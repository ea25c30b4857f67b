"""Backups made by hand: a manifest over a few small files, one of them a log that can be opened."""

import hashlib
import tempfile
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from spanpulse_sinks.clickhouse import schema_version
from spanpulse_stream.log import newest_log_version
from spanpulse_stream.log._schema import prepare
from spanpulse_stream.maintenance import Manifest
from spanpulse_stream.maintenance._backup_manifest import Kept

LOG = "log/log.sqlite3"


def make(folder: Path, files: Mapping[str, bytes], **told: Any) -> Manifest:
    """Make a backup of ``files`` (path in the data folder -> content) and a log; one that is there is replaced."""
    folder.mkdir(exist_ok=True)
    kept = {}
    for path, content in {**files, LOG: a_log()}.items():
        at = f"state-1/{path}"
        (folder / at).parent.mkdir(parents=True, exist_ok=True)
        (folder / at).write_bytes(content)
        kept[path] = Kept(at, len(content), hashlib.sha256(content).hexdigest())
    fields: dict[str, Any] = {
        "program": "9.9",
        "schema": schema_version(),
        "log": newest_log_version(),
        "made_at": "2026-11-20T12:00:00+00:00",
        "generation": 1,
        "folders": ("database/store",),
        "links": {},
        "files": kept,
    }
    manifest = Manifest(**(fields | told))
    manifest.write(folder)
    return manifest


@cache
def a_log() -> bytes:
    """Return the bytes of an empty log, the same each time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.sqlite3"
        with closing(prepare(path, 1)) as log:
            log.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            log.execute("PRAGMA journal_mode = DELETE")
        return path.read_bytes()
