"""`spanpulse doctor` against small receivers and pages: what is sent, what is seen, what is said, and the exit code."""

import gzip
import json
import os
from typing import Any

import pytest

from doctor_servers import Answer, Asked, json_of, site
from spanpulse._commands import doctor
from wrapper_kafka import spans_of

KEY, PAGE_TOKEN = "a-very-secret-key", "a-very-secret-token"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith(("SPANPULSE_", "OTEL_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("spanpulse._commands._installed._is_installed", lambda _: False)  # other tests look at clients


class Receiver:
    """Takes spans as OTLP, and shows a trace when it was asked for it ``after`` times."""

    def __init__(self, status: int = 200, after: int = 3) -> None:
        self.status = status
        self.after = after
        self.traces: set[str] = set()

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/v1/traces":
            self.traces |= {trace.hex() for trace, _ in spans_of(gzip.decompress(asked.body))}
            return self.status, "application/x-protobuf", b""
        assert asked.path.removeprefix("/api/v1/traces/") in self.traces
        self.after -= 1
        return json_of(200, {"summary": {}}) if self.after < 0 else json_of(404, {"title": "no such trace"})


def asked_doctor(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Return the exit code, and the steps by name."""
    code = doctor.run(["--json", *options])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["ok"] == (code == 0)
    return code, {step["name"]: step for step in told["steps"]}


def test_a_span_is_sent_and_seen_to_arrive(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANPULSE_API_KEY", KEY)
    monkeypatch.setenv("SPANPULSE_WEB_TOKEN", PAGE_TOKEN)
    receiver = Receiver()
    with site(receiver) as here:
        base = f"http://127.0.0.1:{here.port}"
        code, steps = asked_doctor(capsys, "--endpoint", base, "--page", base)
        assert doctor.run(["--endpoint", base, "--page", base]) == 0
    printed = capsys.readouterr().out
    (first, second) = (asked for asked in here.asked if asked.method == "POST")
    assert code == 0
    assert len(receiver.traces) == 2
    assert steps["arrival"]["said"].partition(" later: ")[2].removeprefix(f"{base}/traces/") in receiver.traces
    assert first.headers["authorization"] == second.headers["authorization"] == f"Bearer {KEY}"
    tokens = {asked.headers.get("authorization") for asked in here.asked if asked.path.startswith("/api/")}
    assert tokens == {f"Bearer {PAGE_TOKEN}"}
    assert printed.endswith("all is fine\n")
    assert KEY not in printed + str(steps)
    assert PAGE_TOKEN not in printed + str(steps)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "set SPANPULSE_API_KEY to a key of the receiver"),
        (404, "correct the endpoint: is that the port of OTLP, and not that of the page?"),
        (400, "what the receiver says tells why"),
        (503, "is the receiver up, and not overloaded?"),
    ],
)
def test_a_receiver_that_does_not_take_the_span_is_told(
    capsys: pytest.CaptureFixture[str], status: int, advice: str
) -> None:
    with site(Receiver(status)) as here:
        code, steps = asked_doctor(capsys, "--endpoint", f"http://127.0.0.1:{here.port}")
    assert (code, steps["send"]["finding"], steps["send"]["advice"]) == (1, "failed", advice)
    assert "arrival" not in steps


def test_the_page_may_go_without_http(capsys: pytest.CaptureFixture[str]) -> None:
    with site(Receiver()) as here:
        base = f"127.0.0.1:{here.port}"
        assert asked_doctor(capsys, "--endpoint", base, "--page", base)[0] == 0
        code, steps = asked_doctor(capsys, "--endpoint", base, "--page", "ftp://h")
    assert (code, steps["arrival"]["said"]) == (1, "ftp://h is no address")


@pytest.mark.parametrize("within", ["-1", "0", "nan", "inf", "soon"])
def test_a_time_that_is_none_is_refused(within: str) -> None:
    assert doctor.run(["--within", within]) == 2


def test_a_span_that_is_not_stored_in_time_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with site(Receiver(after=1000)) as here:
        base = f"http://127.0.0.1:{here.port}"
        code, steps = asked_doctor(capsys, "--endpoint", base, "--page", base, "--within", "0.3")
    assert (code, steps["arrival"]["said"][:24]) == (1, "not stored within 0.3 s ")


PAGES: list[tuple[Any, str, str]] = [
    (lambda _: (401, "text/plain", b""), "asks for its token", "set SPANPULSE_WEB_TOKEN to it"),
    (lambda _: (404, "text/html", b"<h1>Not here</h1>"), "it is not the page of spanpulse", "correct --page"),
    (lambda _: (200, "text/html", b"<h1>Welcome</h1>"), "it is not the page of spanpulse", "correct --page"),
    (lambda _: json_of(200, ["another API"]), "it is not the page of spanpulse", "correct --page"),
    (lambda _: (500, "text/plain", b""), "it answers with 500", "correct --page"),
]


@pytest.mark.parametrize(("answer", "said", "advice"), PAGES)
def test_a_page_that_cannot_be_asked_is_told(
    capsys: pytest.CaptureFixture[str], answer: Any, said: str, advice: str
) -> None:
    with site(Receiver()) as here, site(answer) as page:
        options = ("--endpoint", f"http://127.0.0.1:{here.port}", "--page", f"http://127.0.0.1:{page.port}")
        code, steps = asked_doctor(capsys, *options)
    assert (code, steps["arrival"]["advice"]) == (1, advice)
    assert said in steps["arrival"]["said"]


def test_without_its_page_a_span_is_acknowledged_and_not_looked_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PAGE", "http://127.0.0.1:1")
    with site(Receiver()) as here:
        code, steps = asked_doctor(capsys, "--endpoint", f"http://127.0.0.1:{here.port}")
        monkeypatch.setattr(doctor, "_is_here", lambda _: False)
        _, elsewhere = asked_doctor(capsys, "--endpoint", f"http://127.0.0.1:{here.port}")
    assert (code, steps["arrival"]["finding"]) == (0, "note")
    assert steps["arrival"]["said"].startswith("acknowledged, and not looked up: the page http://127.0.0.1:1 ")
    assert elsewhere["arrival"]["finding"] == "skipped"


def test_kafka_without_brokers_that_answer_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANPULSE_KAFKA_BROKERS", "127.0.0.1:1")
    code, steps = asked_doctor(capsys)
    assert (code, steps["connection"]["said"]) == (1, "127.0.0.1:1: connection refused")
    assert steps["connection"]["advice"] == "correct SPANPULSE_KAFKA_BROKERS (host:port,...), or start the broker"


def test_settings_that_cannot_be_used_end_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, steps = asked_doctor(capsys, "--protocol", "smoke")
    assert (code, list(steps)) == (1, ["settings"])
    assert doctor.run(["--no-such-option"]) == 2
    assert doctor.run(["--help"]) == 0
