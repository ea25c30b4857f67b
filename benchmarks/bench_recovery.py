"""How long the partitions of a killed worker stand still: from its SIGKILL until others have stored what waited then.

    python benchmarks/bench_recovery.py [--rounds 5] [--session SECONDS]

Two workers with the settings' own session timeout share 12 partitions under steady load. One of them is killed; the
clock stops when every partition has committed the offset that was its end at the kill, so what was claimed by the
killed one is replayed within the time. Then it is started again, and the other one is next.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from clickhouse_running import ClickHouse
from cluster_running import Cluster, Role
from cluster_storm import Load
from kafka_running import Kafka
from spanpulse_stream.partitions import TP
from spanpulse_stream.traffic import LoadGenerator

BAR_S = 15.0
WITHIN_S = 120.0
PARTITIONS = 12
STEADY_S = 15.0


def ends(cluster: Cluster) -> dict[TP, int]:
    return {TP(each.topic, each.partition): each.end for each in cluster.lag()}


def stood_still(cluster: Cluster, worker: Role) -> float:
    """Kill a worker; return the seconds until nothing of what waited then waits any more."""
    begun = time.monotonic()
    worker.kill()
    due = ends(cluster)
    while time.monotonic() - begun < WITHIN_S:
        committed = {TP(each.topic, each.partition): each.committed for each in cluster.lag()}
        if all(committed[tp] >= end for tp, end in due.items()):
            return time.monotonic() - begun
        time.sleep(0.1)
    raise RuntimeError(f"not recovered within {WITHIN_S:.0f} s:\n{cluster.outputs()}")


def rounds(cluster: Cluster, count: int) -> list[float]:
    """Kill one worker after the other under load."""
    cluster.init()
    gateway = cluster.role("gateway").start()
    workers = [cluster.role("worker").start() for _ in range(2)]
    load = Load([gateway], LoadGenerator(7), pause=0.2).begin()
    took = []
    try:
        for number in range(count):
            time.sleep(STEADY_S)  # until both have partitions and what waits is little
            took.append(stood_still(cluster, workers[number % 2]))
            print(f"round {number + 1}: {took[-1]:.1f} s", flush=True)
            workers[number % 2].start()
        load.finish()
        cluster.drain()
    finally:
        load.end()
    stored, sent = cluster.one("toInt64(count()) FROM span_rows"), load.acknowledged * load.load.spans_per_request
    assert stored == sent, f"{stored} spans are stored, {sent} were acknowledged"
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--session", type=float, default=6, help="kafka_session_timeout, whose default this is")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spanpulse-bench-") as folder:
        kafka = Kafka.start(Path(folder), heap_mb=512, java_options=())
        server = ClickHouse.start(Path(folder) / "ch", options={"max_server_memory_usage": 4 << 30})
        own = {
            "SPANPULSE_KAFKA_PARTITIONS": str(PARTITIONS),
            "SPANPULSE_KAFKA_SESSION_TIMEOUT": str(given.session),
        }
        try:
            with Cluster(Path(folder), kafka, server, own) as cluster:
                took = rounds(cluster, given.rounds)
        finally:
            server.stop()
            kafka.stop()
    print(f"a killed worker's partitions go on after {statistics.median(took):.1f} s, at most {max(took):.1f} s"
          f" (bar {BAR_S:.0f} s)")  # fmt: skip


if __name__ == "__main__":
    main()
