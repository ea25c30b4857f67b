"""Parts of the Kafka driver that need no broker: its options, its metadata, its quiet, its patience."""

import logging
import time
from typing import Any

import pytest
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalGenerationError,
    KafkaConnectionError,
    KafkaError,
    NotCoordinatorForGroupError,
    RequestTimedOutError,
    UnknownMemberIdError,
)

from spanpulse_stream.kafka import KafkaMisconfigured
from spanpulse_stream.log import Claim
from spanpulse_stream.settings import Settings
from spanpulse_stream.transport import ClaimTooLarge, make_kafka_app
from spanpulse_stream.transport.kafka._cluster import Cluster, cluster_of
from spanpulse_stream.transport.kafka._errors import passes
from spanpulse_stream.transport.kafka._metadata import NewerClaim, claim_of, metadata_of
from spanpulse_stream.transport.kafka._progress import Progress
from spanpulse_stream.transport.kafka._quiet import MOST_KINDS, RateLimit, quieten
from spanpulse_stream.transport.kafka._start import started

SECRET = "a password"
SETTINGS = Settings(
    kafka_brokers=("one:9092", "two:9092"),
    kafka_security_protocol="SASL_SSL",
    kafka_sasl_mechanism="SCRAM-SHA-512",
    kafka_sasl_username="worker",
    kafka_sasl_password=SECRET,  # type: ignore[arg-type]
    kafka_session_timeout=12,
    kafka_instance="worker-3",
)


def test_consumers_and_producers_are_made_as_the_settings_say() -> None:
    cluster = Cluster.of(SETTINGS, "me")
    consumer, producer = cluster.consumer_options("group"), cluster.producer_options()
    for options in (consumer, producer):
        assert options["bootstrap_servers"] == ["one:9092", "two:9092"]
        assert (options["security_protocol"], options["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
        assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("worker", SECRET)
        assert options["ssl_context"].check_hostname
        assert options["client_id"] == "me"
    assert (consumer["group_id"], consumer["group_instance_id"]) == ("group", "worker-3")
    assert (consumer["session_timeout_ms"], consumer["heartbeat_interval_ms"]) == (12_000, 2_400)
    assert (consumer["auto_offset_reset"], consumer["enable_auto_commit"]) == ("earliest", False)
    assert (producer["acks"], producer["enable_idempotence"], producer["compression_type"]) == ("all", True, "zstd")


def test_secrets_are_not_shown() -> None:
    app = make_kafka_app(SETTINGS)
    assert SECRET not in repr(Cluster.of(SETTINGS, "me"))
    assert SECRET not in str(app.conf.broker)
    assert app.conf.id == SETTINGS.kafka_group


def test_a_cluster_is_known_as_long_as_its_app() -> None:
    app = make_kafka_app(SETTINGS)
    url = str(app.conf.broker[0])
    assert cluster_of(url) is app.cluster
    with pytest.raises(LookupError, match="no cluster"):
        cluster_of("spanpulse-kafka://cluster-0")


def test_an_app_needs_brokers() -> None:
    with pytest.raises(KafkaMisconfigured, match="kafka_brokers"):
        make_kafka_app(Settings())


def test_a_claim_that_names_too_much_is_refused() -> None:
    with pytest.raises(ClaimTooLarge, match="4096"):
        metadata_of(Claim(0, 1, "x" * 4096))


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '{"end": 9}', '{"end": 2, "v": "", "x": 1}', '{"v": "", "x": 1}', '{"end":9,"v":1}'],
)
def test_metadata_of_others_are_no_claim(text: str) -> None:
    assert claim_of(3, text) is None


@pytest.mark.parametrize("text", ['{"end": 9, "v": "{}", "worker": 1}', '{"end": 9, "v": {}, "worker": 1}'])
def test_a_claim_of_a_newer_release_is_not_taken_for_none(text: str) -> None:
    with pytest.raises(NewerClaim, match="newer release claimed offsets 3 to 8 of a partition, and says worker,"):
        claim_of(3, text)


def test_a_claimed_range_that_was_deleted_does_not_stand_for_ever() -> None:
    progress = Progress(10, 10, Claim(10, 20, "v"))
    progress.pass_to(15)
    assert progress.committable() is None
    progress.pass_to(23)
    assert progress.committable() == 23
    progress.check(Claim(23, 30, "v"))


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (RequestTimedOutError(), True),
        (KafkaConnectionError(), True),
        (NotCoordinatorForGroupError(), True),
        (GroupCoordinatorNotAvailableError(), True),
        (TimeoutError(), True),
        (OSError(), True),
        (UnknownMemberIdError(), False),
        (IllegalGenerationError(), False),
        (CommitFailedError(), False),
        (GroupAuthorizationFailedError(), False),
        (ConsumerStoppedError(), False),
        (KafkaError(), False),
        (ValueError(), False),
    ],
)
def test_what_passes_is_told_from_what_does_not(error: Exception, may_pass: bool) -> None:
    assert passes(error) is may_pass


def record(line: int = 1, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("aiokafka.client", level, "client.py", line, "no broker %s", ("at all",), None)


def test_a_few_records_of_a_kind_are_logged_and_the_rest_counted() -> None:
    now = 0.0
    limit = RateLimit(at_once=2, period=60, clock=lambda: now)
    assert [limit.filter(record()) for _ in range(5)] == [True, True, False, False, False]
    assert limit.filter(record(line=2)), "another kind"
    assert limit.filter(record(level=logging.INFO))
    now = 61.0
    later = record()
    assert limit.filter(later)
    assert later.getMessage() == "no broker at all (and 3 more like it)"
    assert [limit.filter(record()) for _ in range(2)] == [True, False]


def test_many_kinds_take_bounded_memory() -> None:
    limit = RateLimit()
    for line in range(3 * MOST_KINDS):
        limit.filter(record(line))
    assert len(limit._kinds) == MOST_KINDS


def test_loggers_of_the_libraries_are_quietened_once() -> None:
    logger = logging.getLogger("aiokafka.something.new")
    quieten()
    quieten()
    assert len(logger.filters) == 1
    assert not logging.getLogger("spanpulse_stream").filters


class Refused:
    """A client that brokers refuse a few times."""

    times = 3
    stopped = 0

    async def start(self) -> None:
        if Refused.times:
            Refused.times -= 1
            raise KafkaConnectionError("refused")

    async def stop(self) -> None:
        Refused.stopped += 1


async def test_a_client_is_started_once_a_broker_answers(caplog: pytest.LogCaptureFixture) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    client = await started(Refused, ("one:9092",), sleep=sleep, stopping=lambda: False)
    assert isinstance(client, Refused)
    assert Refused.stopped == len(slept) == 3
    for wait, seconds in zip((0.25, 0.5, 1.0), slept, strict=True):
        assert wait / 2 <= seconds <= 1.5 * wait
    assert [entry.message for entry in caplog.records] == ["no Kafka broker answers at one:9092; waiting for one"]


async def test_a_service_that_stops_waits_for_no_broker() -> None:
    Refused.times = 1000
    begun, stopping = time.monotonic(), False

    async def sleep(_seconds: float) -> None:
        nonlocal stopping
        stopping = True

    assert await started(Refused, (), sleep=sleep, stopping=lambda: stopping) is None
    assert time.monotonic() - begun < 10


async def test_what_does_not_pass_at_the_start_is_raised() -> None:
    class Wrong(Refused):
        async def start(self) -> None:
            raise ValueError("options")

    async def sleep(_seconds: float) -> Any:
        raise AssertionError

    with pytest.raises(ValueError, match="options"):
        await started(Wrong, (), sleep=sleep, stopping=lambda: False)
