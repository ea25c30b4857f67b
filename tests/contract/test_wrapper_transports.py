"""Every way to a receiver keeps the same promises, against a real receiver on a real port."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from certificates import Authority
from spanpulse._export import Batch, Refused, Transport, Unavailable, transport_of
from spanpulse._settings import Settings
from wrapper_receiving import DIE, PARTIAL, RAW, RECEIVERS, REFUSE, SLOW, UNAVAILABLE, Answer, HttpReceiver, Receiver

BATCH = Batch("traces", b"", 3, bytes(16))
EVENTS = Batch("logs", b"", 2, bytes(16))
LARGE = Batch("traces", b"\x0a\x00" * 150_000, 3, bytes(16))  # 150,000 resources without spans
KEY = "the-key-of-nobody"

both = pytest.mark.parametrize("kind", RECEIVERS, ids=lambda kind: kind.name)


def settings_of(receiver: Receiver, **more: object) -> Settings:
    told = {"exporter": "otlp", "endpoint": receiver.endpoint, "protocol": receiver.name, "timeout": 5.0}
    return Settings.read({}, **{**told, **more})


@contextlib.contextmanager
def sending(receiver: Receiver, **more: object) -> Iterator[Transport]:
    transport = transport_of(settings_of(receiver, **more))()
    try:
        yield transport
    finally:
        transport.close()


@both
@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_what_is_sent_arrives_as_it_was(kind, compression):
    with kind() as receiver, sending(receiver, compression=compression) as transport:
        for batch in (BATCH, LARGE, EVENTS):
            transport.send(batch)
    assert [(each.signal, each.body) for each in receiver.received] == [
        ("traces", BATCH.body),
        ("traces", LARGE.body),
        ("logs", EVENTS.body),
    ]
    assert all(each.headers["user-agent"].startswith("spanpulse/") for each in receiver.received)


@both
def test_the_key_and_the_headers_go_along(kind):
    with kind() as receiver, sending(receiver, api_key=KEY, headers="x-team=a%20b,X-Other=2") as transport:
        transport.send(BATCH)
    headers = receiver.received[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert (headers["x-team"], headers["x-other"]) == ("a b", "2")


@both
@pytest.mark.parametrize("path", ["/", "/v1/traces", "/v1/logs/"])
def test_the_address_may_be_that_of_a_signal(kind, path):
    with kind() as receiver, sending(receiver, endpoint=receiver.endpoint + path) as transport:
        transport.send(BATCH)
        transport.send(EVENTS)
    assert [each.signal for each in receiver.received] == ["traces", "logs"]


@both
@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "INVALID_ARGUMENT"), (401, "UNAUTHENTICATED"), (403, "PERMISSION_DENIED"), (404, "UNIMPLEMENTED")],
)
def test_a_refusal_is_one_for_ever_and_says_why(kind, status, code):
    with kind() as receiver, sending(receiver, api_key=KEY) as transport:
        receiver.answers.append(Answer(REFUSE, status, code, message="not  like\nthis"))
        with pytest.raises(Refused) as refused:
            transport.send(BATCH)
        transport.send(BATCH)
    assert refused.value.reason == (f"http {status}" if kind is HttpReceiver else f"grpc {code}")
    assert refused.value.detail == "not like this"
    assert refused.value.count is None
    assert KEY not in str(refused.value)


@both
@pytest.mark.parametrize("after", [None, 7.0])
def test_a_receiver_may_ask_to_come_again(kind, after):
    with kind() as receiver, sending(receiver) as transport:
        receiver.answers.append(Answer(UNAVAILABLE, after=after))
        with pytest.raises(Unavailable) as unavailable:
            transport.send(BATCH)
        transport.send(BATCH)
    assert unavailable.value.after == after


@both
def test_too_many_requests_are_tried_again_when_the_receiver_says_when(kind):
    answer = Answer(REFUSE, 429, "RESOURCE_EXHAUSTED", after=3.0)
    with kind() as receiver, sending(receiver) as transport:
        receiver.answers.extend([answer, replace(answer, after=None)])
        with pytest.raises(Unavailable) as unavailable:
            transport.send(BATCH)
        with pytest.raises(Unavailable if kind is HttpReceiver else Refused):
            transport.send(BATCH)
    assert unavailable.value.after == 3.0


@both
@pytest.mark.parametrize("batch", [BATCH, EVENTS], ids=["spans", "events"])
def test_what_a_receiver_does_not_take_of_a_batch_is_told(kind, batch):
    with kind() as receiver, sending(receiver) as transport:
        receiver.answers.append(Answer(PARTIAL, rejected=2, message="unreadable"))
        with pytest.raises(Refused) as refused:
            transport.send(batch)
        receiver.answers.append(Answer(PARTIAL, rejected=0, message="only a hint"))
        transport.send(batch)
    assert (refused.value.reason, refused.value.count, refused.value.detail) == ("rejected", 2, "unreadable")


@both
def test_a_success_in_other_words_is_one(kind):
    with kind() as receiver, sending(receiver) as transport:
        receiver.answers.append(Answer(RAW, 202, body=b"\xff\xff no protobuf"))
        transport.send(BATCH)


@both
def test_a_receiver_that_says_nothing_is_given_up(kind):
    with kind() as receiver, sending(receiver, timeout=0.3) as transport:
        receiver.answers.append(Answer(SLOW))
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            transport.send(BATCH)
        assert 0.25 < time.monotonic() - begun < 3
        receiver.released.set()
        transport.send(BATCH)


@both
def test_nobody_there_is_unavailable_until_somebody_is(kind):
    with kind() as receiver, sending(receiver) as transport:
        receiver.stop()
        for _ in range(3):
            with pytest.raises(Unavailable):
                transport.send(BATCH)
        receiver.start()
        sends_within(transport, 10)


@both
def test_a_receiver_that_ends_in_its_answer_is_tried_again(kind):
    with kind() as receiver, sending(receiver) as transport:
        transport.send(BATCH)
        receiver.answers.append(Answer(DIE))
        with pytest.raises(Unavailable):
            transport.send(BATCH)
        receiver.stop()
        receiver.start()
        sends_within(transport, 10)


@both
def test_a_connection_that_was_closed_meanwhile_is_made_anew(kind):
    with kind() as receiver, sending(receiver) as transport:
        transport.send(BATCH)
        receiver.stop()
        receiver.start()
        sends_within(transport, 10)


@both
def test_certificates_are_checked_on_both_sides(kind, tmp_path):
    authority = Authority(tmp_path)
    ours = authority.issue("client")
    ca = authority.certificate
    with kind(tls=authority.issue("server"), client_ca=ca.read_bytes()) as receiver:
        known = {"certificate": str(ca), "client_certificate": str(ours.certificate), "client_key": str(ours.key)}
        with sending(receiver, **known) as transport:
            transport.send(BATCH)
        for missing in (known.keys() - {"certificate"}, {"certificate"}):
            some = {name: known[name] for name in missing}
            with sending(receiver, **some) as transport, pytest.raises(Unavailable):
                transport.send(BATCH)
    assert len(receiver.received) == 1


@both
@pytest.mark.parametrize("after", ["soon", "-1", "nan", "inf", "", "Thu, 99 Foo 2020 00:00:00 GMT"])
def test_what_a_receiver_says_in_vain_is_not_believed(kind, after):
    with kind() as receiver, sending(receiver) as transport:
        receiver.answers.append(Answer(UNAVAILABLE, headers=(("retry-after", after),)))
        with pytest.raises(Unavailable) as unavailable:
            transport.send(BATCH)
    assert unavailable.value.after in {None, 0.0}


def test_a_date_may_say_when():
    with HttpReceiver() as receiver, sending(receiver) as transport:
        receiver.answers.append(Answer(UNAVAILABLE, headers=(("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT"),)))
        with pytest.raises(Unavailable) as unavailable:
            transport.send(BATCH)
    assert unavailable.value.after is not None
    assert unavailable.value.after > 1e9


def test_redirects_are_not_followed():
    with HttpReceiver() as other, HttpReceiver() as receiver, sending(receiver, api_key=KEY) as transport:
        receiver.answers.append(Answer(RAW, 307, headers=(("location", f"{other.endpoint}/v1/traces"),)))
        with pytest.raises(Refused, match="http 307"):
            transport.send(BATCH)
    assert not other.received


def test_of_a_long_answer_only_the_beginning_is_read():
    with HttpReceiver() as receiver, sending(receiver) as transport:
        receiver.answers.append(Answer(RAW, 400, body=b"x" * (8 << 20)))
        with pytest.raises(Refused) as refused:
            transport.send(BATCH)
        assert len(refused.value.detail) <= 300
        transport.send(BATCH)


def test_a_netrc_does_not_replace_the_key(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with HttpReceiver() as receiver, sending(receiver, api_key=KEY) as transport:
        transport.send(BATCH)
    assert receiver.received[0].headers["authorization"] == f"Bearer {KEY}"


def sends_within(transport: Transport, seconds: float) -> None:
    """Send until it works: a channel may wait a little before it connects again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            transport.send(BATCH)
        except Unavailable:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
