"""Ingestion: generated spans at a steady rate, as fast as they are taken, and for long enough to see memory grow."""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from _watch import Watch
from running import Running

RATE = 14_500
SECONDS = 60.0
PROBED_SECONDS = 60.0
PEAK_SECONDS = 20.0
FLAT_SECONDS = 300.0


def measure(folder: Path) -> None:
    """60 s at a steady rate above the bar; then 60 s more in which probes ask when they can be seen."""
    with Running(folder) as running:
        load(running, seconds=3.0, rate=RATE)
        running.drain()
        before = stored(running), stages(running)
        with Watch(running, probe=False) as watch:
            sent = load(running, seconds=SECONDS, rate=RATE)
            running.drain()
        _print(running, sent, watch, before)
        with Watch(running) as watch:
            sent = load(running, seconds=PROBED_SECONDS, rate=RATE)
            running.drain()
        print(f"with probes: {watch.summary()}")
        print(f"  {sent['spans'] / watch.cpu_seconds:.0f} spans per CPU-second, their queries included")


def measure_peak(folder: Path) -> None:
    """As fast as it answers: what the machine can do with the sender on it."""
    with Running(folder) as running:
        load(running, seconds=3.0, rate=0)
        running.drain()
        before = stored(running), stages(running)
        with Watch(running, probe=False) as watch:
            sent = load(running, seconds=PEAK_SECONDS, rate=0)
            running.drain()
        _print(running, sent, watch, before)


def measure_flat(folder: Path) -> None:
    """Five minutes at the steady rate: memory minute by minute."""
    with Running(folder) as running:
        with Watch(running, probe=False) as watch:
            sent = load(running, seconds=FLAT_SECONDS, rate=RATE)
        running.drain()
        minutes = [watch.memory[start : start + 60] for start in range(0, len(watch.memory), 60)]
        print(f"{sent['spans']} spans in {sent['seconds']:.0f} s, {stored(running)} stored")
        print("resident memory by minute, median: " + ", ".join(f"{statistics.median(m) / 1e6:.0f}" for m in minutes))
        print(f"peak: {max(watch.memory) / 1e6:.0f} MB")


def load(running: Running, *, seconds: float, rate: float, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Send generated spans from another process and return its report."""
    script = Path(__file__).with_name("_load.py")
    command = [sys.executable, str(script), running.otlp, "--seconds", str(seconds), "--spans-per-second", str(rate)]
    done = subprocess.run([*command, *more], capture_output=True, text=True, check=True, timeout=seconds * 4 + 120)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stored(running: Running) -> int:
    """Return how many generated spans the database holds."""
    return int(running.one("count() FROM span_rows WHERE service_name != 'probe'"))


def stages(running: Running) -> dict[str, float]:
    """Return the CPU seconds of each stage so far."""
    text = httpx.get(f"{running.web}/metrics", timeout=10).text
    return {
        sample.labels["stage"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "spanpulse_pipeline_stage_cpu_seconds_total"
    }


def _print(running: Running, sent: dict[str, Any], watch: Watch, before: tuple[int, dict[str, float]]) -> None:
    count, stages_before = before
    spans = sent["spans"]
    per_1000 = watch.cpu_seconds / spans * 1000
    landed = stored(running) - count
    print(f"acknowledged: {spans} spans in {sent['seconds']:.1f} s = {spans / sent['seconds']:.0f} spans/s")
    print(f"stored: {landed} ({spans - landed} missing), refused {sent['refused']}, repeated {sent['retries']}")
    print(f"CPU: {watch.cpu_seconds:.1f} s of the process = {spans / watch.cpu_seconds:.0f} spans per CPU-second")
    print(f"CPU-seconds per 1,000 spans: {per_1000:.4f}, of which")
    known = 0.0
    for stage, seconds in stages(running).items():
        share = (seconds - stages_before.get(stage, 0.0)) / spans * 1000
        known += share
        print(f"  {stage:<12} {share:.4f}")
    print(f"  {'the rest':<12} {per_1000 - known:.4f} (receiver, log, Faust, engine threads)")
    print(f"request latency: p50 {sent['p50'] * 1000:.0f} ms, p99 {sent['p99'] * 1000:.0f} ms")
    print(watch.summary())
    print(f"{sent['bytes_per_span']:.0f} bytes a span on the wire; the sender used {sent['cpu_seconds']:.1f} CPU-s")
