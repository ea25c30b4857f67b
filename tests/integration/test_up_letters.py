"""Dead letters of a data folder: listed, shown, sent again once, whether it runs or not, whoever interrupts that."""

import json
from pathlib import Path
from typing import Any

import httpx

from command_line import Printed, spanpulse
from maintaining import change, operate
from otlp.requests import PROTOBUF, resource_spans, span, traces
from running import Running

NARROW = {"SPANPULSE_MAX_ATTRIBUTES": "2"}  # spans of these tests have three
WIDE = 70  # letters: three portions of a run
UNSENT = "ALTER TABLE dead_letter_replays DELETE WHERE state = 'sent' SETTINGS mutations_sync = 1"


def send(running: Running, body: bytes) -> None:
    headers = {"content-type": PROTOBUF}
    httpx.post(f"{running.otlp}/v1/traces", content=body, headers=headers, timeout=30).raise_for_status()
    running.drain()


def replay(running: Running, **arguments: Any) -> dict[str, Any]:
    return operate(running, "replay", arguments)


def letters(folder: Path, *words: str) -> Printed:
    return spanpulse("dead-letters", *words, "--data", str(folder / "data"), folder=folder)


def test_letters_are_listed_shown_and_sent_again_once(tmp_path: Path) -> None:
    broken = span(900)
    broken.trace_id = b"short"
    broken.ClearField("attributes")
    wide = [span(number) for number in range(1, WIDE + 1)]
    with Running(tmp_path, NARROW) as running:
        send(running, traces(resource_spans({"service.name": "shop"}, [*wide, broken])))
        first = replay(running, all=True)
        assert (first["sent"], first["run"], first["left_out"]["still too_many_attributes"]) == (0, None, WIDE)
        source, raw = running.one("any(log_source) FROM dead_letters"), tmp_path / "raw"
        assert letters(tmp_path, "show", f"{source}/0/{WIDE}", "--raw", str(raw)).code == 0
        assert raw.read_bytes() == broken.SerializeToString()

    # Nothing runs, and the limit is one that lets them pass: as a version would that can read more.
    alone = letters(tmp_path, "replay", f"{source}/0/0")
    assert (alone.code, alone.out[:22]) == (0, "1 dead letter sent aga"), alone.err

    running = Running(tmp_path)
    with running:
        assert replay(running, all=True, dry_run=True)["letters"] == WIDE - 1
        done = letters(tmp_path, "replay", "--reason", "too_many_attributes")
        assert (done.code, done.out[:24]) == (0, "69 dead letters sent aga"), done.err
        run = done.out.split()[-1]
        before = running.drain()["completeness"]
        assert running.one("toInt64(uniqExact(trace_id)) FROM span_rows") == WIDE
        (found,) = running.sql("SELECT name, service_name FROM spans WHERE name = 'chat 1'")
        assert found["service_name"] is None, "a letter holds the record alone"
        assert replay(running, reason="too_many_attributes")["run"] is None, "each letter is taken up by one run"
        listed = json.loads(letters(tmp_path, "list", "--since", "1h", "--limit", "100", "--json").out)
        assert sum(each["run"] == run and each["state"] == "sent" for each in listed) == WIDE - 1
        (letter,) = (each for each in listed if each["run"] is None)
        assert (letter["position"], letter["detail"]) == (f"{source}/0/{WIDE}", "5 bytes instead of 16")

    # As if it had been killed before it noted what was sent: the log knows what it has.
    change(tmp_path / "data", [UNSENT])
    with running:
        told = replay(running, reason="invalid_trace_id")
        assert {each["run"]: each["letters"] for each in told["unfinished"]}[run] == WIDE - 1
        assert replay(running, run=run)["sent"] == WIDE - 1
        assert running.drain()["completeness"]["accepted"] == before["accepted"], "the log took nothing twice"
        assert replay(running, run=run)["sent"] == 0
        assert replay(running, reason="too_many_attributes", again=True)["sent"] == WIDE
        after = running.drain()["completeness"]
        assert after["stored"] == WIDE
        assert after["duplicate"] == WIDE, "another run sends them again, and they are known"
