"""What the wrapper adds to calls of the OpenAI client: time, CPU, memory, and delay of a stream's first chunk.

Client and wrapper are those an application has, content on, exporting over OTLP to a server in another process. Rounds
without anything, with spans written by hand and with the wrapper take turns in one process, so that a change of the
machine's speed meets all; a round's figure is the median of its calls (their mean and 99th percentile are printed too),
the result the median over the differences of neighbouring rounds. CPU is that of the whole process over the round and
the flush behind it: also of the threads that read, mask, encode and send. Calls follow each other, and are answered,
without a pause, so the application's thread and ours want the interpreter at once; then once more with a model that
takes `THINKS_MS`.
"""

import asyncio
import gc
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import openai

import spanpulse
from _wrapper_by_hand import ByHand

CALLS, ROUNDS = 300, 14
THINKS_MS, FEWER_CALLS = 20, 100
DELAYS, LOOK_EVERY_S, PAUSES_S = 60, 0.002, (0.01, 0.7)
GROWTH_AFTER, GROWTH_CALLS = 50_000, 200_000
ASKED = "Tell me what a fox does, and reach me at jane.doe@example.org. " * 8
MESSAGES = [{"role": "system", "content": "You are brief."}, {"role": "user", "content": ASKED}]
US = 1e6
Run = Callable[[int], tuple[list[float], list[float]]]


class Round(NamedTuple):
    """Microseconds of a call, in the median, the mean and the 99th percentile; until its first chunk; of CPU."""

    wall: float
    mean: float
    slow: float
    first: float
    cpu: float


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
    """The kinds of calls that are measured; each returns the seconds of its calls, and those until a first chunk."""

    def __init__(self, address: str, thinks_ms: int = 0) -> None:
        given: dict[str, Any] = {"base_url": f"{address}/v1", "api_key": "sk-bench", "max_retries": 0}
        if thinks_ms:
            given["default_headers"] = {"x-thinks-ms": str(thinks_ms)}
        self._client, self._background = openai.OpenAI(**given), openai.AsyncOpenAI(**given)
        self._loop = asyncio.new_event_loop()
        self.by_hand = ByHand(address)

    def close(self) -> None:
        """Close the loop, with the generators that a client has left in it."""
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def sync(self, calls: int) -> tuple[list[float], list[float]]:
        took = []
        for _ in range(calls):
            begun = time.perf_counter()
            with self.by_hand.call(MESSAGES) as told:
                told.whole(self._client.chat.completions.create(model="gpt-5", messages=MESSAGES))
            took.append(time.perf_counter() - begun)
        return took, [0.0]

    def stream(self, calls: int) -> tuple[list[float], list[float]]:
        took, firsts = [], []
        for _ in range(calls):
            begun = time.perf_counter()
            with self.by_hand.call(MESSAGES) as told:
                stream = iter(self._client.chat.completions.create(model="gpt-5", messages=MESSAGES, stream=True))
                told.chunk(next(stream))
                firsts.append(time.perf_counter() - begun)
                for chunk in stream:
                    told.chunk(chunk)
            took.append(time.perf_counter() - begun)
        return took, firsts

    def asynchronous(self, calls: int) -> tuple[list[float], list[float]]:
        return self._loop.run_until_complete(self._asynchronous(calls))

    def async_stream(self, calls: int) -> tuple[list[float], list[float]]:
        return self._loop.run_until_complete(self._async_stream(calls))

    async def _asynchronous(self, calls: int) -> tuple[list[float], list[float]]:
        took = []
        for _ in range(calls):
            begun = time.perf_counter()
            with self.by_hand.call(MESSAGES) as told:
                told.whole(await self._background.chat.completions.create(model="gpt-5", messages=MESSAGES))
            took.append(time.perf_counter() - begun)
        return took, [0.0]

    async def _async_stream(self, calls: int) -> tuple[list[float], list[float]]:
        took, firsts = [], []
        for _ in range(calls):
            begun = time.perf_counter()
            with self.by_hand.call(MESSAGES) as told:
                stream = await self._background.chat.completions.create(model="gpt-5", messages=MESSAGES, stream=True)
                chunks = stream.__aiter__()
                told.chunk(await chunks.__anext__())
                firsts.append(time.perf_counter() - begun)
                async for chunk in chunks:
                    told.chunk(chunk)
            took.append(time.perf_counter() - begun)
        return took, firsts


