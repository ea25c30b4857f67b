"""SIGKILL under load, again and again: what a kill may do to acknowledged spans is nothing.

Each round starts `spanpulse up` on the same data folder, loads it with requests from several connections, and
kills it: at a random moment, or, under strace, exactly at the rename of a part. A request whose answer was lost
is sent again in the next round, byte by byte the same, as an SDK would.
"""

import random
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from running import Running
from spanpulse_stream.traffic import LoadGenerator
from sums import check

CONNECTIONS = 3
# The engine makes a part under a temporary name and renames its folder into place.
AT_RENAME = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2"]


@dataclass
class Sent:
    """Requests by what became of them; ``open`` ones are sent again."""

    load: LoadGenerator
    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    open: list[bytes] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> bytes:
        with self.lock:
            if self.open:
                return self.open.pop()
            self.sent += 1
            return self.load.request(time.time_ns())

    def settle(self, body: bytes, *, acknowledged: bool) -> None:
        with self.lock:
            if acknowledged:
                self.acknowledged += 1
            else:
                self.open.append(body)


def send_until_dead(running: Running, sent: Sent, dead: threading.Event) -> None:
    """Send from one connection until the process is gone or ``dead`` is set."""
    with httpx.Client(timeout=30) as client:
        while not dead.is_set():
            body = sent.take()
            try:
                headers = {"content-type": "application/x-protobuf"}
                answer = client.post(f"{running.otlp}/v1/traces", content=body, headers=headers)
            except httpx.TransportError:
                sent.settle(body, acknowledged=False)
                return
            sent.settle(body, acknowledged=answer.status_code == httpx.codes.OK)
            if answer.status_code != httpx.codes.OK:
                sent.refused += 1
                dead.wait(0.05)


def load_until(running: Running, sent: Sent, seconds: float) -> None:
    """Load a running process and kill it after ``seconds``, or wait that long until it dies by itself."""
    dead = threading.Event()
    arguments = (running, sent, dead)
    threads = [threading.Thread(target=send_until_dead, args=arguments) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    assert running.process is not None
    while time.monotonic() < deadline and running.process.poll() is None:
        time.sleep(0.005)
    running.kill()
    dead.set()
    for thread in threads:
        thread.join()


def kill_at_random(folder: Path, rounds: int, seed: int, longest: float = 4.0) -> tuple[int, int]:
    """Kill ``rounds`` times at random moments, then look. Returns (requests stored, requests sent)."""
    rng, sent, running = random.Random(seed), Sent(LoadGenerator(seed)), Running(folder)
    for _ in range(rounds):
        running.start()
        load_until(running, sent, rng.uniform(0.2, longest))
    return _look(running, sent)


def kill_at_renames(folder: Path, rounds: int, seed: int) -> tuple[int, int]:
    """Kill ``rounds`` times when a rename is called for the N-th time since the start, then look."""
    if shutil.which("strace") is None:
        raise FileNotFoundError("strace")
    rng, sent = random.Random(seed), Sent(LoadGenerator(seed))
    running = Running(folder)
    Running(folder).start().stop()  # migrations have renames of their own
    for _ in range(rounds):
        at = rng.randint(1, 60)
        inject = [*AT_RENAME, "-e", f"inject=rename,renameat,renameat2:signal=KILL:when={at}"]
        try:
            running.start(prefix=inject)
        except Exception:  # noqa: BLE001 -- killed while it started: a round as good as any
            continue
        load_until(running, sent, 30.0)
    return _look(running, sent)


def _look(running: Running, sent: Sent) -> tuple[int, int]:
    with running:
        running.drain(600)  # so that there is room in the log again
        with httpx.Client(timeout=60) as client:
            for body in sent.open:
                headers = {"content-type": "application/x-protobuf"}
                client.post(f"{running.otlp}/v1/traces", content=body, headers=headers).raise_for_status()
                sent.acknowledged += 1
        running.drain()
        # Every request was acknowledged in the end, and none may be there twice.
        return check(running, sent.load, sent.sent, sent.sent), sent.sent
