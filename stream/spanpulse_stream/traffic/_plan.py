"""What the replay adds to an Azure trace: who calls which model with which prompt, and how long it takes.

Arrival times and token counts are the trace's own. Everything else is drawn from one seed: the same (trace, seed)
gives the same plan on any machine with the pinned numpy. Latencies follow from the tokens, with noise: the time
to the first token grows with the input, the rest with the output.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.traffic._data import TraceName, arrivals

__all__ = ["MODELS", "PROMPTS", "SERVICES", "TAIL", "TIERS", "Model", "Plan", "make_plan"]

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Model:
    """A model of the mix: its share of calls, its speed, and what its provider's SDK reports."""

    provider: str
    request_model: str
    response_model: str
    share: float
    first_token_ms: float
    input_us: float  # a token of input
    output_ms: float  # a token of output
    caches: bool = False
    writes_cache: bool = False
    tiers: bool = False


MODELS: Final = (
    Model("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07", 0.24, 320, 35, 9, caches=True, tiers=True),
    Model("openai", "gpt-5", "gpt-5-2025-08-07", 0.12, 650, 60, 17, caches=True, tiers=True),
    Model("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 0.16, 260, 30, 11, caches=True),
    Model("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 0.17, 700, 70, 15, True, True),
    Model("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001", 0.09, 300, 30, 8, True, True),
    Model("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash", 0.10, 350, 25, 6, caches=True),
    Model("deepseek", "deepseek-chat", "deepseek-chat", 0.05, 900, 80, 24),
    Model("mistral_ai", "mistral-large-latest", "mistral-large-latest", 0.04, 450, 50, 18),
    Model("acme", "acme-house-7b", "acme-house-7b", 0.03, 180, 20, 10),
)
"""The last one is the company's own: no price book knows it."""

SERVICES: Final = ("chat-web", "support-bot", "doc-search")
PROMPTS: Final = ("answer-question", "summarise-thread", "draft-reply", "extract-fields")
TIERS: Final = ("default", "flex", "priority")
USERS: Final = 900
FAILING: Final = 0.015


@dataclass(frozen=True, slots=True)
class Plan:
    """One entry a call. Times and durations in ns; ``start`` counts from the first arrival of the trace."""

    start: I64
    input_tokens: I64
    output_tokens: I64
    cache_read: I64
    cache_write: I64
    model: I64
    service: I64
    tier: I64
    user: I64
    session: I64
    prompt: I64
    version: I64
    concise: NDArray[np.bool_]
    streams: NDArray[np.bool_]
    fails_first: NDArray[np.bool_]
    retrieves: NDArray[np.bool_]
    uses_tool: NDArray[np.bool_]
    before: I64  # retrieval or tool, from the request's start
    failed: I64  # the failed attempt, 0 where there was none
    first_token: I64
    duration: I64

    @property
    def end(self) -> I64:
        """When each request ends."""
        return self.start + self.before + self.failed + self.duration + TAIL


TAIL: Final = 2_000_000
"""ns that a request goes on after its model call."""


def make_plan(trace: TraceName, seed: int) -> Plan:
    """Return the plan of a whole trace."""
    rng = np.random.default_rng([seed, len(trace)])
    calls = arrivals(trace)
    size = calls.time.size
    model = rng.choice(len(MODELS), size, p=[each.share for each in MODELS])
    prompt = rng.choice(len(PROMPTS), size, p=[0.5, 0.2, 0.2, 0.1])
    user = (USERS * rng.random(size) ** 2.2).astype(np.int64)
    read, write = _cached(rng, model, calls.input_tokens)
    first_token = _milliseconds(
        rng, _of(model, "first_token_ms") + calls.input_tokens * _of(model, "input_us") / 1000, 0.25
    )
    rest = _milliseconds(rng, calls.output_tokens * _of(model, "output_ms"), 0.12)
    retrieves, uses_tool = rng.random(size) < 0.3, rng.random(size) < 0.1
    before = _milliseconds(rng, np.where(retrieves | uses_tool, 45.0, 1.0), 0.5)
    fails_first = rng.random(size) < FAILING
    return Plan(
        start=calls.time,
        input_tokens=calls.input_tokens,
        output_tokens=calls.output_tokens,
        cache_read=read,
        cache_write=write,
        model=model,
        service=rng.choice(len(SERVICES), size, p=[0.6, 0.25, 0.15]),
        tier=np.where(_of(model, "tiers") > 0, rng.choice(3, size, p=[0.85, 0.09, 0.06]), 0),
        user=user,
        session=user * 1000 + calls.time // (20 * 60 * 10**9),
        prompt=prompt,
        version=1 + (calls.time * 3 // (calls.time[-1] + 1) + prompt) % 3,
        concise=user * 2_654_435_761 % 2**32 >= 2**31,
        streams=rng.random(size) < 0.7,
        fails_first=fails_first,
        retrieves=retrieves,
        uses_tool=uses_tool,
        before=before,
        failed=np.where(fails_first, _milliseconds(rng, np.full(size, 800.0), 0.8), 0),
        first_token=first_token,
        duration=first_token + rest,
    )


def _cached(rng: np.random.Generator, model: I64, tokens: I64) -> tuple[I64, I64]:
    """Return cached and newly cached input tokens, as providers count them: in blocks, of long inputs only."""
    share = rng.choice([0.0, 0.5, 0.8, 0.95], tokens.size, p=[0.55, 0.15, 0.2, 0.1])
    read = np.where((_of(model, "caches") > 0) & (tokens >= 1024), (tokens * share).astype(np.int64) // 128 * 128, 0)
    new = (tokens - read) * rng.choice([0.0, 0.6], tokens.size, p=[0.7, 0.3])
    return read, np.where((_of(model, "writes_cache") > 0) & (tokens >= 1024), new.astype(np.int64), 0)


def _of(model: I64, name: str) -> NDArray[np.float64]:
    return np.array([float(getattr(each, name)) for each in MODELS])[model]


def _milliseconds(rng: np.random.Generator, typical: NDArray[np.float64], spread: float) -> I64:
    """Return ns around a typical number of ms, log-normally."""
    return np.asarray(typical * np.exp(rng.normal(0.0, spread, typical.size)) * 1e6, np.int64)
