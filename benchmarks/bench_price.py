"""CPU time to price a batch of 7,000 spans: ten models, and 5,000 distinct model names."""

import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from price_columns import Call, columns
from spanpulse_stream.price import PriceBook

SPANS = 7_000
MODELS = [
    ("openai", "gpt-5"), ("openai", "gpt-4o-mini"), ("openai", "gpt-4.1"), ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-haiku-4-5"), ("gcp.gemini", "gemini-2.5-pro"), ("deepseek", "deepseek-chat"),
    ("mistral_ai", "mistral-large-latest"), ("groq", "llama-3.1-8b-instant"), ("openai", "acme-internal"),
]  # fmt: skip


def calls(names: list[tuple[str, str]]) -> list[Call]:
    rng = random.Random(7)
    made = []
    for _ in range(SPANS):
        provider, model = rng.choice(names)
        size = rng.randrange(10, 300_000)
        usage = {"input_tokens": size, "output_tokens": rng.randrange(2000), "cache_read_tokens": size // 3}
        tier = rng.choice((None, None, None, "batch"))
        status = "reported" if rng.random() < 0.6 else None
        made.append(Call(provider, model, model, tier=tier, status=status, usage=usage))
    return made


def measure(label: str, names: list[tuple[str, str]], repeat: int = 30) -> None:
    batch = columns(calls(names))
    book = PriceBook.load()
    started = time.process_time()
    book.price(batch)
    first = time.process_time() - started
    runs = []
    for _ in range(repeat):
        started = time.process_time()
        book.price(batch)
        runs.append(time.process_time() - started)
    warm = statistics.median(runs) / SPANS * 1e6
    print(f"price {label}: {warm:.2f} us CPU a span, first batch {first / SPANS * 1e6:.2f} us")


if __name__ == "__main__":
    measure("10 models", MODELS)
    measure("5,000 model names", [("openai", f"made-up-{number}") for number in range(5_000)])
