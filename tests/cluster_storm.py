"""Load on a cluster, and what goes wrong meanwhile: every process killed, frozen, stopped; Kafka and ClickHouse away.

A request that is not answered with 200 is sent again, byte by byte the same, as an SDK would, to whichever gateway
lives. In the end every request was acknowledged, and each of its spans must be there once, in the span table and in the
sums of every rollup; and `spanpulse audit` must find nothing.
"""

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from cluster_running import Cluster, Role
from spanpulse_stream.traffic import LoadGenerator
from sums import check

CONNECTIONS = 3
PAUSE_S = 0.05
TIMEOUT_S = 20.0
PROTOBUF = {"content-type": "application/x-protobuf"}


@dataclass
class Load:
    """Requests to the gateways of a cluster, from several connections, until `finish`."""

    gateways: list[Role]
    load: LoadGenerator
    pause: float = PAUSE_S
    acknowledged: int = 0
    refused: int = 0
    lost: int = 0
    _sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    """Seconds of the slowest answer."""
    _gave_up: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> "Load":
        """Send from now on."""
        for number in range(CONNECTIONS):
            self._threads.append(threading.Thread(target=self._send_all, args=(random.Random(number),), daemon=True))
            self._threads[-1].start()
        return self

    def finish(self, within: float = 180) -> int:
        """Send nothing new, wait until all was acknowledged, and return how many requests that were."""
        self._over.set()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
            assert not thread.is_alive(), "a request is not acknowledged"
        return self.acknowledged

    def end(self) -> None:
        """Send nothing more, acknowledged or not: for tests that have failed."""
        self._over.set()
        self._gave_up.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S + 10)

    def _send_all(self, chance: random.Random) -> None:
        with httpx.Client(timeout=TIMEOUT_S) as client:
            while not self._over.is_set():
                with self._lock:
                    body = self.load.request(time.time_ns())
                while not self._sent_once(client, chance, body) and not self._gave_up.is_set():
                    time.sleep(0.1)
                time.sleep(self.pause)

    def _sent_once(self, client: httpx.Client, chance: random.Random, body: bytes) -> bool:
        alive = [each for each in self.gateways if each.running and each.addresses]
        if not alive:
            return False
        try:
            answer = client.post(f"{chance.choice(alive).otlp}/v1/traces", content=body, headers=PROTOBUF)
        except httpx.TransportError:
            self.lost += 1
            return False
        with self._lock:
            self.statuses[answer.status_code] += 1
            self.slowest = max(self.slowest, answer.elapsed.total_seconds())
            self.acknowledged += answer.status_code == httpx.codes.OK
            self.refused += answer.status_code != httpx.codes.OK
        return answer.status_code == httpx.codes.OK


Fault = Callable[["Storm", random.Random], str]


