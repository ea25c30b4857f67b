"""A database that the engine cannot read is refused in one line that says what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

OPEN = """
import sys
from pathlib import Path
from spanpulse_sinks.clickhouse import EmbeddedDatabase, SinkError
try:
    EmbeddedDatabase.open(Path(sys.argv[1])).close()
except SinkError as error:
    print(error)
"""


def opened(folder: Path) -> str:
    """Open and close in a process of its own; return what was refused."""
    command = [sys.executable, "-c", OPEN, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("pattern", ["metadata/spanpulse.sql", "store/*/*/span_rows.sql", "store/*/*/migrations.sql"])
def test_broken_metadata_is_a_sink_error(tmp_path: Path, pattern: str) -> None:
    folder = tmp_path / "database"
    assert opened(folder) == ""
    (broken,) = (folder / "store").glob(pattern)
    broken.write_text("garbage")
    (line,) = opened(folder).splitlines()
    assert line.startswith(f"the database in {folder} cannot be read: move this folder away and start again")
    folder.rename(tmp_path / "away")
    assert opened(folder) == ""
