"""The wrapper's way to Kafka with users and TLS: who may send does, others hear why not, and no password is said."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from certificates import Authority
from kafka_reading import read_topic
from kafka_running import Kafka, make_topic
from kafka_security import MECHANISMS, PASSWORDS, STRANGER
from requirements import need_java, need_openssl
from spanpulse._export._kafka import KafkaTransport
from spanpulse._export._transport import Unavailable
from spanpulse._settings import Settings
from wrapper_kafka import batch_of, settings_of

WRONG = "not-the-password"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Give a broker that asks for a user, over TLS."""
    need_java()
    need_openssl()
    with Kafka.start(tmp_path_factory.mktemp("kafka"), security="SASL_SSL") as cluster:
        yield cluster


def outcome(settings: Settings) -> str:
    """Return why a batch cannot be sent."""
    with closing(KafkaTransport(settings)) as transport, pytest.raises(Unavailable) as failed:
        transport.send(batch_of(1))
    return str(failed.value)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_user_of_the_topic_sends(secured: Kafka, mechanism: str) -> None:
    topic = asyncio.run(make_topic(secured))
    with closing(KafkaTransport(settings_of(secured, topic, kafka_sasl_mechanism=mechanism))) as transport:
        transport.send(batch_of(1))
    assert len(asyncio.run(read_topic(secured, topic))) == 1


def test_whoever_is_not_let_in_is_told_which_setting_is_wrong(
    secured: Kafka, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    topic = asyncio.run(make_topic(secured))
    other = str(Authority(tmp_path / "other").certificate)
    wrong: dict[str, dict[str, Any]] = {
        "kafka_sasl_password": {"kafka_sasl_password": WRONG},
        "its certificate is not accepted (certificate)": {"certificate": other},
        "it hangs up (kafka_security_protocol)": {"kafka_security_protocol": "PLAINTEXT"},
        f"{tmp_path}/none.pem": {"certificate": f"{tmp_path}/none.pem"},
        f"topic {topic} may not be written to": {
            "kafka_sasl_username": STRANGER,
            "kafka_sasl_password": PASSWORDS[STRANGER],
        },
    }
    told = {reason: outcome(settings_of(secured, topic, timeout=4.0, **change)) for reason, change in wrong.items()}
    assert {reason: answer for reason, answer in told.items() if reason not in answer} == {}
    ours = "".join(record.getMessage() for record in caplog.records if record.name == "spanpulse")
    assert not [secret for secret in (WRONG, *PASSWORDS.values()) if secret in ours + str(told)]
