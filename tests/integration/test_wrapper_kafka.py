"""The wrapper's way to Kafka with a real broker: what arrives, what is said when it cannot, and what is left behind."""

import asyncio
import functools
import gc
import logging
import multiprocessing
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import aiokafka
import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from kafka_reading import read_topic
from kafka_running import Kafka, make_topic
from spanpulse._background import Background
from spanpulse._export import Exporter, transport_of
from spanpulse._export._kafka import KafkaTransport, MissingExtra
from spanpulse._export._transport import Batch, Refused, Unavailable
from spanpulse._settings import Settings
from wrapper_kafka import batch_of, settings_of, spans_of


def topic_of(kafka: Kafka, **config: str) -> str:
    return asyncio.run(make_topic(kafka, **config))


def found_in(kafka: Kafka, topic: str) -> list[Any]:
    return asyncio.run(read_topic(kafka, topic))


@contextmanager
def sending(settings: Settings) -> Iterator[KafkaTransport]:
    with closing(KafkaTransport(settings)) as transport:
        yield transport
    assert not [thread for thread in threading.enumerate() if thread.name == "spanpulse-kafka"]


def test_a_batch_is_one_message_with_its_signal_its_count_and_its_key(kafka: Kafka) -> None:
    topic = topic_of(kafka)
    first, second = batch_of(1, spans=3, key=b"a" * 16), batch_of(2, key=b"b" * 16, text="x" * 600_000)
    logs = Batch("logs", b"", 0, b"a" * 16)
    with sending(settings_of(kafka, topic)) as transport:
        for each in (first, second, logs):
            transport.send(each)
    found = {(record.key, dict(record.headers)["signal"]): record for record in found_in(kafka, topic)}
    assert set(found) == {(b"a" * 16, b"traces"), (b"b" * 16, b"traces"), (b"a" * 16, b"logs")}
    assert found[b"a" * 16, b"traces"].value == first.body
    assert found[b"b" * 16, b"traces"].value == second.body
    assert dict(found[b"a" * 16, b"traces"].headers)["records"] == b"3"
    assert found[b"a" * 16, b"traces"].partition == found[b"a" * 16, b"logs"].partition


def test_while_a_broker_is_away_a_batch_waits_and_then_kafka_has_it_once(
    kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    topic, batches = topic_of(kafka), [batch_of(number) for number in range(1, 40)]
    with sending(settings_of(kafka, topic, timeout=1.0)) as transport:
        transport.send(batches[0])
        kafka.kill(0)
        begun = time.monotonic()
        try:
            for _ in range(2):
                with pytest.raises(Unavailable):
                    transport.send(batches[1])
            assert time.monotonic() - begun < 6
        finally:
            kafka.start_broker(0)
        for batch in batches[1:]:
            send_in_the_end(transport, batch)
    said = [record for record in caplog.records if record.name.startswith(("aiokafka", "asyncio"))]
    found = [span for record in found_in(kafka, topic) for span in spans_of(record.value)]
    assert sorted(found) == sorted(span for batch in batches for span in spans_of(batch.body))
    assert not said


def test_what_a_silent_broker_took_after_all_is_there_once(kafka: Kafka) -> None:
    topic, batch = topic_of(kafka), batch_of(2)
    with sending(settings_of(kafka, topic, timeout=1.0)) as transport:
        transport.send(batch_of(1))
        kafka.freeze(0)
        try:
            with pytest.raises(Unavailable, match="in time"):
                transport.send(batch)
        finally:
            kafka.thaw(0)
        send_in_the_end(transport, batch)
    assert len([1 for record in found_in(kafka, topic) if record.value == batch.body]) == 1


def test_a_broker_that_is_killed_under_load_loses_and_doubles_nothing(kafka: Kafka) -> None:
    settings = settings_of(kafka, topic_of(kafka), timeout=1.0)
    provider, background = TracerProvider(shutdown_on_exit=False), Background(every=0.02)
    exporter = Exporter(transport_of(settings), settings, None, background.wake)
    background.pump = exporter.pump
    provider.add_span_processor(Handing(exporter))
    tracer, made = provider.get_tracer("load"), 0
    again = threading.Thread(target=lambda: (kafka.kill(0), kafka.start_broker(0)))
    while made < 500 or again.is_alive():
        tracer.start_span("one").end()
        made += 1
        if made == 300:
            again.start()
        time.sleep(0.002)
    assert background.flush(60)
    assert exporter.flush(60)
    assert exporter.shutdown(10)
    told = exporter.stats.told()
    found = [span for record in found_in(kafka, settings.kafka_topic) for span in spans_of(record.value)]
    assert (told["sent"], told["dropped"], len(found), len(set(found))) == (made, {}, made, made)


class Handing(SpanProcessor):
    """Hands ended spans to an exporter."""

    def __init__(self, exporter: Exporter) -> None:
        self.on_end = exporter.put_span  # type: ignore[method-assign]


def send_in_the_end(transport: KafkaTransport, batch: Batch, within: float = 120) -> None:
    deadline = time.monotonic() + within
    while True:
        try:
            return transport.send(batch)
        except Unavailable:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_frozen_broker_holds_up_neither_sending_nor_closing(kafka: Kafka) -> None:
    topic = topic_of(kafka)
    transport = KafkaTransport(settings_of(kafka, topic, timeout=1.0))
    transport.send(batch_of(1))
    kafka.freeze(0)
    try:
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="in time"):
            transport.send(batch_of(2))
        transport.close()
        assert time.monotonic() - begun < 6
    finally:
        kafka.thaw(0)
    assert not [thread for thread in threading.enumerate() if thread.name == "spanpulse-kafka"]


