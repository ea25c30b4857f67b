"""Kafka with TLS and users: who is allowed works, who is not is told why at once, and no password is in a message."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from certificates import Authority
from kafka_running import Kafka, make_topic
from kafka_security import MECHANISMS, PASSWORDS, STRANGER, USER
from requirements import need_java, need_openssl
from spanpulse_stream.kafka import (
    KafkaAway,
    KafkaMisconfigured,
    LogSources,
    Outgoing,
    OwnTopics,
    Sender,
    TopicsRefused,
    check_topics,
    connection,
    ensure_topics,
    wait_for_brokers,
)
from spanpulse_stream.settings import Settings

WRONG = "not-the-password"


def running(protocol: str, factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    need_java()
    need_openssl()
    with Kafka.start(factory.mktemp("kafka"), security=protocol) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def with_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Give a broker that asks for a user, over TLS."""
    yield from running("SASL_SSL", tmp_path_factory)


@pytest.fixture(scope="module")
def with_certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Give a broker that asks for a certificate."""
    yield from running("SSL", tmp_path_factory)


async def everything_works(settings: Settings) -> None:
    await wait_for_brokers(settings, print, patience_s=0)
    assert {one.did for one in await ensure_topics(settings)} == {"made"}
    assert await check_topics(settings) == []
    await LogSources.found(settings, 1)
    topic = OwnTopics.of(settings).otlp
    assert await LogSources(settings).of(topic, 0) > 1
    async with AIOKafkaProducer(**connection(settings, "tests"), acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"spans", partition=0)
    async with AIOKafkaConsumer(**connection(settings, "tests"), auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        async with asyncio.timeout(60):
            assert (await consumer.getone()).value == b"spans"


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_user_over_tls(with_users: Kafka, mechanism: str) -> None:
    await everything_works(with_users.fresh_settings(kafka_sasl_mechanism=mechanism))


async def test_a_certificate_of_ones_own(with_certificates: Kafka) -> None:
    await everything_works(with_certificates.fresh_settings())


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("user", [USER, "nobody"])
async def test_wrong_credentials_are_not_waited_for(
    with_users: Kafka, mechanism: str, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = with_users.fresh_settings(
        kafka_sasl_mechanism=mechanism, kafka_sasl_username=user, kafka_sasl_password=WRONG
    )
    said: list[str] = []
    for call in (wait_for_brokers(settings, said.append, patience_s=None), ensure_topics(settings)):
        with pytest.raises(KafkaMisconfigured, match=f"kafka_sasl_password: .* refuses them .{mechanism}") as raised:
            await call
        assert WRONG not in str(raised.value)
    assert said == []
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("spanpulse")]
    assert not [line for line in ours if WRONG in line]


async def test_who_may_not_is_told_what_is_needed(with_users: Kafka) -> None:
    settings = with_users.fresh_settings(kafka_sasl_username=STRANGER, kafka_sasl_password=PASSWORDS[STRANGER])
    with pytest.raises(TopicsRefused, match="give the user of this client the operations Describe"):
        await ensure_topics(settings)
    with pytest.raises(TopicsRefused, match="not allowed"):
        await LogSources(settings).of("any", 0)
    topic = await make_topic(with_users)
    sender = Sender(settings, "tests", patience=2)
    with pytest.raises(TopicsRefused, match=f"{topic} may not be written to: not allowed; give the user"):
        await sender.send([Outgoing(topic, b"key", b"value", (), 0)])
    await sender.stop()


async def test_an_authority_that_is_not_trusted(with_users: Kafka, tmp_path: Path) -> None:
    settings = with_users.fresh_settings(kafka_ssl_ca=Authority(tmp_path, "another").certificate)
    with pytest.raises(KafkaMisconfigured, match=r"kafka_ssl_ca: the certificate of .* is not accepted"):
        await wait_for_brokers(settings, print, patience_s=None)


async def test_a_certificate_of_another_authority(with_certificates: Kafka, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "another").issue("stranger")
    changes: dict[str, Any]
    for changes in (
        {"kafka_ssl_certificate": stranger.certificate, "kafka_ssl_key": stranger.key},
        {"kafka_ssl_certificate": None, "kafka_ssl_key": None},
    ):
        with pytest.raises(
            KafkaMisconfigured, match=r"kafka_ssl_certificate and kafka_ssl_key: .* wants a certificate"
        ):
            await wait_for_brokers(with_certificates.fresh_settings(**changes), print, patience_s=None)


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT"])
async def test_the_wrong_protocol_is_hinted_at(with_users: Kafka, protocol: str) -> None:
    settings = with_users.fresh_settings(kafka_security_protocol=protocol)
    with pytest.raises(KafkaAway, match="it hangs up: is kafka_security_protocol right"):
        await wait_for_brokers(settings, print, patience_s=0)
