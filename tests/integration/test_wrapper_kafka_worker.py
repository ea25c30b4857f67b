"""What the wrapper sends to Kafka is read by a worker: each span is stored once, that of `spanpulse doctor` too."""

import json
from contextlib import closing

import pytest

from clickhouse_running import ClickHouse
from cluster_running import Cluster
from kafka_running import Kafka
from spanpulse._commands import doctor
from spanpulse._export._kafka import KafkaTransport
from spanpulse_stream.kafka import OwnTopics
from wrapper_kafka import batch_of, settings_of

pytestmark = pytest.mark.slow

BATCHES, SPANS = 20, 25


def test_a_worker_stores_each_span_once(
    kafka: Kafka,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path_factory.mktemp("wrapped")
    with ClickHouse.start(folder / "clickhouse") as server, Cluster(folder, kafka, server) as cluster:
        cluster.init()
        topic = OwnTopics.of(cluster.settings).otlp
        with closing(KafkaTransport(settings_of(kafka, topic))) as transport:
            for number in range(1, BATCHES + 1):
                transport.send(batch_of(number, SPANS, key=b"%016d" % number))
        monkeypatch.setenv("SPANPULSE_KAFKA_BROKERS", ",".join(kafka.bootstrap))
        monkeypatch.setenv("SPANPULSE_KAFKA_TOPIC", topic)
        monkeypatch.setenv("SPANPULSE_SKIP", "openai,anthropic,google-genai,litellm")
        assert doctor.run(["--json"]) == 0
        steps = {step["name"]: step["said"] for step in json.loads(capsys.readouterr().out)["steps"]}
        cluster.role("worker").start()
        cluster.drain()
        own = cluster.sql(
            "SELECT toInt64(count()) AS spans, toInt64(uniq(span_id)) AS once FROM spans "
            "WHERE service_name = 'wrapped' AND tenant = 'default'"
        )
        assert own == [{"spans": BATCHES * SPANS, "once": BATCHES * SPANS}]
        (trace,) = cluster.sql("SELECT trace_id FROM spans WHERE service_name = 'spanpulse-doctor'")
        assert trace["trace_id"] in steps["send"]
        assert cluster.one("toInt64(sum(accepted)) FROM batches") == BATCHES * SPANS + 1
