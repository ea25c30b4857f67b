"""A gateway goes by the shared keys that it read last; what stands for ClickHouse here is a function that is asked."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio
import pytest
from clickhouse_connect.driver.exceptions import OperationalError

from otlp.requests import PROTOBUF, some_traces
from otlp.serving import client, receiver
from spanpulse_sinks.clickhouse import QueryFailed
from spanpulse_stream.cluster import _follow_keys
from spanpulse_stream.cluster._follow_keys import KeysFollowing
from spanpulse_stream.cluster._known_keys import KeysReader
from spanpulse_stream.cluster._shared_rows import SharedRow
from spanpulse_stream.gateway import ApiKeys, GrpcServer, OtlpOptions
from spanpulse_stream.observe import Condition, Health, Metrics, catalog
from spanpulse_stream.settings import Settings

FIRST, SECOND, OWN = "first-0123456789abcdef", "second-0123456789abcdef", "own-0123456789abcdef"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
AWAY = OperationalError("Connection refused executing HTTP request to http://clickhouse?password=word")


def row(version: int, *keys: str) -> SharedRow:
    return SharedRow("keys", version, "".join(f"acme:plain:{key}\n" for key in keys), "somebody")


def by(*keys: str) -> ApiKeys:
    return ApiKeys.parse(f"acme:plain:{key}" for key in keys)


@dataclass
class World:
    """One gateway's keys; ``answer`` is what the next look finds."""

    settings: Settings
    answer: SharedRow | Exception | None = None
    own: ApiKeys = field(default_factory=lambda: by(OWN))
    given: list[ApiKeys | None] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.health = Health(lambda: self.now)
        self.health.started()

    def following(self) -> KeysFollowing:
        return KeysFollowing(self.settings, self.own, self.given.append, self.metrics, self.health, lambda: self.now)

    def asked(self) -> SharedRow | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @property
    def why(self) -> list[str]:
        return [each.detail for each in self.health.reasons() if each.condition is Condition.KEYS_UNKNOWN]

    def looks(self, outcome: str) -> float:
        return self.metrics.value(catalog.KEYS_LOOKS, outcome)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    def made(**settings: object) -> World:
        told = {"data": tmp_path / "data", "clickhouse_url": "http://127.0.0.1:1", **settings}
        world = World(Settings.model_validate(told))
        monkeypatch.setattr(KeysReader, "newest", lambda _reader: world.asked())
        return world

    return made


async def test_the_newest_row_is_in_force_and_the_settings_where_there_is_none(make, caplog):
    caplog.set_level(logging.INFO)
    world = make()
    following = world.following()
    await following.begin()
    assert world.given[-1] == by(OWN)
    for answer, expected in ((row(5, FIRST), by(FIRST)), (row(9, FIRST, SECOND), by(FIRST, SECOND)), (None, by(OWN))):
        world.answer = answer
        await following._look()
        assert world.given[-1] == expected
        assert world.metrics.value(catalog.KEYS_VERSION) == (answer.version if answer else 0)
    assert world.why == []
    assert (world.looks("changed"), world.looks("same")) == (4, 0)
    assert "version 9 are in force: 2 of 1 tenants" in caplog.text
    for key in (FIRST, SECOND, OWN):
        assert key not in caplog.text
        assert by(key).entries[0][1].hex() not in caplog.text


async def test_a_failure_changes_nothing_and_is_said_once(make, caplog):
    world = make()
    world.answer = row(5, FIRST)
    following = world.following()
    await following.begin()
    world.answer = AWAY
    for _ in range(5):
        world.now += 10
        await following._look()
    world.answer = QueryFailed(QueryFailed.Kind.LIMIT, "too slow")
    await following._look()
    assert world.given[-1] == by(FIRST)
    assert world.why == []
    assert world.looks("failed") == 6
    assert world.metrics.value(catalog.KEYS_AGE) == 50
    assert caplog.text.count("what was known stays in force") == 1
    assert "password" not in caplog.text
    world.answer = row(5, FIRST)
    await following._look()
    assert world.metrics.value(catalog.KEYS_AGE) == 0
    world.answer = AWAY
    await following._look()
    assert caplog.text.count("what was known stays in force") == 2


