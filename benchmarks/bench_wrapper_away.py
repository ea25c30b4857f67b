"""The receiver goes away under load: what calls of an instrumented application feel of it, and what becomes of spans.

    python benchmarks/bench_wrapper_away.py [--away 60] [--rate 200] [--threads 4] [--text 16384] [--queue-mb 64]

An application asks a model at a steady rate, with texts so long that the memory for what waits is used up. A real
`spanpulse up` is ended by SIGKILL, stays away, and comes back; once without a spill folder and once with one. Printed
are latencies of the calls before, while it is away and after, the application's memory, and the account: calls made =
spans stored + spans counted as dropped. Exits with 1 where that is not so, or where a spill folder did not hold all.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from running import Running

STEADY_S = 20.0
SENT_WITHIN_S = 240.0
EVERY_S = 0.5
MB = 1e6
MS = 1e3
SPILL_MB = 512
PHASES = ("before", "away", "after")
ANSWER = {
    "object": "chat.completion",
    "created": 1_750_000_000,
    "model": "gpt-5-2025-08-07",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 4_000, "completion_tokens": 2, "total_tokens": 4_002},
}


def serve() -> None:
    """Answer as a model does, each time with an id of its own; print the port."""
    ids = count()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
                body = json.dumps({"id": f"chatcmpl-{os.getpid()}-{next(ids):020}", **ANSWER}).encode()
                said = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(said.encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(run())


def application(asked: dict[str, Any]) -> None:
    """Make calls until the input ends, send what is left, and print every call's time and what became of its span."""
    import openai  # noqa: PLC0415 -- of the application alone

    import spanpulse  # noqa: PLC0415

    spanpulse.instrument(service_name=asked["service"], **asked["settings"])
    client = openai.OpenAI(base_url=f"{asked['model']}/v1", api_key="sk-bench", max_retries=0)
    words, ended = " ".join(f"word{number}" for number in range(asked["text"]))[: asked["text"]], threading.Event()
    calls: list[tuple[float, float]] = []

    def work(every: float) -> None:
        due = time.monotonic()
        while not ended.wait(max(0.0, due - time.monotonic())):
            due += every
            begun = time.perf_counter()
            client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": words}])
            calls.append((time.time(), time.perf_counter() - begun))

    threads = [threading.Thread(target=work, args=(asked["threads"] / asked["rate"],)) for _ in range(asked["threads"])]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    begun = time.monotonic()
    is_sent = spanpulse.flush(SENT_WITHIN_S)
    took = time.monotonic() - begun
    print(json.dumps({"calls": calls, "is_sent": is_sent, "took": took, "stats": spanpulse.stats()["spans"]}))


@contextmanager
def part(name: str, given: str = "") -> Iterator[subprocess.Popen[str]]:
    """Run one of the other processes, the first line of whose input is ``given``."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--part", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin is not None
        process.stdin.write(f"{given}\n")
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.wait()


class Memory:
    """Watches the resident memory of a process, in bytes, and which moment it was seen at."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process, self._ended = psutil.Process(process.pid), threading.Event()
        self.seen: list[tuple[float, int]] = []
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.seen.append((time.time(), self._process.memory_info().rss))


def away(running: Running, model: str, given: argparse.Namespace, spill: Path | None) -> bool:
    """Take the receiver away and bring it back; print what that did, and tell whether the account is right."""
    service = "spilling" if spill else "in memory"
    settings: dict[str, Any] = {"endpoint": running.otlp, "queue_bytes": int(given.queue_mb * (1 << 20))}
    if spill:
        settings |= {"spill_dir": str(spill), "spill_bytes": SPILL_MB << 20}
    asked = {"service": service, "settings": settings, "model": model, "text": given.text}
    ports = {name.replace("_", "-"): int(str(at).rpartition(":")[2]) for name, at in running.addresses.items()}
    with part("application", json.dumps({**asked, "threads": given.threads, "rate": given.rate})) as process:
        memory = Memory(process)
        time.sleep(given.steady)
        moments = [time.time()]
        running.kill()
        time.sleep(given.away)
        running.start(ports=ports)
        moments.append(time.time())
        time.sleep(given.steady)
        said, _ = process.communicate(timeout=SENT_WITHIN_S + 60)
        memory.stop()
    running.drain()
    made = json.loads(said)
    for place, phase in enumerate(PHASES):
        since, until = [0.0, *moments][place], [*moments, float("inf")][place]
        show(service, phase, made["calls"], memory.seen, since, until)
    return is_right(running, service, made)


def show(
    service: str, phase: str, calls: list[list[float]], seen: list[tuple[float, int]], since: float, until: float
) -> None:
    """Print a line of the table: calls and memory of a phase."""
    took = [call[1] * MS for call in calls if since <= call[0] < until]
    most = max(bytes_ for moment, bytes_ in seen if since <= moment < until)
    slow = statistics.quantiles(took, n=100)[-1]
    print(
        f"| {service:<9} | {phase:<6} | {len(took):>6,} | {statistics.median(took):>6.2f} | {slow:>6.2f} "
        f"| {max(took):>6.1f} | {most / MB:>6.0f} |",
        flush=True,
    )


def is_right(running: Running, service: str, made: dict[str, Any]) -> bool:
    """Print the account of spans, and tell whether it is right."""
    calls, dropped = len(made["calls"]), sum(made["stats"]["dropped"].values())
    stored = int(running.one(f"count() FROM span_rows WHERE service_name = '{service}'"))
    print(
        f"{service}: {calls:,} calls = {stored:,} stored + {dropped:,} dropped {made['stats']['dropped']}; "
        f"the last was sent {made['took']:.1f} s after the last call",
        flush=True,
    )
    return made["is_sent"] and calls == stored + dropped and not (service == "spilling" and dropped)


def main() -> int:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", choices=("model", "application"), help=argparse.SUPPRESS)
    parser.add_argument("--away", type=float, default=60.0, help="seconds")
    parser.add_argument("--steady", type=float, default=STEADY_S, help="seconds before and after")
    parser.add_argument("--rate", type=float, default=200.0, help="calls a second")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--text", type=int, default=16_384, help="characters of a question")
    parser.add_argument("--queue-mb", type=float, default=64.0, help="memory for what waits, MiB")
    given = parser.parse_args()
    if given.part == "model":
        serve()
    if given.part == "application":
        application(json.loads(sys.stdin.readline()))
    if given.part:
        return 0
    print("| spans     | `up` is | calls | p50 ms | p99 ms | max ms | RSS MB |\n|---|---|---|---|---|---|---|")
    right = []
    with tempfile.TemporaryDirectory() as folder, part("model") as server:
        assert server.stdout is not None
        model = f"http://127.0.0.1:{int(server.stdout.readline())}"
        for spill in (None, Path(folder) / "spill"):
            place = Path(folder) / ("spilling" if spill else "memory")
            place.mkdir()
            with Running(place) as running:
                right.append(away(running, model, given, spill))
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