def test_a_topic_that_is_not_made_yet_is_waited_for_and_said_once(
    kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"later-{time.monotonic_ns()}"
    with sending(settings_of(kafka, name, timeout=1.0)) as transport:
        for _ in range(2):
            with pytest.raises(Unavailable, match=f"no topic {name}"):
                transport.send(batch_of(1))
        asyncio.run(make_topic(kafka, name=name))
        transport.send(batch_of(1))
    assert [record.message for record in caplog.records if record.name == "spanpulse"] == [
        f"Kafka has no topic {name}: spans wait until it is made (kafka_topic; `spanpulse init` makes it)"
    ]
    assert len(found_in(kafka, name)) == 1


def test_a_message_that_is_too_large_is_refused_and_the_next_one_is_sent(kafka: Kafka) -> None:
    topic = topic_of(kafka, max_message_bytes="2000")
    with sending(settings_of(kafka, topic, compression="none")) as transport:
        with pytest.raises(Refused) as refused:
            transport.send(batch_of(1, text="x" * 5000))
        transport.send(batch_of(2))
    assert refused.value.reason == "kafka MessageSizeTooLarge"
    assert [spans_of(record.value) for record in found_in(kafka, topic)] == [spans_of(batch_of(2).body)]


def test_without_a_broker_every_address_and_its_reason_are_told(kafka: Kafka) -> None:
    settings = settings_of(kafka, "t", kafka_brokers="127.0.0.1:1, nowhere.invalid:9092")
    with sending(settings) as transport, pytest.raises(Unavailable) as failed:
        transport.send(batch_of(1))
    assert "127.0.0.1:1: connection refused" in str(failed.value)
    assert "nowhere.invalid:9092: " in str(failed.value)


def test_a_silent_address_costs_nothing_while_another_one_answers(kafka: Kafka) -> None:
    topic = topic_of(kafka)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        brokers = f"127.0.0.1:{silent.getsockname()[1]},{kafka.bootstrap[0]}"
        with sending(settings_of(kafka, topic, kafka_brokers=brokers)) as transport:
            begun = time.monotonic()
            transport.send(batch_of(1))
            assert time.monotonic() - begun < 4


def test_nothing_is_left_to_complain_of(kafka: Kafka) -> None:
    topic = topic_of(kafka)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with sending(settings_of(kafka, topic)) as transport:
            transport.send(batch_of(1))
        del transport
        gc.collect()
    assert not [str(each.message) for each in said if "aiokafka" in str(each.message).lower()]


def test_a_producer_that_others_instrument_makes_no_spans_of_ours(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, seen = aiokafka.AIOKafkaProducer.send, []

    @functools.wraps(plain)
    def traced(*args: Any, **kwargs: Any) -> Any:
        seen.append(args)
        return plain(*args, **kwargs)

    monkeypatch.setattr(aiokafka.AIOKafkaProducer, "send", traced)
    with sending(settings_of(kafka, topic_of(kafka))) as transport:
        transport.send(batch_of(1))
    assert seen == []


def send_in_child(transport: KafkaTransport, first: int) -> None:
    for number in range(first, first + 5):
        transport.send(batch_of(number))


def test_a_fork_has_a_producer_of_its_own_and_the_parent_goes_on(kafka: Kafka) -> None:
    topic = topic_of(kafka)
    with sending(settings_of(kafka, topic)) as transport:
        transport.send(batch_of(1))
        children = [
            multiprocessing.get_context("fork").Process(target=send_in_child, args=(transport, number))
            for number in (100, 200)
        ]
        for child in children:
            child.start()
        for number in range(2, 7):
            transport.send(batch_of(number))
        for child in children:
            child.join(60)
        assert [child.exitcode for child in children] == [0, 0]
        transport.send(batch_of(7))
    found = [int.from_bytes(trace, "big") for record in found_in(kafka, topic) for trace, _ in spans_of(record.value)]
    assert sorted(found) == [*range(1, 8), *range(100, 105), *range(200, 205)]


AT_THE_END = """
import atexit, sys
from spanpulse._background import Background
from spanpulse._export import Exporter, transport_of
from spanpulse._export._kafka import KafkaTransport
from spanpulse._settings import Settings
from wrapper_kafka import batch_of

def last():
    transport.send(batch_of(1))
    transport.close()

transport = KafkaTransport(Settings(kafka_brokers=sys.argv[1], kafka_topic=sys.argv[2]))
atexit.register(last)
"""


def test_the_last_message_of_a_program_leaves_as_it_ends_by_name_too(kafka: Kafka) -> None:
    topic, port = topic_of(kafka), kafka.bootstrap[0].partition(":")[2]
    command = [sys.executable, "-X", "dev", "-c", AT_THE_END, f"localhost:{port}", topic]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)}, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(found_in(kafka, topic)) == 1


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    with pytest.raises(MissingExtra, match=r'pip install "spanpulse\[kafka\]"'):
        KafkaTransport(Settings(kafka_brokers="127.0.0.1:9092"))


def test_what_an_application_logs_of_its_own_clients_stays(kafka: Kafka, caplog: pytest.LogCaptureFixture) -> None:
    with sending(settings_of(kafka, topic_of(kafka))) as transport:
        transport.send(batch_of(1))
        logging.getLogger("aiokafka.producer.sender").warning("the application's")
    assert "the application's" in caplog.messages