@pytest.mark.parametrize("text", ["", "acme:secret-that-is-no-hash", "no colon", "a" * 70])
async def test_a_row_that_cannot_be_used_changes_nothing(make, caplog, text):
    world = make()
    world.answer = row(5, FIRST)
    following = world.following()
    await following.begin()
    world.answer = SharedRow("keys", 6, text, "somebody")
    for _ in range(3):
        world.now += 10
        await following._look()
    assert world.given[-1] == by(FIRST)
    assert (world.metrics.value(catalog.KEYS_VERSION), world.looks("unreadable")) == (5, 3)
    assert world.metrics.value(catalog.KEYS_AGE) == 30
    assert caplog.text.count("version 6 cannot be used") == 1
    assert not text or text not in caplog.text


@pytest.mark.parametrize("trouble", [AWAY, SharedRow("keys", 6, "wrong", "somebody")])
async def test_before_anything_is_known_nobody_is_let_in(make, trouble):
    world = make()
    world.answer = trouble
    following = world.following()
    await following.begin()
    assert world.given == [None, None]
    (why,) = world.why
    assert "the shared API keys" in why
    assert "password" not in why
    assert following._pause() <= 2 * _follow_keys.FIRST_PAUSE_S
    world.answer = row(7, SECOND)
    await following._look()
    assert world.given[-1] == by(SECOND)
    assert world.why == []
    assert 0.6 * world.settings.keys_interval < following._pause() < world.settings.keys_interval


async def test_a_start_without_clickhouse_goes_by_what_was_known(make):
    world = make()
    world.answer = row(5, FIRST)
    await world.following().begin()
    world.answer = AWAY
    world.given.clear()
    await world.following().begin()
    assert world.given == [None, by(FIRST)]
    assert world.metrics.value(catalog.KEYS_VERSION) == 5
    assert world.why == []


async def test_a_revoked_key_does_not_come_back_by_a_start_after_a_full_disk(make, caplog):
    world = make()
    world.answer = row(5, FIRST)
    following = world.following()
    await following.begin()
    beside = world.settings.data / "gateway" / "keys.json.new"
    beside.mkdir()  # where the new file would be written
    world.answer = row(6, SECOND)
    await following._look()
    assert world.given[-1] == by(SECOND)
    await following._look()
    assert caplog.text.count("cannot be kept") == 1
    world.answer = AWAY
    await world.following().begin()
    assert world.given[-1] is None
    beside.rmdir()
    world.answer = row(6, SECOND)
    await following._look()  # what could not be kept is kept at the next look
    world.answer = AWAY
    await world.following().begin()
    assert world.given[-1] == by(SECOND)


async def test_beyond_this_machine_nobody_is_let_in_without_any_key(make):
    world = make(host="0.0.0.0")
    world.own = ApiKeys()
    following = world.following()
    await following.begin()
    assert world.given[-1] is None
    assert "no API keys are shared" in world.why[0]
    assert "`spanpulse share keys FILE`" in world.why[0]
    world.answer = row(5, FIRST)
    await following._look()
    assert world.given[-1] == by(FIRST)
    assert world.why == []


async def test_a_receiver_without_keys_has_senders_come_again(log):
    headers = {"content-type": PROTOBUF, "x-api-key": FIRST}
    async with receiver(log, OtlpOptions(keys=by(FIRST))) as got, client(got.app) as http:
        got.receiver.use_keys(None)
        refused = await http.post("/v1/traces", content=some_traces(), headers=headers)
        server = GrpcServer(got.receiver, host="127.0.0.1", port=0, stop_within=1)
        await server.start()
        async with grpc.aio.insecure_channel(server.address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await channel.unary_unary(EXPORT)(some_traces(), timeout=20, metadata=(("x-api-key", FIRST),))
        await server.stop()
        got.receiver.use_keys(by(SECOND))
        revoked = await http.post("/v1/traces", content=some_traces(), headers=headers)
        got.receiver.use_keys(by(SECOND, FIRST))
        taken = await http.post("/v1/traces", content=some_traces(), headers=headers)
    assert [refused.status_code, revoked.status_code, taken.status_code] == [503, 401, 200]
    assert int(refused.headers["retry-after"]) >= 1
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_what_a_key_has_used_of_its_quota_stays_when_keys_are_replaced(log):
    headers = {"content-type": PROTOBUF, "x-api-key": FIRST}
    async with receiver(log, OtlpOptions(keys=by(FIRST), quota_records=1)) as got, client(got.app) as http:
        first = await http.post("/v1/traces", content=some_traces(60), headers=headers)
        got.receiver.use_keys(by(SECOND, FIRST))
        again = await http.post("/v1/traces", content=some_traces(), headers=headers)
        other = await http.post("/v1/traces", content=some_traces(), headers={**headers, "x-api-key": SECOND})
    assert [first.status_code, again.status_code, other.status_code] == [200, 429, 200]
