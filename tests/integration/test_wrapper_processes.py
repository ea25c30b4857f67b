"""Processes of an instrumented application before a real receiver: every span of every one arrives exactly once.

They leave in all ways in which Python lets them: at once, by an exception, forked, spawned, as workers of a server.
"""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from wrapper_processes_counts import CHILDREN, JOBS
from wrapper_receiving import HttpReceiver
from wrapper_stored import EXPORTER
from wrapper_venvs import packages

TESTS = Path(__file__).parents[1]
CHILD = TESTS / "wrapper_processes_child.py"
ROOMS = [TESTS.parent / "instrumentation", TESTS]
INSTRUMENT = [sys.executable, "-c", "import sys; from spanpulse._auto import main; sys.exit(main())"]
WITHIN_S = 60
REQUESTS, TASKS = 60, 10
PAIRS = [f"{who} {number}" for who in ("parent", "child") for number in range(CHILDREN)]
POOLS = [
    "parent",
    *(f"child {n}" for n in range(CHILDREN)),
    *(f"{of} {n}" for of in ("job", "task") for n in range(JOBS)),
]


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as running:
        yield running


def started(receiver: HttpReceiver, *command: str, folders: list[Path] = ROOMS, **more: str) -> subprocess.Popen[str]:
    """Start a process of an application."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("SPANPULSE_", "OTEL_"))}
    environ = {**bare, "PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONDONTWRITEBYTECODE": "1", **more}
    environ.setdefault("SPANPULSE_ENDPOINT", receiver.endpoint)
    return subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for the end of a process; return its exit code and what it printed."""
    try:
        said, _ = process.communicate(timeout=WITHIN_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, said


def received(receiver: HttpReceiver) -> Counter[str]:
    """Return how often each span came."""
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans)
    return Counter(span.name for span in receiver.spans)


def resources(receiver: HttpReceiver) -> Iterator[dict[str, str]]:
    """Yield what each request says of its process."""
    for each in receiver.taken("traces"):
        for of in ExportTraceServiceRequest.FromString(each.body).resource_spans:
            yield {said.key: said.value.string_value for said in of.resource.attributes}


@pytest.mark.parametrize(
    ("way", "code", "names"),
    [
        ("exits", 0, ["parent"]),
        ("raises", 1, ["parent"]),
        ("exits-with-three", 3, ["parent"]),
        ("threads", 0, [f"job {number}" for number in range(JOBS)]),
        ("forks", 0, PAIRS),
        ("forks-and-leaves", 0, PAIRS),
        ("fork", 0, POOLS),
        ("spawn", 0, POOLS),
        ("forkserver", 0, POOLS),
    ],
)
def test_what_waits_is_sent_when_a_process_ends(receiver: HttpReceiver, way: str, code: int, names: list[str]) -> None:
    process = started(receiver, sys.executable, str(CHILD), way)
    returned, said = ended(process)
    assert (returned, received(receiver)) == (code, Counter(names)), said
    assert "spanpulse" not in said.replace(str(TESTS.parent), ""), "nothing is said"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_has_sent_what_is_older_than_half_a_second(
    receiver: HttpReceiver, number: signal.Signals
) -> None:
    process = started(receiver, sys.executable, str(CHILD), "waits")
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    deadline = time.monotonic() + WITHIN_S
    while not receiver.spans and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    assert ended(process)[0] == -number, "it dies as it would without us"
    assert received(receiver) == Counter(["parent"])


def test_a_handler_that_ends_the_process_sends_what_waits(receiver: HttpReceiver) -> None:
    process = started(receiver, sys.executable, str(CHILD), "ends-by-handler")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 0
    assert received(receiver) == Counter(["parent"])