@dataclass
class Storm:
    """A cluster with its roles; faults are methods of this module below."""

    cluster: Cluster
    gateways: list[Role]
    workers: list[Role]
    dashboards: list[Role] = field(default_factory=list)
    happened: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, cluster: Cluster, *, gateways: int = 1, workers: int = 2, dashboards: int = 0) -> "Storm":
        """Make the roles and start them."""
        cluster.init()
        made = cls(
            cluster,
            [cluster.role("gateway") for _ in range(gateways)],
            [cluster.role("worker") for _ in range(workers)],
            [cluster.role("dashboard") for _ in range(dashboards)],
        )
        for role in made.roles:
            role.start(wait=False)
        for role in made.roles:
            role.wait_ready()
        return made

    @property
    def roles(self) -> list[Role]:
        """All of them."""
        return [*self.gateways, *self.workers, *self.dashboards]

    def do(self, fault: Fault, chance: random.Random) -> None:
        """Let one thing go wrong, and mend it."""
        name = fault(self, chance)
        self.happened[name] = self.happened.get(name, 0) + 1

    def whole(self, load: Load) -> int:
        """Assert that everything acknowledged is there once; returns the requests."""
        sent = load.finish()
        for role in self.roles:
            if not role.running:
                role.start()
        self.cluster.drain()
        found = check(self.cluster, load.load, sent, sent)
        report = self.audit()
        assert report.returncode == 0, report.stdout + report.stderr
        return found

    def audit(self) -> "subprocess.CompletedProcess[str]":
        """Run `spanpulse audit`."""
        command = [sys.executable, "-m", "spanpulse", "audit"]
        return subprocess.run(
            command,
            env=self.cluster.environ,
            cwd=self.cluster.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def kill_a_worker(storm: Storm, chance: random.Random) -> str:
    """SIGKILL, and a start some time later."""
    role = chance.choice(storm.workers)
    role.kill()
    time.sleep(chance.uniform(0, 3))
    role.start()
    return "worker killed"


def kill_a_gateway(storm: Storm, chance: random.Random) -> str:
    """SIGKILL, and a start at once."""
    role = chance.choice(storm.gateways)
    role.kill()
    role.start()
    return "gateway killed"


def kill_a_dashboard(storm: Storm, chance: random.Random) -> str:
    """SIGKILL, and a start at once."""
    role = chance.choice(storm.dashboards)
    role.kill()
    role.start()
    return "dashboard killed"


def stop_a_worker(storm: Storm, chance: random.Random) -> str:
    """SIGTERM; it must end in order."""
    role = chance.choice(storm.workers)
    assert role.stop() == 0, role.output[-3000:]
    role.start()
    return "worker stopped"


def freeze_a_worker(storm: Storm, chance: random.Random, seconds: tuple[float, float] = (8, 12)) -> str:
    """SIGSTOP for longer than the session timeout, then SIGCONT: it may write what it had claimed."""
    role = chance.choice(storm.workers)
    role.freeze()
    time.sleep(chance.uniform(*seconds))
    role.thaw()
    _until_it_lives(role)
    return "worker frozen"


def kill_the_broker(storm: Storm, chance: random.Random) -> str:
    """SIGKILL of a broker, and a start of it."""
    storm.cluster.kafka.kill(0)
    time.sleep(chance.uniform(0, 2))
    storm.cluster.kafka.start_broker(0)
    storm.cluster.kafka.wait_until_up()
    return "broker killed"


def take_clickhouse_away(storm: Storm, chance: random.Random) -> str:
    """Nobody listens for a while."""
    storm.cluster.clickhouse.faults.refuse(drop=True)
    time.sleep(chance.uniform(2, 6))
    storm.cluster.clickhouse.faults.open()
    return "ClickHouse away"


def kill_clickhouse(storm: Storm, chance: random.Random) -> str:
    """SIGKILL in the middle of writing, and a start."""
    storm.cluster.clickhouse.kill()
    time.sleep(chance.uniform(0, 2))
    storm.cluster.clickhouse.restart()
    return "ClickHouse killed"


WRONG: dict[str, dict[str, Any]] = {
    "answers lost": {"action": "drop_after"},
    "requests lost": {"action": "drop_before"},
    "ok without a write": {"action": "lie", "summary": False},
    "errors 500": {"action": "error_500"},
    "answers cut": {"action": "half"},
    "connections reset": {"action": "reset"},
    "read only": {"action": "code", "code": 164},
    "too many parts": {"action": "code", "code": 252},
    "memory limit": {"action": "code", "code": 241},
}


def have_clickhouse_go_wrong(storm: Storm, chance: random.Random) -> str:
    """A third of all inserts goes wrong for some seconds."""
    name = chance.choice(sorted(WRONG))
    rule = storm.cluster.clickhouse.faults.add(
        kind="insert", probability=0.3, seed=chance.randrange(1000), **WRONG[name]
    )
    time.sleep(chance.uniform(2, 4))
    rule.remove()
    return name


def _until_it_lives(role: Role) -> None:
    """A worker that slept may end by itself, as it should; then it is started."""
    deadline = time.monotonic() + 5
    while role.running and time.monotonic() < deadline:
        time.sleep(0.2)
    if not role.running:
        role.start()


def stop_a_gateway(storm: Storm, chance: random.Random) -> str:
    """SIGTERM; it must end in order."""
    role = chance.choice(storm.gateways)
    assert role.stop() == 0, role.output[-3000:]
    role.start()
    return "gateway stopped"


def add_a_worker(storm: Storm, chance: random.Random) -> str:
    """One more for some seconds; it must end in order."""
    role = storm.cluster.role("worker").start()
    time.sleep(chance.uniform(1, 5))
    assert role.stop() == 0, role.output[-3000:]
    return "worker added and removed"


def kill_all_workers(storm: Storm, chance: random.Random) -> str:
    """SIGKILL of every worker at once."""
    for role in storm.workers:
        role.kill()
    time.sleep(chance.uniform(0, 2))
    for role in storm.workers:
        role.start(wait=False)
    for role in storm.workers:
        role.wait_ready()
    return "all workers killed"


def freeze_the_broker(storm: Storm, chance: random.Random, seconds: tuple[float, float] = (5, 12)) -> str:
    """SIGSTOP of the only broker, then SIGCONT."""
    storm.cluster.kafka.freeze(0)
    time.sleep(chance.uniform(*seconds))
    storm.cluster.kafka.thaw(0)
    storm.cluster.kafka.wait_until_up()
    return "broker frozen"


def lose_kafka_for_a_minute(storm: Storm, chance: random.Random) -> str:
    """The same for 60 s."""
    freeze_the_broker(storm, chance, (60, 60))
    return "Kafka away for 60 s"


def freeze_clickhouse(storm: Storm, chance: random.Random) -> str:
    """SIGSTOP of the server: connections are taken and nothing answers."""
    storm.cluster.clickhouse.freeze()
    time.sleep(chance.uniform(2, 8))
    storm.cluster.clickhouse.thaw()
    return "ClickHouse frozen"


def lose_clickhouse_for_minutes(storm: Storm, _chance: random.Random) -> str:
    """Nobody listens for five minutes."""
    storm.cluster.clickhouse.faults.refuse(drop=True)
    time.sleep(300)
    storm.cluster.clickhouse.faults.open()
    return "ClickHouse away for 300 s"


def hold_an_insert_of_a_zombie(storm: Storm, chance: random.Random) -> str:
    """Every worker that has an insert under way sleeps; what was under way arrives when others have gone on."""
    table = chance.choice(["span_rows", "rollup_service", "seen", "batches"])
    held = storm.cluster.clickhouse.faults.add("hold", kind="insert", pattern=f"INSERT INTO {table}", count=1)
    try:
        held.wait_waiting(1)
        role = chance.choice(storm.workers)  # it is this one's insert, or the other one's
        role.freeze()
        time.sleep(chance.uniform(8, 12))
    finally:
        held.remove()
    time.sleep(chance.uniform(0, 2))
    role.thaw()
    _until_it_lives(role)
    return "insert held, worker frozen"


FAULTS: tuple[Fault, ...] = (
    *(kill_a_worker, kill_a_gateway, kill_a_dashboard, kill_all_workers, stop_a_worker, stop_a_gateway, add_a_worker),
    *(freeze_a_worker, hold_an_insert_of_a_zombie, kill_the_broker, freeze_the_broker),
    *(take_clickhouse_away, kill_clickhouse, freeze_clickhouse, have_clickhouse_go_wrong),
)
"""All but the long ones."""
LONG: tuple[Fault, ...] = (lose_kafka_for_a_minute, lose_clickhouse_for_minutes)
