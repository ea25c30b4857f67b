"""Apache Kafka for the tests: real brokers in KRaft mode on free ports of 127.0.0.1, to be killed and restarted.

Each broker is a process and controller of its own; several form one quorum. Nothing is left behind: `stop` ends what
it started by process id, `atexit` calls it, and where the tests themselves are killed a watchdog does it
(kafka_watchdog.py). Every call blocks: in asynchronous tests use `asyncio.to_thread`.
"""

import asyncio
import atexit
import base64
import os
import random
import shutil
import signal
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import starmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from kafka_broker import Broker, NotUp, Watchdog
from kafka_properties import Ports, server_properties
from kafka_security import Security
from ports import own
from spanpulse_stream.kafka import connection
from spanpulse_stream.settings import Settings

__all__ = ["Kafka", "NotUp", "make_topic"]

UP_WITHIN = 150.0
# Below what systems give to outgoing connections: a broker that is down for a while finds its port free again.
PORTS = own(range(20_000, 30_000))
QUICK = ("-XX:TieredStopAtLevel=1",)
"""Less work for the compiler: brokers of tests live for minutes. Benchmarks leave it out."""


class Kafka:
    """A running cluster. Brokers are numbered from 0."""

    def __init__(
        self, folder: Path, brokers: int, security: str, properties: Mapping[str, str], java_options: Sequence[str]
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="kafka-", dir=folder))
        self._brokers = [Broker(self._folder, node, java_options) for node in range(1, brokers + 1)]
        self._ports = free_ports(brokers)
        self._watchdog = Watchdog(self._folder)
        atexit.register(self.stop)
        try:
            self._security = Security(security, self._folder)
            self._configure({**self._security.properties, **properties})
        except BaseException:
            self.stop()
            raise

    @classmethod
    def start(
        cls,
        folder: Path,
        brokers: int = 1,
        *,
        security: str = "PLAINTEXT",
        properties: Mapping[str, str] | None = None,
        heap_mb: int = 256,
        java_options: Sequence[str] = QUICK,
    ) -> Self:
        """Start a new cluster and wait until it is up; its files are in a new folder of ``folder``.

        ``security`` is that of the listener for clients: `settings` and `client_options` know what it needs (see
        kafka_security.py). ``properties`` go over those of server.properties. Raises NotUp, and NoKafka without Java.
        """
        for attempt in range(3):
            kafka = cls(folder, brokers, security, properties or {}, [f"-Xmx{heap_mb}m", *java_options])
            try:
                kafka._start_all()
            except BaseException as error:
                kafka.stop()
                if attempt < 2 and isinstance(error, NotUp) and "already in use" in str(error):
                    continue  # another process took the port first
                raise
            return kafka
        raise AssertionError

    @property
    def bootstrap(self) -> tuple[str, ...]:
        """The addresses of all brokers, those that are down too."""
        return tuple(f"127.0.0.1:{port.client}" for port in self._ports)

    @property
    def brokers(self) -> int:
        """How many brokers there are, running or not."""
        return len(self._brokers)

    def settings(self, **changes: Any) -> Settings:
        """Return settings that reach this cluster."""
        own = {"kafka_brokers": self.bootstrap, "kafka_replication": min(3, self.brokers)}
        return Settings(**{**own, **self._security.settings, **changes})

    def fresh_settings(self, **changes: Any) -> Settings:
        """Return settings with names of topics and of a group that nobody else has, and three partitions."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        names = {
            "kafka_topic_prefix": name,
            "kafka_group": name,
            "kafka_collector_topics": (f"{name}.spans:traces:otlp_proto", f"{name}.logs:logs:otlp_proto"),
        }
        return self.settings(**{**names, "kafka_partitions": 3, **changes})

    def client_options(self) -> dict[str, Any]:
        """Return what clients of aiokafka need to reach it, but for their name."""
        options = connection(self.settings(), "tests")
        del options["client_id"]
        return options

    def pid(self, index: int) -> int:
        """Return the process id of a running broker."""
        process = self._brokers[index].process
        assert process is not None
        return process.pid

    def output(self, index: int) -> str:
        """Return what the newest process of a broker has printed."""
        return self._brokers[index].output

    def kill(self, index: int) -> None:
        """End a broker with SIGKILL."""
        self._brokers[index].kill(self._watchdog)

    def freeze(self, index: int) -> None:
        """Stop a broker with SIGSTOP: its connections stay open and nothing answers."""
        os.kill(self.pid(index), signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid(index), os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self._brokers[index].frozen = True

    def thaw(self, index: int) -> None:
        """Let a frozen broker go on."""
        os.kill(self.pid(index), signal.SIGCONT)
        self._brokers[index].frozen = False

    def start_broker(self, index: int, *, wait: bool = True) -> None:
        """Start a killed broker again with its data and its port.

        Do not ``wait`` where it is not yet one of a majority: it is up only then.
        """
        assert self._brokers[index].process is None
        self._brokers[index].start(self._watchdog)
        if wait:
            self.wait_until_up()

    def wait_until_up(self, within: float = UP_WITHIN) -> None:
        """Wait until every running broker answers and knows all the others that run. Raises NotUp."""
        deadline = time.monotonic() + within
        awake = [index for index, broker in enumerate(self._brokers) if broker.process and not broker.frozen]
        while not (all(self._brokers[index].started() for index in awake) and self._all_answer(awake)):
            if time.monotonic() > deadline:
                raise NotUp("\n".join(self.output(index)[-2000:] for index in awake))
            time.sleep(0.05)

    def stop(self) -> None:
        """End every broker and remove the folder. Again: nothing."""
        atexit.unregister(self.stop)
        for broker in self._brokers:
            broker.kill(self._watchdog)
        self._watchdog.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _configure(self, more: Mapping[str, str]) -> None:
        for node, broker in enumerate(self._brokers, start=1):
            written = server_properties(node, self._ports, broker.data, self._security.protocol, more)
            broker.properties.write_text(written, "utf-8")

    def _start_all(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        for broker in self._brokers:
            broker.format(cluster, self._security.format_options)
        for broker in self._brokers:
            broker.start(self._watchdog)
        self.wait_until_up()

    def _all_answer(self, awake: Sequence[int]) -> bool:
        """Ask each broker which ones it knows, in a thread: the caller may be inside an event loop."""
        answers: list[bool] = []
        asking = threading.Thread(target=lambda: answers.append(asyncio.run(self._know_each_other(awake))))
        asking.start()
        asking.join()
        return answers == [True]

    async def _know_each_other(self, awake: Sequence[int]) -> bool:
        for index in awake:
            options = {**self.client_options(), "bootstrap_servers": [self.bootstrap[index]]}
            client = AIOKafkaClient(**options, client_id="tests", request_timeout_ms=5000)
            with suppress(KafkaError):
                await client.bootstrap()
            known = {broker.nodeId for broker in client.cluster.brokers()}
            await client.close()
            if not known >= {other + 1 for other in awake}:
                return False
        return True


def free_ports(brokers: int) -> list[Ports]:
    """Return ports for each broker on which nobody listens now."""
    found: set[int] = set()
    while len(found) < 3 * brokers:
        port = random.choice(PORTS)
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            found.add(port)
    return list(starmap(Ports, zip(*[iter(found)] * 3, strict=True)))


async def make_topic(kafka: Kafka, partitions: int = 3, *, name: str | None = None, **config: str) -> str:
    """Make a topic with a name that nobody else has and wait until its partitions are led. Returns the name.

    ``config``: with underscores, as in ``message_timestamp_type="LogAppendTime"``. Copies: 3 where there are 3 brokers.
    A broker that is down is no hindrance while a majority runs.
    """
    topic = name or f"test-{uuid.uuid4().hex}"
    settings = {key.replace("_", "."): value for key, value in config.items()}
    new = NewTopic(topic, partitions, min(3, kafka.brokers), topic_configs=settings)
    deadline = time.monotonic() + 60
    while True:
        try:
            if await _is_made(kafka, new):
                return topic
        except (KafkaError, TimeoutError):  # the broker that was asked may be the one that is down
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, f"{topic} has no leaders"
        await asyncio.sleep(0.02)


async def _is_made(kafka: Kafka, new: NewTopic) -> bool:
    admin = AIOKafkaAdminClient(**kafka.client_options(), client_id="tests", request_timeout_ms=5000)
    await admin.start()
    try:
        for _, code, message in (await admin.create_topics([new])).topic_errors:
            assert code in {0, TopicAlreadyExistsError.errno}, message
        (described,) = await admin.describe_topics([new.name])
    finally:
        await admin.close()
    found = described["partitions"]
    return len(found) == new.num_partitions and all(not one["error_code"] and one["leader"] > 0 for one in found)
