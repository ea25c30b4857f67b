"""Mutate real exports and compare what we decode with what protobuf reads; exit 1 on the first differences.

    python benchmarks/fuzz_decode.py --cpu-seconds 600 [--seed 1] [--out findings]

A finding is a wrong value, a broken piece that was accepted, a readable one that was rejected, or an exception. Its
body is written to ``--out`` with the seed of its case. A crash of the process is a finding of whoever started it:
the last seed is printed every few seconds. With NUMBA_BOUNDSCHECK=1 every load is checked as well.
"""

import argparse
import random
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from oracle import assert_equal, corpus_bodies, mutate

MOST_FINDINGS = 20


def case(seed: int, pool: dict[str, list[bytes]]) -> tuple[str, list[bytes]]:
    """Return the signal and the bodies of one case; they depend on the seed alone."""
    rng = random.Random(seed)
    signal = rng.choice(["traces", "traces", "logs"])
    bodies = [mutate(rng.choice(pool[signal]), rng, rng.choice([1, 1, 2, 4, 12])) for _ in range(rng.randint(1, 3))]
    return signal, bodies


def smallest(pool: list[bytes]) -> list[bytes]:
    """Small exports make many cases a second; a few large ones stay."""
    ordered = sorted(set(pool), key=len)
    return ordered[: len(ordered) * 3 // 4] + ordered[-2:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu-seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1, help="of the first case; each next case has the next seed")
    parser.add_argument("--out", type=Path, default=None, help="folder for the bodies of findings")
    options = parser.parse_args()
    pool = {signal: smallest([body for _, body in corpus_bodies(signal)]) for signal in ("traces", "logs")}
    seed, cases, rejected, findings, shown = options.seed, 0, 0, 0, time.monotonic()
    while time.process_time() < options.cpu_seconds and findings < MOST_FINDINGS:
        signal, bodies = case(seed, pool)
        try:
            rejected += assert_equal(bodies, signal)
        except Exception:  # noqa: BLE001 whatever is raised is a finding
            findings += 1
            print(f"finding at seed {seed} ({signal}):\n{traceback.format_exc()[-1500:]}", flush=True)
            save(options.out, seed, bodies)
        seed, cases = seed + 1, cases + 1
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            print(f"{cases} cases, {rejected} pieces rejected, {findings} findings, next seed {seed}", flush=True)
    spent = time.process_time()
    print(f"{cases} cases in {spent:.0f} CPU-seconds, {rejected} pieces rejected, {findings} findings")
    return 1 if findings else 0


def save(folder: Path | None, seed: int, bodies: list[bytes]) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for index, body in enumerate(bodies):
            (folder / f"{seed}-{index}.bin").write_bytes(body)


if __name__ == "__main__":
    sys.exit(main())
