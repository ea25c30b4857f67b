"""The traffic that ships with the package: two Azure traces and the recorded exports of eleven SDKs.

Guarantees the numbers as published; see NOTICE for source and licence of the Azure traces.
"""

import csv
import gzip
import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["CORPUS", "Arrivals", "Signal", "TraceName", "arrivals", "recorded"]

Signal = Literal["traces", "logs"]
TraceName = Literal["conv", "code"]

CORPUS: Final = (
    "google-genai",
    "langfuse",
    "openai-v2-default",
    "openai-v2-latest-span",
    "openai-v2-nocontent",
    "openinference-openai",
    "openlit-openai",
    "traceloop-anthropic",
    "traceloop-langchain",
    "traceloop-openai",
    "vercel-ai6",
)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Calls of one Azure service: ``time`` in ns since the first call, tokens in and out; one entry a call."""

    time: NDArray[np.int64]
    input_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]


def arrivals(trace: TraceName) -> Arrivals:
    """Return an Azure trace in order of arrival."""
    rows = list(csv.DictReader(_text(f"azure-{trace}.csv.gz").splitlines()))
    times = np.array([_nanoseconds(row["TIMESTAMP"]) for row in rows], np.int64)
    order = np.argsort(times, kind="stable")
    return Arrivals(
        time=times[order] - times.min(),
        input_tokens=np.array([int(row["ContextTokens"]) for row in rows], np.int64)[order],
        output_tokens=np.array([int(row["GeneratedTokens"]) for row in rows], np.int64)[order],
    )


def recorded(name: str) -> Iterator[tuple[Signal, bytes]]:
    """Yield the request bodies of one file of the corpus as the SDK sent them, scenario by scenario."""
    for line in _text(f"corpus-{name}.jsonl.gz").splitlines():
        scenario = json.loads(line)
        yield from (("traces", b64decode(body)) for body in scenario["traces"])
        yield from (("logs", b64decode(body)) for body in scenario["logs"])


def _text(name: str) -> str:
    packed = files("spanpulse_stream.traffic").joinpath("data", name).read_bytes()
    return gzip.decompress(packed).decode()


def _nanoseconds(stamp: str) -> int:
    """Read '2023-11-16 18:15:46.6805900', which has one digit more than datetime takes."""
    whole, _, fraction = stamp.partition(".")
    return int(datetime.fromisoformat(whole + "+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0"))
