"""What the wrapper adds to calls of the OpenAI client: time, CPU, memory, and delay of a stream's first chunk.

Client and wrapper are those an application has, content on, exporting over OTLP to a server in another process. Rounds
with and without the wrapper take turns in one process, so that a change of the machine's speed meets both; the figure
is the median over the differences of neighbouring rounds. CPU is that of the whole process, so it holds the thread that
reads, masks, encodes and sends.
"""

import asyncio
import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai

import spanpulse

CALLS, ROUNDS = 400, 12
GROWTH_AFTER, GROWTH_CALLS = 50_000, 200_000
ASKED = "Tell me what a fox does, and reach me at jane.doe@example.org. " * 8
MESSAGES = [{"role": "system", "content": "You are brief."}, {"role": "user", "content": ASKED}]


@contextmanager
def serving() -> Iterator[str]:
    """Run the server in a process of its own; yield its address."""
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "_wrapper_server.py")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.terminate()
        server.wait(10)


class Kinds:
    """The kinds of calls that are measured; each returns the seconds until its first chunk, or 0."""

    def __init__(self, address: str) -> None:
        given: dict[str, Any] = {"base_url": f"{address}/v1", "api_key": "sk-bench", "max_retries": 0}
        self._client, self._background = openai.OpenAI(**given), openai.AsyncOpenAI(**given)
        self._loop = asyncio.new_event_loop()

    def sync(self, calls: int) -> float:
        for _ in range(calls):
            self._client.chat.completions.create(model="gpt-5", messages=MESSAGES)
        return 0.0

    def stream(self, calls: int) -> float:
        firsts = 0.0
        for _ in range(calls):
            begun = time.perf_counter()
            stream = iter(self._client.chat.completions.create(model="gpt-5", messages=MESSAGES, stream=True))
            next(stream)
            firsts += time.perf_counter() - begun
            for _chunk in stream:
                pass
        return firsts / calls

    def asynchronous(self, calls: int) -> float:
        return self._loop.run_until_complete(self._asynchronous(calls))

    def async_stream(self, calls: int) -> float:
        return self._loop.run_until_complete(self._async_stream(calls))

    async def _asynchronous(self, calls: int) -> float:
        for _ in range(calls):
            await self._background.chat.completions.create(model="gpt-5", messages=MESSAGES)
        return 0.0

    async def _async_stream(self, calls: int) -> float:
        firsts = 0.0
        for _ in range(calls):
            begun = time.perf_counter()
            stream = await self._background.chat.completions.create(model="gpt-5", messages=MESSAGES, stream=True)
            chunks = stream.__aiter__()
            await chunks.__anext__()
            firsts += time.perf_counter() - begun
            async for _chunk in chunks:
                pass
        return firsts / calls


def timed(run: Callable[[int], float]) -> tuple[float, float, float]:
    """Return wall s, CPU s and s to the first chunk of one call, of a round."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    first = run(CALLS)
    wall = time.perf_counter() - wall
    spanpulse.flush(30)  # what a round left to the other thread is its own
    return wall / CALLS, (time.process_time() - cpu) / CALLS, first


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def compare(name: str, run: Callable[[int], float]) -> None:
    """Print what the wrapper adds to one kind of call."""
    run(CALLS)
    added = []
    for _ in range(ROUNDS):
        plain = timed(run)
        spanpulse.instrument()
        watched = timed(run)
        spanpulse.uninstrument()
        added.append([(after - before) * 1e6 for before, after in zip(plain, watched, strict=True)])
    wall, cpu, first = (statistics.median(each) for each in zip(*added, strict=True))
    low, high = statistics.quantiles([each[0] for each in added], n=4)[::2]
    print(f"{name:<14} +{wall:4.0f} us a call (quartiles {low:.0f} to {high:.0f}), CPU +{cpu:4.0f} us", end="")
    print(f", first chunk +{first:.0f} us" if first else "", flush=True)


def grow(run: Callable[[int], float]) -> None:
    """Print how much memory many calls leave behind."""
    spanpulse.instrument()
    run(GROWTH_AFTER)
    spanpulse.flush(30)
    gc.collect()
    before = resident()
    for done in range(0, GROWTH_CALLS, 20_000):
        run(20_000)
        spanpulse.flush(30)
        gc.collect()
        print(f"  {done + 20_000:>7,} calls: {(resident() - before) / 1e6:+.2f} MB", flush=True)
    print(f"dropped: {spanpulse.stats()}")


def measure(_folder: Path) -> None:
    """Print the figures."""
    with serving() as address:
        os.environ["SPANPULSE_ENDPOINT"] = address
        kinds = Kinds(address)
        compare("sync", kinds.sync)
        compare("stream of 20", kinds.stream)
        compare("async", kinds.asynchronous)
        compare("async stream", kinds.async_stream)
        grow(kinds.sync)
