"""Weights from a file or an address: they come first, the last good ones are kept, and no call waits for them."""

import io
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest

from spanpulse import _log
from spanpulse import _state as states
from spanpulse._experiments import _refresh, _source, variant
from spanpulse._experiments._document import MOST_BYTES
from spanpulse._experiments._source import Unreadable, source_of
from spanpulse._settings import Settings
from spanpulse._state import State, set_state
from wrapper_weights import Weights, answer, serving

CODE = {"a": 1, "b": 0}
DEADLINE_S = 20.0
EVERY_S = 0.02


def document(**experiments: Any) -> bytes:
    return json.dumps({"version": 1, "experiments": experiments}).encode()


def of(**weights: int) -> dict[str, Any]:
    return {"variants": weights}


ONLY_A, ONLY_B = document(greeting=of(a=1)), document(greeting=of(b=1))


@pytest.fixture
def web() -> Iterator[Weights]:
    with serving() as weights:
        yield weights


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = states._state
    _log._said.clear()
    monkeypatch.setattr(_refresh, "SOON_S", EVERY_S)
    yield
    _refresh.outside(Settings())
    assert _refresh._current is None
    states._state = before


def read_from(address: object, every: float = EVERY_S) -> None:
    settings = Settings(exporter="none", experiments=str(address), experiments_every=every)
    set_state(State(settings, None))


def greeting() -> str:
    return variant("greeting", "u-1", CODE)


