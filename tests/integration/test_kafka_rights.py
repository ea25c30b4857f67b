"""Where Kafka has access lists, each command works with the rights that docs/cluster.md lists for it, and no others.

RIGHTS is that table: change both together. Each command has a user of its own who may do what is listed and nothing
else. For a few rights it is shown what people are told where they are missing.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import httpx
import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.protocol.admin import CreateAclsRequest

from clickhouse_running import ClickHouse
from cluster_running import Cluster, Role
from cluster_standing import eventually, produce
from cluster_storm import PROTOBUF
from kafka_asking import admin_of
from kafka_running import Kafka, make_topic
from kafka_security import PASSWORDS, STRANGER, USER
from otlp.requests import attributes, resource_spans, span, traces
from requirements import need_java
from spanpulse_stream.cluster._lag import GroupLag
from spanpulse_stream.kafka import OwnTopics, check_topics, collector_topics, read_topics
from spanpulse_stream.settings import Settings, load_settings
from spanpulse_stream.traffic import LoadGenerator

pytestmark = pytest.mark.slow

TOPIC, GROUP = 2, 3
LITERAL, ALLOW = 3, 3
THEIRS, THEIRS_NEW = "theirs", "theirs-new"
OPERATIONS: Final = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10, "AlterConfigs": 11}


class Right(NamedTuple):
    """Operations on topics, which may be ``otlp``, ``collector`` and so on, or on groups."""

    operations: tuple[str, ...]
    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


ALL: Final = ("otlp", "collector", "dead_letter", "alert_deltas", "sources")
GROUPS: Final = ("{}", "{}-watch")
LEAST: Final = (
    Right(("Read",), ("otlp", "collector")),
    Right(("Read", "Write"), ("alert_deltas", "sources")),
    Right(("Write",), ("dead_letter",)),
)
RIGHTS: Final[Mapping[str, tuple[Right, ...]]] = {
    "init": (
        Right(("Create", "AlterConfigs"), ALL),
        Right(("Read", "Write"), ("sources",)),
        Right(("Describe",), ALL[:-1]),
    ),
    "gateway": (Right(("Write",), ("otlp",)),),
    "worker": (
        *LEAST,
        Right(("Read",), groups=GROUPS),
        Right(("Write",), ("otlp", "collector")),
        Right(("DescribeConfigs",), ALL),
    ),
    "leastworker": (*LEAST, Right(("Read",), groups=GROUPS)),
    "dashboard": (Right(("Describe",), ("otlp", "collector"), ("{}",)),),
    "unwatched": (*LEAST, Right(("Read",), groups=GROUPS[:1])),
}
"""Of users. ``leastworker`` has a worker's without the reconciler; `dead-letters replay` runs with a gateway's."""


def resources(right: Right, settings: Settings) -> Iterator[tuple[int, str]]:
    """Yield kind and name of what a right is on."""
    names = OwnTopics.of(settings)._asdict()
    for topic in right.topics:
        yield from ((TOPIC, name) for name in (collector_topics(settings) if topic == "collector" else [names[topic]]))
    yield from ((GROUP, group.format(settings.kafka_group)) for group in right.groups)


async def grant(kafka: Kafka, settings: Settings, rights: Mapping[str, tuple[Right, ...]]) -> None:
    """Give users rights."""
    wanted = [
        (kind, name, LITERAL, f"User:{user}", "*", OPERATIONS[operation], ALLOW)
        for user, theirs in rights.items()
        for right in theirs
        for kind, name in resources(right, settings)
        for operation in right.operations
    ]
    await allow(kafka, wanted)


async def allow(kafka: Kafka, wanted: Iterable[tuple[int | str, ...]]) -> None:
    """Add access lists: kind and name of a resource, how it is meant, who, from where, what, and that it is allowed."""
    async with admin_of(kafka) as admin:
        for each in wanted:
            answer = await admin._send_request(CreateAclsRequest(*each))
            assert [code for code, _ in answer.creation_responses] == [0], answer


def as_user(user: str) -> dict[str, str]:
    return {"SPANPULSE_KAFKA_SASL_USERNAME": user, "SPANPULSE_KAFKA_SASL_PASSWORD": PASSWORDS[user]}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Give a cluster with access lists, whose `init` ran. What tests ask by themselves they ask as USER."""
    need_java()
    folder = tmp_path_factory.mktemp("rights")
    with (
        Kafka.start(folder, security="SASL_PLAINTEXT") as kafka,
        ClickHouse.start(folder / "clickhouse") as clickhouse,
        Cluster(folder, kafka, clickhouse, environ(kafka)) as made,
    ):
        asyncio.run(grant(kafka, made.settings, RIGHTS))
        asyncio.run(make_topic(kafka, 2, name=THEIRS, max_message_bytes="1000000"))
        with Cluster(folder, kafka, clickhouse, {**made.own, **as_user("init")}) as other:
            said = other.init()
        assert (said.count(" made: "), f"topic {THEIRS} changed: " in said) == (5, True), said
        yield made


