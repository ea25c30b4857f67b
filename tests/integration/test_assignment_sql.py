"""ClickHouse computes the same by the SQL of docs/assignment.md as both rooms do."""

import json
import subprocess
import sys
from pathlib import Path

from assignment_vectors import APPLICATION, VECTORS

SCRIPT = Path(__file__).parents[1] / "assignment_sql.py"


def test_the_sql_of_the_page_gives_what_the_vectors_say(tmp_path: Path) -> None:
    pairs = [(each["salt"], each["user"]) for each in VECTORS["points"] if each["user"]]
    given = json.dumps([[part.encode("utf-8", "replace").hex() for part in pair] for pair in pairs])
    command = [sys.executable, str(SCRIPT), str(tmp_path)]
    printed = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=120).stdout
    users = [user for _, user in pairs]
    expected = zip(
        (each["point"] for each in VECTORS["points"]),
        (int(str(each), 16) for each in APPLICATION.hashes(users)),
        APPLICATION.buckets(users),
        (APPLICATION.variants(salt, [user], {"a": 90, "b": 10})[0] for salt, user in pairs),
        strict=True,
    )
    assert json.loads(printed) == [list(each) for each in expected]