def until(expected: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while greeting() != expected:
        assert time.monotonic() < deadline
        pause.wait(0.002)


def looked(web: Weights) -> None:
    """Wait for two more looks: the first may have been under way."""
    web.wait_for(len(web.asked) + 2)


def test_a_file_comes_before_the_code_and_may_change(tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    file.write_bytes(ONLY_B)
    read_from(file)
    until("b")
    assert variant("other", "u-1", CODE) == "a"
    (tmp_path / "new").write_bytes(ONLY_A)
    (tmp_path / "new").replace(file)
    until("a")


def test_an_address_is_asked_for_what_has_changed(web: Weights) -> None:
    web.document, web.tag = ONLY_B, '"1"'
    read_from(web.address)
    until("b")
    looked(web)
    assert web.asked[0].get("If-None-Match") is None
    assert web.asked[-1]["If-None-Match"] == '"1"'
    assert web.asked[-1]["path"] == "/weights?token=secret"
    web.document, web.tag = ONLY_A, '"2"'
    until("a")


@pytest.mark.parametrize("kind", ["salt", "off", "off, of others", "on again"])
def test_salt_and_switch_come_from_outside_too(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "weights.json"
    users = [f"user-{number}" for number in range(40)]
    even = {"a": 1, "b": 1}
    off = {"enabled": False}
    said = {"salt": {"salt": "other"}, "off": off, "off, of others": {**off, "variants": {"z": 1}}}.get(kind, {})
    file.write_bytes(document(greeting=of(b=1), probe={"variants": even, **said}))
    read_from(file)
    own = [variant("probe", user, even) for user in users]
    until("b")
    found = [variant("probe", user, even) for user in users]
    if kind == "salt":
        assert found == [variant("else", user, even, salt="other") for user in users]
    else:
        assert found == (own if kind == "on again" else ["a"] * 40)


def test_variants_that_the_code_does_not_have_leave_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "weights.json"
    file.write_bytes(document(greeting=of(b=1), probe=of(z=1)))
    read_from(file)
    until("b")
    assert variant("probe", "u-1", CODE) == "a"
    assert "'probe'" in caplog.text
    assert variant("probe", "u-1", {"a": 1, "z": 0}) == "z"


@pytest.mark.parametrize("bad", [b"", b"{", document(greeting=of(a=-1)), b'{"version": 2, "experiments": {}}'])
def test_a_bad_document_leaves_the_last_good_one_and_is_said_once(
    web: Weights, caplog: pytest.LogCaptureFixture, bad: bytes
) -> None:
    web.document = ONLY_B
    read_from(web.address)
    until("b")
    web.document, web.tag = bad, '"bad"'
    looked(web)
    looked(web)
    assert greeting() == "b"
    said = [record.getMessage() for record in caplog.records if "weights of experiments" in record.message]
    assert len(said) == 1
    assert "the last good ones are kept" in said[0]
    assert "secret" not in caplog.text
    assert web.asked[-1].get("If-None-Match") is None  # a tag is that of a document in use
    web.document = ONLY_A
    until("a")


@pytest.mark.parametrize("status", [204, 301, 401, 404, 500, 503])
def test_an_address_that_fails_leaves_the_last_good_ones(
    web: Weights, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    web.document = ONLY_B
    read_from(web.address)
    until("b")
    web.answering = lambda handler: answer(handler, status)
    looked(web)
    assert greeting() == "b"
    assert "weights of experiments at http://127.0.0.1" in caplog.text
    web.answering, web.document = web.give, ONLY_A
    until("a")


def test_no_call_waits_for_an_address_that_says_nothing(web: Weights) -> None:
    begun = threading.Event()

    def wait(_handler: BaseHTTPRequestHandler) -> None:
        begun.set()
        web.released.wait(DEADLINE_S)

    web.answering = wait
    read_from(web.address)
    began = time.monotonic()
    assert greeting() == "a"
    assert begun.wait(DEADLINE_S)
    assert {greeting() for _ in range(1000)} == {"a"}
    assert time.monotonic() - began < DEADLINE_S / 2


def test_a_file_that_is_not_there_is_looked_for_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "later.json"
    read_from(file, every=3600.0)
    assert greeting() == "a"
    file.write_bytes(ONLY_B)
    until("b")
    assert all(record.levelno == logging.WARNING for record in caplog.records)


@pytest.mark.parametrize("every", [1e10, 1e300])
def test_weights_may_be_read_once_and_never_again(web: Weights, every: float) -> None:
    web.document = ONLY_B
    before = set(threading.enumerate())
    read_from(web.address, every)
    until("b")
    (thread,) = (each for each in {*threading.enumerate()} - before if each.name == "spanpulse-experiments")
    thread.join(0.2)
    assert thread.is_alive()
    assert len(web.asked) == 1


def test_another_address_is_read_instead(tmp_path: Path) -> None:
    for name, said in (("one", ONLY_B), ("two", ONLY_A)):
        (tmp_path / name).write_bytes(said)
        read_from(tmp_path / name)
        until(next(iter(json.loads(said)["experiments"]["greeting"]["variants"])))
    read_from("")
    assert greeting() == "a"
    assert not [each for each in threading.enumerate() if each.name == "spanpulse-experiments" and each_runs(each)]


def each_runs(thread: threading.Thread) -> bool:
    thread.join(DEADLINE_S)
    return thread.is_alive()


def test_a_child_of_a_fork_has_its_parents_weights_and_reads_on(tmp_path: Path) -> None:
    file, (output, input_) = tmp_path / "weights.json", os.pipe()
    file.write_bytes(ONLY_B)
    read_from(file)
    until("b")
    child = os.fork()
    if child == 0:
        try:
            first = greeting()
            file.with_suffix(".new").write_bytes(ONLY_A)
            file.with_suffix(".new").replace(file)
            until("a")
            os.write(input_, f"{first} {greeting()}".encode())
        finally:
            os._exit(0)
    os.close(input_)
    try:
        assert os.read(output, 100) == b"b a"
    finally:
        os.close(output)
        os.waitpid(child, 0)


def test_redirects_are_few_and_stay_on_the_web(web: Weights) -> None:
    web.document = ONLY_B

    def to(place: str) -> None:
        web.answering = lambda handler: answer(handler, 302, headers={"Location": place})

    def chain(handler: BaseHTTPRequestHandler) -> None:
        left = int(handler.path.rpartition("/")[2])
        answer(handler, 302, headers={"Location": f"/{left - 1}"}) if left else web.give(handler)

    web.answering = chain
    assert source_of(f"http://127.0.0.1:{web.port}/3").read() == ONLY_B
    for place in (f"http://127.0.0.1:{web.port}/4", f"http://127.0.0.1:{web.port}/9"):
        with pytest.raises(Unreadable, match="302"):
            source_of(place).read()
    for place in ("file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x", "/" + "x" * 10, ""):
        to(place)
        with pytest.raises(Unreadable, match="302"):
            source_of(web.address).read()


def test_no_redirect_leads_from_https_to_http() -> None:
    for place, follows in (("http://x/", False), ("HTTP://x/", False), ("HTTPS://x/", True)):
        request, headers = Request("https://x/y"), HTTPMessage()
        made = _source._Redirects().redirect_request(request, io.BytesIO(), 302, "", headers, place)
        assert (made is not None) is follows


def test_a_redirect_with_a_body_without_end_ends(web: Weights) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/end":
            web.give(handler)
            return
        handler.send_response(302)
        handler.send_header("Location", "/end")
        handler.end_headers()
        while not web.released.is_set():
            handler.wfile.write(b"x" * 65536)

    web.document, web.answering = ONLY_B, endless
    assert source_of(web.address).read() == ONLY_B


def test_documents_are_bounded(web: Weights, tmp_path: Path) -> None:
    web.document = b" " * (MOST_BYTES + 1)
    (tmp_path / "large").write_bytes(web.document)
    (tmp_path / "fits").write_bytes(web.document[1:])
    for address in (web.address, str(tmp_path / "large")):
        with pytest.raises(Unreadable, match="more than 1048576 bytes"):
            source_of(address).read()
    assert source_of(str(tmp_path / "fits")).read() == web.document[1:]


def test_an_answer_without_end_is_left(web: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not web.released.wait(0.01):
            handler.wfile.write(b" ")

    monkeypatch.setattr(_source, "DEADLINE_S", 0.1)
    web.answering = drip
    with pytest.raises(Unreadable, match="too long"):
        source_of(web.address).read()
    monkeypatch.setattr(_source, "TIMEOUT_S", 0.1)
    web.answering = lambda _handler: web.released.wait(DEADLINE_S) and None
    with pytest.raises(Unreadable, match=r"[Tt]imeout"):
        source_of(web.address).read()


def test_an_answer_that_is_cut_is_none(web: Weights) -> None:
    web.answering = lambda handler: answer(handler, 200, ONLY_B, {"Content-Length": str(len(ONLY_B) + 1)})
    with pytest.raises(Unreadable, match="too early"):
        source_of(web.address).read()


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "nothing", "\0", "file:///etc/hostname"):
        with pytest.raises(Unreadable):
            source_of(str(path)).read()


@pytest.mark.parametrize(
    "address",
    ["http://user:secret@127.0.0.1:1/x?key=secret", "http://", "http://[::1", "https://user:secret@:x/", "HTTP://\n"],
)
def test_no_secret_of_an_address_is_said(address: str) -> None:
    source = source_of(address)
    with pytest.raises(Unreadable) as raised:
        source.read()
    assert "secret" not in f"{source.name} {raised.value}"
    assert raised.value.__cause__ is None