def environ(kafka: Kafka) -> dict[str, str]:
    own = kafka.settings()
    return {
        "SPANPULSE_KAFKA_SECURITY_PROTOCOL": own.kafka_security_protocol,
        "SPANPULSE_KAFKA_SASL_MECHANISM": own.kafka_sasl_mechanism,
        "SPANPULSE_KAFKA_COLLECTOR_TOPICS": f'["{THEIRS}:traces:otlp_proto", "{THEIRS_NEW}:logs:otlp_proto"]',
        "SPANPULSE_KAFKA_PARTITIONS": "2",
        "SPANPULSE_RECONCILE_EVERY": "1",
        **as_user(USER),
    }


@pytest.fixture(scope="module")
def gateway(cluster: Cluster) -> Role:
    return cluster.role("gateway", **as_user("gateway")).start()


@pytest.fixture(scope="module")
def dashboard(cluster: Cluster) -> Role:
    return cluster.role("dashboard", **as_user("dashboard")).start()


def send(gateway: Role, body: bytes) -> int:
    answer = httpx.post(f"{gateway.otlp}/v1/traces", content=body, headers=PROTOBUF, timeout=30)
    return answer.status_code


def letters(cluster: Cluster, user: str, *words: str) -> str:
    """Run `spanpulse dead-letters` as a user and return what it printed."""
    command = [sys.executable, "-m", "spanpulse", "dead-letters", *words]
    surroundings = {**cluster.environ, **as_user(user), "COLUMNS": "200"}
    done = subprocess.run(
        command, env=surroundings, cwd=cluster.folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def trouble(dashboard: Role) -> set[str]:
    """Return what the page says is wrong, by reason."""
    answer = httpx.get(f"{dashboard.web}/api/v1/completeness", timeout=30)
    assert answer.status_code == 200, answer.text
    return {each["reason"] for each in answer.json()["trouble"]}


def wait_stored(cluster: Cluster, spans: int, table: str = "span_rows") -> None:
    counted = f"toInt64(count()) FROM {table}"
    eventually(lambda: bool(cluster.one(counted) == spans), told=cluster.outputs)


def wide_span() -> bytes:
    """Return a request whose span has more attributes than the least worker allows."""
    wide = span(1)
    wide.attributes.extend(attributes({"one": 1, "two": 2, "three": 3}))
    return traces(resource_spans({"service.name": "shop"}, [wide]))


def test_the_least_worker_stores_and_says_what_it_did_not_check(cluster: Cluster, gateway: Role) -> None:
    least = {"SPANPULSE_RECONCILE_EVERY": "0", "SPANPULSE_MAX_ATTRIBUTES": "3"}
    worker = cluster.role("worker", **as_user("leastworker"), **least).start()
    assert send(gateway, traces(resource_spans({"service.name": "shop"}, [span(2)]))) == 200
    assert send(gateway, wide_span()) == 200
    cluster.drain()
    wait_stored(cluster, 1)
    wait_stored(cluster, 1, "dead_letters")
    told = re.findall(r"the options of the topics (.*) are not checked: .* operation DescribeConfigs", worker.output)
    names = {*OwnTopics.of(cluster.settings), *collector_topics(cluster.settings)}
    assert [set(each.split(", ")) for each in told] == [names], worker.output
    assert worker.stop() == 0, worker.output
    sent_again_with_the_rights_of_a_gateway(cluster)


def sent_again_with_the_rights_of_a_gateway(cluster: Cluster) -> None:
    """Look at the dead letter without any rights, and send it again, for which there is no worker now."""
    (found,) = json.loads(letters(cluster, STRANGER, "list", "--json"))
    assert "too_many_attributes" in letters(cluster, STRANGER, "show", found["position"])
    assert "1 dead letter sent again" in letters(cluster, "gateway", "replay", "--all")
    assert sum(each.messages for each in cluster.lag()) == 1


def test_each_command_works_with_its_rights(cluster: Cluster, gateway: Role, dashboard: Role) -> None:
    """Through all topics that are read, with a reconciler that writes to each of them."""
    worker = cluster.role("worker", **as_user("worker")).start()
    cluster.drain()
    before, load = cluster.one("toInt64(count()) FROM span_rows"), LoadGenerator(3)
    first, second = (load.request(time.time_ns()) for _ in range(2))
    produce(cluster.kafka, THEIRS, [(None, first, [])])
    wait_stored(cluster, before + load.spans_per_request)
    assert [send(gateway, body) for body in (first, second)] == [200, 200]
    wait_stored(cluster, before + 3 * load.spans_per_request)
    produce(cluster.kafka, THEIRS, [(None, second, [])])
    wait_stored(cluster, before + 4 * load.spans_per_request)
    once = before + 2 * load.spans_per_request
    wait_stored(cluster, once, "spans")
    cluster.drain()
    assert cluster.one("toInt64(uniqExact(trace_id, span_id)) FROM spans") == once
    for role in (gateway, worker, dashboard):
        answer = httpx.get(f"{role.web}/readyz", timeout=30)
        assert answer.status_code == 200, answer.text
        assert not re.search("not allowed|not checked|refused|Authorization", role.output), role.output
    eventually(lambda: trouble(dashboard) == set(), told=lambda: dashboard.output)  # a new group has no coordinator yet
    assert worker.stop() == 0, worker.output


async def test_options_that_may_not_be_seen_are_not_checked_and_all_else_is(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Own topics are missing, one of the Collector's has a wrong option, that of the other cannot be known."""
    asked = {**cluster.own, **as_user("leastworker"), "SPANPULSE_KAFKA_TOPIC_PREFIX": "absent"}
    settings = load_settings(environ={**asked, "SPANPULSE_KAFKA_MESSAGE_BYTES": str(16 << 20)}).settings
    seen = (TOPIC, THEIRS, LITERAL, "User:leastworker", "*", OPERATIONS["DescribeConfigs"], ALLOW)
    await grant(cluster.kafka, settings, {"leastworker": LEAST})
    await allow(cluster.kafka, [seen])
    problems = await check_topics(settings)
    assert {problem for problem in problems if "is missing" in problem} == {
        f"topic {name} is missing: run `spanpulse init`" for name in OwnTopics.of(settings)
    }
    (wrong,) = [problem for problem in problems if "is missing" not in problem]
    assert wrong.startswith(f"topic {THEIRS} has max.message.bytes=")
    (warned,) = [record.getMessage() for record in caplog.records if record.name.startswith("spanpulse")]
    assert warned.startswith(f"the options of the topics {THEIRS_NEW} are not checked: ")


async def test_a_lag_that_may_not_be_seen_is_not_none(cluster: Cluster) -> None:
    """STRANGER may look at the group, and not at the topics."""
    settings = load_settings(environ={**cluster.own, **as_user(STRANGER)}).settings
    group = (GROUP, settings.kafka_group, LITERAL, f"User:{STRANGER}", "*", OPERATIONS["Describe"], ALLOW)
    await allow(cluster.kafka, [group])
    lag = GroupLag(settings, read_topics(settings))
    try:
        with pytest.raises(TopicAuthorizationFailedError, match=read_topics(settings)[0]):
            await lag.read()
    finally:
        await lag.close()


def test_a_worker_without_the_second_group_names_it(cluster: Cluster) -> None:
    worker = cluster.role("worker", **as_user("unwatched")).start(wait=False)
    eventually(lambda: not worker.running, told=lambda: worker.output)
    assert worker.stop() == 1
    ended = rf"spanpulse cannot go on: .*GroupAuthorizationFailed.*: {cluster.settings.kafka_group}-watch"
    assert re.search(ended, worker.output), worker.output


def test_what_a_gateway_and_a_dashboard_without_rights_say(cluster: Cluster) -> None:
    """The gateway takes nothing; the page does without Kafka."""
    gateway, dashboard = [cluster.role(kind, **as_user(STRANGER)) for kind in ("gateway", "dashboard")]
    gateway.start_unready()
    dashboard.start()
    assert send(gateway, wide_span()) == 503
    told = f"Write on the topic {OwnTopics.of(cluster.settings).otlp}"
    eventually(lambda: told in httpx.get(f"{gateway.web}/readyz", timeout=30).text, told=lambda: gateway.output)
    eventually(lambda: trouble(dashboard) == {"lag_unknown"}, told=lambda: dashboard.output)
    assert [gateway.stop(), dashboard.stop()] == [0, 0]