@pytest.mark.parametrize(("way", "code"), [("exits-with-three", 3), ("raises", 1), ("spawn", 0), ("fork", 0)])
def test_an_application_that_is_run_instrumented_needs_no_change(
    receiver: HttpReceiver, tmp_path: Path, way: str, code: int
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('customized')")
    settings = ["--service-name", "shop", f"--endpoint={receiver.endpoint}", "--environment", "test"]
    application = [sys.executable, str(CHILD), way, "by-itself"]
    elsewhere = {"SPANPULSE_ENDPOINT": "http://127.0.0.1:9", "SPANPULSE_SERVICE_NAME": "other"}
    process = started(receiver, *INSTRUMENT, *settings, *application, folders=[tmp_path, *ROOMS], **elsewhere)
    returned, said = ended(process)
    assert returned == code, said
    assert "customized" in said, "the application's own sitecustomize runs"
    assert received(receiver) == Counter(POOLS if way in {"spawn", "fork"} else ["parent"]), said
    said_of = {(told["service.name"], told["deployment.environment.name"]) for told in resources(receiver)}
    assert said_of == {("shop", "test")}


def test_an_application_that_is_run_instrumented_is_instrumented_once(receiver: HttpReceiver) -> None:
    process = started(receiver, *INSTRUMENT, sys.executable, str(CHILD), "threads")
    assert ended(process)[0] == 0
    assert received(receiver) == Counter(f"job {number}" for number in range(JOBS))


def test_signals_reach_an_application_that_is_run_instrumented(receiver: HttpReceiver) -> None:
    process = started(receiver, *INSTRUMENT, sys.executable, str(CHILD), "waits", "by-itself")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == -signal.SIGTERM


@pytest.mark.parametrize(("words", "code"), [(["--no-such", "x", "true"], 2), (["no-such-command"], 127), ([], 2)])
def test_what_cannot_be_run_is_said(receiver: HttpReceiver, words: list[str], code: int) -> None:
    returned, said = ended(started(receiver, *INSTRUMENT, *words))
    assert (returned, "spanpulse-instrument" in said) == (code, True)


def test_workers_of_gunicorn_send_what_is_theirs(receiver: HttpReceiver) -> None:
    folders = [packages("gunicorn==25.3.0"), packages(*EXPORTER), *ROOMS]
    options = ["--preload", "--workers", "3", "--bind", "127.0.0.1:0", "--max-requests", "15", "--no-control-socket"]
    server = [sys.executable, "-S", "-m", "gunicorn", *options, "wrapper_processes_web:app"]
    process = started(receiver, *server, folders=folders)
    assert process.stdout is not None
    try:
        port = next(int(found[1]) for line in process.stdout if (found := re.search(r"Listening at: \S+:(\d+)", line)))

        def ask(number: int) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)
            connection.request("GET", f"/{number}")
            return connection.getresponse().status

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(ask, range(REQUESTS))) == {200}
    finally:
        process.terminate()
    returned, said = ended(process)
    assert (returned, received(receiver)) == (0, Counter(["loaded", *(f"/{number}" for number in range(REQUESTS))])), (
        said
    )


def test_workers_of_celery_send_what_is_theirs(receiver: HttpReceiver, tmp_path: Path) -> None:
    folders = [packages("celery==5.7.0"), packages(*EXPORTER), *ROOMS]
    celery = [
        sys.executable,
        "-S",
        "-m",
        "celery",
        "-A",
        "wrapper_processes_tasks",
        "worker",
        "-c",
        "2",
        "-P",
        "prefork",
    ]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--max-tasks-per-child", "3"]
    given = {"TASKS_FOLDER": str(tmp_path)}
    asking = [sys.executable, "-S", str(TESTS / "wrapper_processes_tasks.py"), str(TASKS)]
    worker = started(receiver, *celery, *quiet, folders=folders, **given)
    try:
        assert ended(started(receiver, *asking, folders=folders, **given))[0] == 0
        deadline = time.monotonic() + WITHIN_S
        while len(list(tmp_path.glob("done-*"))) < TASKS and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        worker.terminate()
    returned, said = ended(worker)
    names = [f"{what} {number}" for what in ("ask", "task") for number in range(TASKS)]
    assert (returned, received(receiver)) == (0, Counter(names)), said
