"""How long a start takes: the first one after an install (kernels are compiled), and later ones."""

from pathlib import Path

from running import Running


def measure(folder: Path) -> None:
    """Start with an empty cache of kernels, then again with what that left."""
    cache = folder / "kernels"
    cold = Running(folder, {"NUMBA_CACHE_DIR": str(cache)})
    with cold:
        print(f"first start: {cold.started_in:.1f} s")
        print("  " + cold.output.strip().replace("\n", "\n  "))
    for _ in range(3):
        with cold:
            print(f"later start: {cold.started_in:.1f} s")
