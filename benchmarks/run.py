"""`make bench`: the figures of benchmarks/RESULTS.md, each measured on a real `spanpulse up` on this machine.

    python benchmarks/run.py [start] [ingest] [peak] [flat] [disk] [queries] [import] [idle] [pages] [live] [wrapper]

Load comes from a process of its own on the same machine, over loopback, bounded in rate and time.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import _disk
import _ingest
import _overview
import _pages
import _start
import _wrapper
import bench_import

PARTS: dict[str, Callable[[Path], None]] = {
    "start": _start.measure,
    "ingest": _ingest.measure,
    "peak": _ingest.measure_peak,
    "flat": _ingest.measure_flat,
    "disk": _disk.measure,
    "queries": _overview.measure,
    "import": bench_import.measure,
    "idle": _pages.measure_idle,
    "pages": _pages.measure,
    "live": _pages.measure_live,
    "wrapper": _wrapper.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which figures (default: all)")
    for name in parser.parse_args().parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="spanpulse-bench-") as folder:
            print(f"\n== {name}", flush=True)
            PARTS[name](Path(folder))


if __name__ == "__main__":
    main()
