"""`spanpulse doctor` as a process, beside a real `spanpulse up`: both kinds of OTLP, and its ports mixed up."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from running import Running

KEY = "key-of-the-doctor"
RUN = "import sys; from spanpulse._commands.doctor import run; sys.exit(run(sys.argv[1:]))"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    environ = {"SPANPULSE_API_KEYS": f"acme:{hashlib.sha256(KEY.encode()).hexdigest()}"}
    with Running(tmp_path_factory.mktemp("doctor"), environ) as running:
        yield running


CLIENTS = "openai,anthropic,google-genai,litellm"


def doctor(*options: str, key: str = KEY, skip: str = CLIENTS) -> tuple[int, dict[str, dict[str, str]]]:
    """Return the exit code and the steps by name."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("SPANPULSE_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-c", RUN, "--json", *options],
        env={**bare, "SPANPULSE_API_KEY": key, "SPANPULSE_SKIP": skip},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert key not in done.stdout
    told: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, {step["name"]: step for step in told["steps"]}


@pytest.mark.parametrize(("port", "protocol"), [("otlp_http", "http/protobuf"), ("otlp_grpc", "grpc")])
def test_a_span_is_stored_and_counts_as_no_request(up: Running, port: str, protocol: str) -> None:
    endpoint = f"http://{up.addresses[port]}"
    code, steps = doctor("--endpoint", endpoint, "--protocol", protocol, "--page", up.web, skip="anthropic,litellm")
    assert code == 0, steps
    assert steps["client openai"]["said"].endswith(" is watched")
    trace = steps["arrival"]["said"].rpartition("/")[2]
    (row,) = up.sql(f"SELECT service_name, counted, tenant FROM spans WHERE trace_id = '{trace}'")
    assert row == {"service_name": "spanpulse-doctor", "counted": False, "tenant": "acme"}


def test_what_is_wrong_is_told(up: Running) -> None:
    http, grpc = (f"http://{up.addresses[name]}" for name in ("otlp_http", "otlp_grpc"))
    for code, steps in (
        doctor("--endpoint", http, key="another"),
        doctor("--endpoint", grpc, "--protocol", "grpc", key="another"),
    ):
        assert (code, steps["send"]["advice"]) == (1, "set SPANPULSE_API_KEY to a key of the receiver")
    for code, steps in (doctor("--endpoint", grpc), doctor("--endpoint", http, "--protocol", "grpc")):
        assert code == 1
        assert "is what is set" in steps["protocol"]["said"]
    code, steps = doctor("--endpoint", up.web)
    assert (code, steps["send"]["advice"][:20]) == (1, "correct the endpoint")
