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
STREAM = ROOT / "stream/spanpulse_stream"
FOLDERS = (
    *("log", "observe", "settings", "control"),
    *("assignment", "decode", "normalise", "usage", "price", "rollup", "rows", "decisions"),
    *("kafka", "transport", "gateway", "importing", "pipeline", "deltas", "letters"),
    *("maintenance", "process", "embedded", "cluster", "traffic", "commands"),
)
"""From the lowest to the highest."""
WRAPPER = ROOT / "instrumentation/spanpulse"
WRAPPERS = (
    *(
        "_version",
        "_log",
        "_settings",
        "_personal",
        "_privacy",
        "_events",
        "_recent",
        "_imports",
        "_ends",
        "_background",
        "_shapes",
        "_calls",
    ),
    *("_metrics", "_telling", "_export", "_state", "_context", "_sampling", "_processor", "_own"),
    *("_steps", "_scores", "_experiments", "_guard", "checks", "_clients", "_instrument", "_auto", "_commands", "_cli"),
)
"""Modules and folders of the wrapper, from the lowest to the highest."""
PURE = ("assignment", "decode", "normalise", "usage", "price", "rollup", "rows")
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


def parts_imported(file: Path) -> set[str]:
    """Return the folders and modules of the stream that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == STREAM.name:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{STREAM.name}."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            names = (alias.name.split(".") for alias in node.names)
            found |= {name[1] for name in names if name[0] == STREAM.name and len(name) > 1}
    return found


def test_every_folder_of_the_stream_has_its_place() -> None:
    assert {file.parent.name for file in STREAM.glob("*/__init__.py")} == set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_the_stream_imports_only_folders_below_it(folder: str) -> None:
    above = set(FOLDERS[FOLDERS.index(folder) + 1 :])
    for file in (STREAM / folder).rglob("*.py"):
        wrong = parts_imported(file) & above
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"


def test_what_folders_share_imports_none_of_them() -> None:
    for file in STREAM.glob("*.py"):
        assert not parts_imported(file) & set(FOLDERS), file.relative_to(ROOT)


def test_every_part_of_the_wrapper_has_its_place() -> None:
    parts = {file.stem for file in WRAPPER.glob("*.py")} | {file.parent.name for file in WRAPPER.glob("*/__init__.py")}
    assert parts - {"__init__", "__main__"} == set(WRAPPERS)


@pytest.mark.parametrize("part", WRAPPERS)
def test_a_part_of_the_wrapper_imports_only_parts_below_it(part: str) -> None:
    above = set(WRAPPERS[WRAPPERS.index(part) + 1 :])
    files = [*(WRAPPER / part).rglob("*.py"), *WRAPPER.glob(f"{part}.py")]
    assert files
    for file in files:
        wrong = {name.partition(".")[0] for name in wrapper_imports(file)} & above
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"


def wrapper_imports(file: Path) -> set[str]:
    """Return what a file imports of the wrapper, without the package's name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == WRAPPER.name:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{WRAPPER.name}."):
            found.add(str(node.module).removeprefix(f"{WRAPPER.name}."))
    return found


@pytest.mark.parametrize("step", PURE)
def test_the_steps_know_no_edge(step: str) -> None:
    for file in (STREAM / step).rglob("*.py"):
        assert not imported(file) & EDGES, file.relative_to(ROOT)


def test_the_thin_package_imports_nothing_heavy() -> None:
    code = "import sys, spanpulse, spanpulse._cli; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "spanpulse" in loaded
    assert not loaded & (EDGES | {"numpy", "numba", "pyarrow", "pydantic", "typer"})
