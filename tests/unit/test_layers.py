"""Imports only run in the allowed direction, and the thin package imports nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {
    "instrumentation/spanpulse": set(),
    "sinks/spanpulse_sinks": set(),
    "stream/spanpulse_stream": {"spanpulse_sinks"},
    "dashboards/spanpulse_dashboards": {"spanpulse_sinks", "spanpulse_stream"},
}
EVERY_ROOM = {Path(room).name for room in ROOMS}
PURE = ("decode", "normalise", "usage", "price", "rollup", "rows")
EDGES = {"faust", "mode", "aiokafka", "sqlite3", "clickhouse_connect", "chdb", "starlette", "uvicorn", "httpx"}


def imported(file: Path) -> set[str]:
    """Return the top-level names that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files
    own = Path(room).name
    for file in files:
        wrong = (imported(file) & EVERY_ROOM) - ROOMS[room] - {own}
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"


def test_no_absolute_import_leaves_a_file_outside_a_room() -> None:
    assert not [file.name for file in ROOT.rglob("utils.py") if ".venv" not in file.parts]


@pytest.mark.parametrize("step", PURE)
def test_the_steps_know_no_edge(step: str) -> None:
    for file in (ROOT / "stream/spanpulse_stream" / step).rglob("*.py"):
        assert not imported(file) & EDGES, file.relative_to(ROOT)


def test_the_thin_package_imports_nothing_heavy() -> None:
    code = "import sys, spanpulse, spanpulse._cli; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "spanpulse" in loaded
    assert not loaded & (EDGES | {"numpy", "numba", "pyarrow", "pydantic", "typer"})
