"""`make soak`: the long runs. Kills under load, at the rename of a part, fuzzing of the decoder, faults of a cluster.

    python benchmarks/soak.py [random] [renames] [fuzz] [faults] [cluster] [--rounds 30] [--faults 100]

Exits with 1 at the first thing that was lost, doubled or read wrongly. About two hours on two cores.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import soak_cluster
from killing import kill_at_random, kill_at_renames

Kill = Callable[[Path, int, int], tuple[int, int]]
KILLS: dict[str, Kill] = {"random": kill_at_random, "renames": kill_at_renames}


def killed(kill: Kill, rounds: int) -> None:
    """Kill again and again on one data folder, then hold every sum against what was sent."""
    with tempfile.TemporaryDirectory(prefix="spanpulse-soak-") as folder:
        stored, sent = kill(Path(folder), rounds, time.time_ns() % 100_000)
    print(f"{rounds} kills: {stored} requests stored of {sent} sent and acknowledged in the end")
    if stored != sent:
        sys.exit("requests were lost or doubled")


def fuzzed(cpu_seconds: float) -> None:
    """Fuzz the decoder with every bound checked."""
    script = Path(__file__).with_name("fuzz_decode.py")
    command = [sys.executable, str(script), "--cpu-seconds", str(cpu_seconds), "--seed", str(time.time_ns() % 100_000)]
    done = subprocess.run(command, env={**os.environ, "NUMBA_BOUNDSCHECK": "1"}, check=False)
    if done.returncode:
        sys.exit(f"fuzzing ended with {done.returncode}")


def tested() -> None:
    """Run the tests that take minutes each."""
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "long"], check=False)
    if done.returncode:
        sys.exit(f"the long tests ended with {done.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="random, renames, fuzz, faults, cluster (default: all)")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--cpu-seconds", type=float, default=600.0)
    given = parser.parse_args()
    for part in given.parts or [*KILLS, "fuzz", "faults", "cluster"]:
        begun = time.monotonic()
        print(f"\n== {part}", flush=True)
        if part == "fuzz":
            fuzzed(given.cpu_seconds)
        elif part == "faults":
            tested()
        elif part == "cluster":
            soak_cluster.run(given.faults, time.time_ns() % 100_000)
        else:
            killed(KILLS[part], given.rounds)
        print(f"{time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
