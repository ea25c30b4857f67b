"""The same traffic to one process and to a cluster: more than 100,000 spans, and nothing may differ.

    python benchmarks/parity.py [--requests 200] [--day 2500]

Sends the corpus, ``requests`` generated requests of 512 spans and a generated day to `spanpulse up` and to a cluster of
a gateway, two workers, real Kafka and the tests' ClickHouse façade. Exits with 1, and shows what differs, where spans
or rollups do; tests/integration/test_cluster_parity.py says what may. A few minutes on two cores.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from clickhouse_running import ClickHouse
from cluster_parity import accounts, both, differences
from kafka_running import Kafka


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200, help="generated requests of 512 spans")
    parser.add_argument("--day", type=int, default=2500, help="requests of the generated day")
    given = parser.parse_args()
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="spanpulse-parity-") as name,
        Kafka.start(Path(name)) as kafka,
        ClickHouse.start(Path(name) / "clickhouse") as clickhouse,
        both(Path(name), kafka, clickhouse, generated=given.requests, day=given.day) as pair,
    ):
        for (tenant, signal), counts in accounts(pair.cluster).items():
            print(f"{tenant} {signal}: {counts}")
        found = differences(pair.one, pair.cluster)
    print(f"{pair.requests} requests, {time.monotonic() - begun:.0f} s: {len(found) or 'no'} differences")
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
