"""A cluster under load while one thing after another goes wrong at random; then everything is counted and audited.

    python benchmarks/soak_cluster.py [--rounds 100] [--seed N] [--every 5] [--pause 0.3]

Two gateways, two workers and a dashboard around real Kafka and the tests' ClickHouse façade. Every so many faults the
load rests until all of it is stored; then each request that was acknowledged since the start must be there once, in the
spans and in every rollup, and `spanpulse audit` must find nothing. With 30 rounds or more Kafka is away for a minute
once, and ClickHouse for five. Prints a table; exits with 1 at the first loss, with the seed to repeat it by.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from clickhouse_running import ClickHouse
from cluster_running import Cluster
from cluster_storm import FAULTS, LONG, Fault, Load, Storm
from kafka_running import Kafka
from spanpulse_stream.traffic import LoadGenerator
from sums import check

LONG_FROM = 30
GATEWAYS, WORKERS, DASHBOARDS = 2, 2, 1


def planned(rounds: int, chance: random.Random) -> list[Fault]:
    """Return the faults of a run in their order: each as often as the others, and the long ones once."""
    faults = [FAULTS[number % len(FAULTS)] for number in range(rounds)]
    if rounds >= LONG_FROM:
        faults[: len(LONG)] = LONG
    chance.shuffle(faults)
    return faults


def storm_through(cluster: Cluster, faults: list[Fault], seed: int, every: int, pause: float) -> None:
    """Let all faults happen. Raises AssertionError for a loss."""
    storm = Storm.of(cluster, gateways=GATEWAYS, workers=WORKERS, dashboards=DASHBOARDS)
    chance, acknowledged = random.Random(seed), 0
    refused: Counter[str] = Counter()
    print(f"{'fault':32} {'s':>6} {'acknowledged':>12} {'refused':>8} {'no answer':>9} {'stored':>8} {'audit':>6}")
    for first in range(0, len(faults), every):
        load = Load(storm.gateways, LoadGenerator(seed + first), pause).begin()
        try:
            for fault in faults[first : first + every]:
                begun, before = time.monotonic(), Counter(storm.happened)
                storm.do(fault, chance)
                (name,) = Counter(storm.happened) - before
                print(f"{name:32} {time.monotonic() - begun:6.1f} {acknowledged + load.acknowledged:12}", flush=True)
            load.finish(600)
        finally:
            load.end()
        acknowledged += load.acknowledged
        refused.update({"refused": load.refused, "lost": load.lost})
        stored, audit = counted(storm, load, acknowledged)
        shown = (f"{acknowledged:12} {refused['refused']:8} {refused['lost']:9}", f"{stored:8} {audit:>6}")
        print(f"{'= counted':39} {shown[0]} {shown[1]}", flush=True)
    print("\nfaults")
    for name, times in sorted(storm.happened.items()):
        print(f"  {name:32} {times:4}")


def counted(storm: Storm, load: Load, acknowledged: int) -> tuple[int, str]:
    """Return the requests that are stored, and what the audit says. Raises AssertionError for a loss."""
    for role in storm.roles:
        if not role.running:
            role.start()
    storm.cluster.drain(900)
    stored = check(storm.cluster, load.load, acknowledged, acknowledged)
    report = storm.audit()
    assert report.returncode == 0, report.stdout + report.stderr
    return stored, "whole"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    parser.add_argument("--every", type=int, default=5, help="faults between two counts")
    parser.add_argument("--pause", type=float, default=0.3, help="seconds that each of three senders rests")
    given = parser.parse_args()
    run(given.rounds, given.seed, given.every, given.pause)


def run(rounds: int, seed: int, every: int = 5, pause: float = 0.3) -> None:
    """Run, and exit with 1 at a loss."""
    faults = planned(rounds, random.Random(seed))
    print(f"{rounds} faults, seed {seed}", flush=True)
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="spanpulse-soak-") as name,
        Kafka.start(Path(name)) as kafka,
        ClickHouse.start(Path(name) / "clickhouse", options={"max_server_memory_usage": 4 << 30}) as clickhouse,
        Cluster(Path(name), kafka, clickhouse) as cluster,
    ):
        try:
            storm_through(cluster, faults, seed, every, pause)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the seed and the logs are what helps
            print(cluster.outputs(), file=sys.stderr)
            sys.exit(f"seed {seed}: {type(error).__name__}: {error}")
    print(f"{time.monotonic() - begun:.0f} s: everything acknowledged is there once")


if __name__ == "__main__":
    main()