def measured(run: Run, calls: int, flush: Callable[[], object]) -> Round:
    """Run a round."""
    gc.collect()
    cpu = time.process_time()
    took, firsts = run(calls)
    flush()  # what a round left to the other threads is its own
    cpu = (time.process_time() - cpu) / calls
    figures = statistics.median(took), statistics.mean(took), statistics.quantiles(took, n=100)[-1]
    return Round(*(each * US for each in (*figures, statistics.median(firsts), cpu)))


def compare(name: str, run: Run, by_hand: ByHand, calls: int = CALLS) -> None:
    """Print what spans written by hand and the wrapper add to one kind of call."""
    run(calls)
    rounds: dict[str, list[Round]] = {"plain": [], "by hand": [], "spanpulse": []}
    for _ in range(ROUNDS):
        rounds["plain"].append(measured(run, calls, lambda: None))
        by_hand.on = True
        rounds["by hand"].append(measured(run, calls, by_hand.provider.force_flush))
        by_hand.on = False
        spanpulse.instrument()
        run(20)
        rounds["spanpulse"].append(measured(run, calls, lambda: spanpulse.flush(30)))
        spanpulse.uninstrument()
    plain = Round(*(statistics.median(each) for each in zip(*rounds["plain"], strict=True)))
    print(f"{name}: {plain.wall:.0f} us, p99 {plain.slow:.0f}", flush=True)
    for kind in ("by hand", "spanpulse"):
        _print(kind, rounds["plain"], rounds[kind])


def _print(kind: str, before: list[Round], after: list[Round]) -> None:
    added = [[each - plain for plain, each in zip(*pair, strict=True)] for pair in zip(before, after, strict=True)]
    more = Round(*(statistics.median(each) for each in zip(*added, strict=True)))
    low, high = statistics.quantiles([each[0] for each in added], n=4)[::2]
    print(
        f"  {kind:<9} +{more.wall:4.0f} us (quartiles {low:.0f} to {high:.0f}), mean +{more.mean:.0f}, "
        f"p99 +{more.slow:.0f}; CPU +{more.cpu:.0f} us"
        + (f"; first chunk +{more.first:.0f} us" if after[0].first else ""),
        flush=True,
    )


def delays(run: Run) -> None:
    """Print how long after a call its span is acknowledged, in an application that does little."""
    spanpulse.instrument()
    took, pauses = [], random.Random(7)
    for _ in range(DELAYS):
        time.sleep(pauses.uniform(*PAUSES_S))
        before = spanpulse.stats()["sent"]
        run(1)
        ended = time.perf_counter()
        while spanpulse.stats()["sent"] == before:
            time.sleep(LOOK_EVERY_S)
        took.append(time.perf_counter() - ended)
    spanpulse.uninstrument()
    print(f"call to acknowledged span: median {statistics.median(took):.3f} s, max {max(took):.3f}", flush=True)


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def grow(run: Callable[[int], object]) -> None:
    """Print how much memory many calls leave behind."""
    spanpulse.instrument()
    run(GROWTH_AFTER)
    spanpulse.flush(30)
    gc.collect()
    before = resident()
    for done in range(0, GROWTH_CALLS, 50_000):
        run(50_000)
        spanpulse.flush(30)
        gc.collect()
        print(f"  {done + 50_000:>7,} calls: {(resident() - before) / 1e6:+.2f} MB", flush=True)
    print(f"  {spanpulse.stats()['spans']}")


def measure(_folder: Path) -> None:
    """Print the figures."""
    with serving() as address:
        os.environ["SPANPULSE_ENDPOINT"] = address
        kinds = Kinds(address)
        for name in ("sync", "stream", "asynchronous", "async_stream"):
            compare(name, getattr(kinds, name), kinds.by_hand)
        thinking = Kinds(address, THINKS_MS)
        for name in ("sync", "stream"):
            compare(f"{name}, answered after {THINKS_MS} ms", getattr(thinking, name), thinking.by_hand, FEWER_CALLS)
        delays(kinds.sync)
        grow(kinds.sync)
        kinds.close()
