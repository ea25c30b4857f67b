"""The configuration of one broker of the tests: a node that is broker and controller at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["Ports", "server_properties"]


class Ports(NamedTuple):
    """Where one broker listens: for clients, for the other brokers, and for the quorum."""

    client: int
    broker: int
    controller: int


def server_properties(node: int, ports: Sequence[Ports], data: Path, protocol: str, more: Mapping[str, str]) -> str:
    """Return the text of server.properties for a node (from 1) of those that have ``ports``.

    Brokers speak to each other without security; only what clients reach has ``protocol``.
    """
    own = ports[node - 1]
    voters = (f"{voter}@127.0.0.1:{port.controller}" for voter, port in enumerate(ports, start=1))
    for_brokers = f"CLIENT://127.0.0.1:{own.client},BROKER://127.0.0.1:{own.broker}"
    copies = str(min(3, len(ports)))
    values = {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": ",".join(voters),
        "listeners": f"{for_brokers},CONTROLLER://127.0.0.1:{own.controller}",
        "advertised.listeners": for_brokers,
        "listener.security.protocol.map": f"CLIENT:{protocol},BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "BROKER",
        "log.dirs": str(data),
        "default.replication.factor": copies,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": str(max(1, int(copies) - 1)),
        "share.coordinator.state.topic.replication.factor": copies,
        # Fewer partitions of Kafka's own topics, and small buffers: tests make many brokers.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "log.cleaner.dedupe.buffer.size": str(4 << 20),
        # A topic that was not made is an error and not a surprise.
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        # A broker that was killed may come back only when its session has ended: 9 s by default.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "500",
    }
    values.update(more)
    return "".join(f"{name}={value}\n" for name, value in values.items())
