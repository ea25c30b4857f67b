"""The page: how soon it answers over ten million spans, what ten people who watch it cost, what an idle process uses.

People who watch are clients that do what the page's own script does: ask whether something is new, and only then
fetch the page again. Each looks at a range and a filter of their own, or all at the same.
"""

import json
import re
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

import _many
from _ingest import load
from _watch import Watch
from running import Running

REPEATS = 12
IDLE_SECONDS = 60.0
LIVE_SECONDS = 40.0
LIVE_RATE = 9000.0  # to each of two processes
ROUNDS = 2
RANGES = ("15m", "1h", "6h", "24h", "7d")
VERSION = re.compile(r'data-version="([^"]*)" data-query="([^"]*)"')


def measure_idle(folder: Path) -> None:
    """CPU time of a process that nobody sends to and nobody looks at."""
    with Running(folder) as running:
        assert running.process is not None
        process = psutil.Process(running.process.pid)
        process.cpu_percent()
        process.cpu_percent(interval=10.0)
        print(f"idle: {process.cpu_percent(interval=IDLE_SECONDS):.1f} % of a core over {IDLE_SECONDS:.0f} s")


def measure(folder: Path) -> None:
    """Every page over ten million spans: median and 95th percentile, answers that nobody has asked for yet."""
    _many.make(folder)
    with Running(folder) as running, httpx.Client(base_url=running.web, timeout=60) as client:
        every: list[float] = []
        for name, addresses in _pages(running).items():
            times = [_timed(client, address) for address in addresses]
            every += times
            print(f"  {name:<44} median {_ms(statistics.median(times))}, slowest {_ms(max(times))}", flush=True)
        every.sort()
        print(f"all {len(every)} pages: p95 {_ms(every[round(0.95 * (len(every) - 1))])}")


def measure_live(folder: Path) -> None:
    """CPU seconds of a process that ten people watch, by those of one beside it that takes the same and nobody watches.

    Both at once, since that of one alone varies by a fifth from minute to minute; who is watched changes in turns.
    """
    watched = {"the same page": ["/?range=1h"] * 10, "ten different pages": [_address(number) for number in range(10)]}
    (folder / "one").mkdir()
    (folder / "other").mkdir()
    with Running(folder / "one") as one, Running(folder / "other") as other:
        _both(one, other, seconds=3.0)
        for name, addresses in watched.items():
            ratios = []
            for number in range(2 * ROUNDS):
                seen, unseen = (one, other) if number % 2 else (other, one)
                with _people(seen, addresses) as looked:
                    beside, alone = _both(seen, unseen, seconds=LIVE_SECONDS)
                ratios.append(beside / alone)
                print(f"  {name}: {beside:.1f} us a span, {alone:.1f} beside it, {looked[0]} renewed", flush=True)
            mean = statistics.geometric_mean(ratios)
            turns = ", ".join(f"{ratio:.3f}" for ratio in ratios)
            print(f"ten people on {name}: CPU time a span x {mean:.3f} ({turns})")


def _both(first: Running, second: Running, *, seconds: float) -> list[float]:
    """Send the same load to both at once; return the CPU time a span of each, us."""
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(lambda running: _per_span(running, seconds), (first, second)))


def _per_span(running: Running, seconds: float) -> float:
    with Watch(running, probe=False) as watch:
        sent = load(running, seconds=seconds, rate=LIVE_RATE)
        running.drain()
    return watch.cpu_seconds / float(sent["spans"]) * 1e6


def _address(number: int) -> str:
    services = ("chat-web", "support-bot", "doc-search")
    return f"/?range={RANGES[number % len(RANGES)]}&service={services[number % 3]}"


@contextmanager
def _people(running: Running, addresses: list[str]) -> Iterator[list[int]]:
    """Have someone watch each address; yields, once all have it open, how often a page was fetched again."""
    ended, looked, opened = threading.Event(), [0], threading.Barrier(len(addresses) + 1)
    threads = [
        threading.Thread(target=_look, args=(running.web, address, opened, ended, looked)) for address in addresses
    ]
    for thread in threads:
        thread.start()
    try:
        opened.wait(60)
        yield looked
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _look(base: str, address: str, opened: threading.Barrier, ended: threading.Event, looked: list[int]) -> None:
    with httpx.Client(base_url=base, timeout=60) as client:
        version, query = _shown(client, address)
        opened.wait(60)
        wait = 1.0
        while not ended.wait(wait):
            found = json.loads(client.get(f"/api/v1/live?{query}").raise_for_status().content)
            wait = max(1.0, found["next_seconds"])
            if found["version"] != version:
                version, query = _shown(client, address)
                looked[0] += 1


def _shown(client: httpx.Client, address: str) -> tuple[str, str]:
    found = VERSION.search(client.get(address).raise_for_status().text)
    assert found is not None, address
    return found[1], found[2].replace("&amp;", "&")


def _pages(running: Running) -> dict[str, list[str]]:
    """Return addresses by kind, all different."""
    services = ("chat-web", "support-bot", "doc-search")
    models = [row["model"] for row in running.sql("SELECT DISTINCT model FROM rollup_minute ORDER BY model")]
    traces = [row["trace_id"] for row in running.sql(f"SELECT trace_id FROM span_rows LIMIT {REPEATS} BY ordinal")]
    ranges = [f"range={name}" for name in RANGES]
    scopes = [f"{span}&service={service}" for span in ranges for service in services]
    narrow = [f"{span}&model={model}" for span in ranges for model in models][: 2 * REPEATS]
    return {
        "overview": [f"/?{scope}" for scope in ranges],
        "overview, one service": [f"/?{scope}" for scope in scopes],
        "overview, one model": [f"/?{scope}" for scope in narrow],
        "table by prompt, by service": [f"/?{scope}&by={by}" for scope in ranges for by in ("prompt", "service")],
        "table by user, by session": [f"/?{scope}&by={by}" for scope in ranges[:4] for by in ("user", "session")],
        "newest traces": [f"/traces?{scope}" for scope in scopes],
        "slowest traces": [f"/traces?{scope}&order=slowest" for scope in scopes],
        "dearest traces": [f"/traces?{scope}&order=dearest" for scope in scopes],
        "failed traces": [f"/traces?{scope}&order=failed" for scope in scopes],
        "one trace": [f"/traces/{trace}" for trace in traces[:REPEATS]],
        "unpriced models": [f"/unpriced?{scope}" for scope in ranges],
    }


def _timed(client: httpx.Client, address: str) -> float:
    begun = time.perf_counter()
    answer = client.get(address).raise_for_status()
    taken = time.perf_counter() - begun
    assert "Waiting for the first span" not in answer.text, "the data is not seen as processed"
    return taken


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
