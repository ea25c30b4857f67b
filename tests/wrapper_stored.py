"""Every mode of an SDK's version, run by an instrumented process before a real `spanpulse up`: what has to be stored.

The expectations are those of the matrix; here they become rows. Each answer has an id of its own, as those of a
provider have, so that no two calls are taken for one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

from providers.said import Asked, Said
from providers.server import Providers
from running import Running
from wrapper_driving import Mode
from wrapper_matrix import names_of
from wrapper_venvs import OLDEST_OPENTELEMETRY, packages

__all__ = ["EXPORTER", "PRICES", "Ran", "differences", "price_file", "run_version"]

ROOT = Path(__file__).parents[1]
EXPORTER = ("opentelemetry-exporter-otlp-proto-http==1.39.1", *OLDEST_OPENTELEMETRY)
RUN_S = 120
MEGA = 10**6
ROUNDED_NS = 1_000

Price = dict[str, str]
PRICES: dict[str, Price] = {
    "gpt-x": {"input": "2.51", "output": "10.07", "cache_read": "0.253"},
    "claude-x": {"input": "3.003", "output": "15.1", "cache_read": "0.31", "cache_write": "3.7501"},
    "gemini-x": {"input": "1.25", "output": "5.01", "cache_read": "0.3125", "reasoning": "7.7"},
    "text-x": {"input": "0.021"},
    "m-x": {"input": "1.1", "output": "4.4", "cache_read": "0.17", "cache_write": "1.375", "reasoning": "8.8"},
}
"""USD for a million tokens, by the beginning of a model's name; a kind without one costs what its whole does."""
COLUMNS = {
    "gen_ai.operation.name": "operation",
    "gen_ai.provider.name": "provider",
    "gen_ai.request.model": "request_model",
    "gen_ai.response.model": "response_model",
    "gen_ai.response.id": "response_id",
    "gen_ai.response.finish_reasons": "finish_reasons",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cache_read_tokens",
    "gen_ai.usage.cache_write.input_tokens": "cache_write_tokens",
    "gen_ai.usage.reasoning.output_tokens": "reasoning_tokens",
    "error.type": "error_type",
}
KINDS = ("input", "output", "cache_read", "cache_write", "reasoning")
TOKENS = tuple(f"{kind}_tokens" for kind in KINDS)
REASONS = {
    "tool_calls": "tool_call",
    "end_turn": "stop",
    "completed": "stop",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
    "safety": "content_filter",
}
"""Words of providers for what the conventions have a word of their own; others stay, in small letters."""
SILENT_SAYS = {"google-genai": {"error.type": "503"}, "litellm": {"gen_ai.response.finish_reasons": ["stop"]}}
"""What spans say of modes whose errors a version takes for something else."""


@dataclass(frozen=True)
class Ran:
    """All modes of a version, after they ran."""

    sdk: str
    of: str
    service: str
    modes: dict[str, Mode]
    """By "mode/kind", as they were answered."""
    raised: dict[str, str]
    expectations: ModuleType
    """The test module of the SDK's matrix: `expected`, and what a version says in its own way."""


def price_file() -> str:
    """Return the operator's file of prices."""
    entries = [{"match": {"starts_with": model}, **price} for model, price in PRICES.items()]
    return json.dumps({"prices": entries})


def run_version(
    running: Running, providers: Providers, sdk: str, of: str, pins: tuple[str, ...], expectations: ModuleType
) -> Ran:
    """Run all modes of a version in a process of its own, which ends by itself."""
    service = f"{sdk}-{of}"
    modes = {
        name: _own(expectations.MODES[name.partition("/")[0]], f"{service}-{name}")
        for name in names_of(expectations.MODES)
    }
    addresses = {name: providers.answers(_script(service, name), *mode.turns) for name, mode in modes.items()}
    printed = _run_child(pins, sdk, service, running.otlp, json.dumps(addresses))
    return Ran(sdk, of, service, modes, json.loads(printed.splitlines()[-1]), expectations)


def differences(running: Running, providers: Providers, ran: Ran) -> dict[str, Any]:
    """Return by "mode/kind" what is stored otherwise than it was answered: column -> (stored, answered)."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(running, ran.service):
        rows.setdefault(row["mode"], []).append(row)
    found = {
        name: wrong
        for name in ran.raised
        if (wrong := _wrong_in_mode(ran, name, rows.pop(name, []), providers.asked(_script(ran.service, name))))
    }
    return found | {name: f"{len(more)} spans of no mode" for name, more in rows.items()}


def _wrong_in_mode(ran: Ran, name: str, rows: list[dict[str, Any]], asked: list[Asked]) -> Any:
    mode = ran.modes[name]
    spans = mode.spans or (mode.client == "native")  # that one is told by the SDK
    if len(rows) != spans:
        return f"{len(rows)} spans, not {spans}"
    if not mode.spans:
        return {}
    wanted = _wanted(ran, name)
    wrong = {}
    if mode.spans > 1:
        ids = sorted(turn.id for turn in mode.turns if isinstance(turn, Said))
        if sorted(row["response_id"] for row in rows) != ids:
            wrong["ids"] = [row["response_id"] for row in rows]
        del wanted["response_id"]
    for place, row in enumerate(rows):
        answered = wanted | {"cost": _cost(_price(row), {**row, **wanted})}
        wrong |= {key: (row[key], value) for key, value in answered.items() if row[key] != value}
        if mode.spans == 1 or len(asked) == mode.spans:
            wrong |= _wrong_times(row, mode, asked[place : place + 1] if mode.spans > 1 else asked)
    return wrong


def _wanted(ran: Ran, name: str) -> dict[str, Any]:
    """Return the columns of a mode's spans."""
    mode, module = ran.modes[name], ran.expectations
    told = {"error.type": ran.raised[name] or None, **module.expected(mode)}
    if {name, name.partition("/")[0]} & set(getattr(module, "SILENT", {}).get(ran.of, ())):
        told |= SILENT_SAYS[ran.sdk]
    changed = getattr(module, "CHANGED", {}).get((ran.of, mode.client or mode.operation), ())
    row = {column: told.get(name) for name, column in COLUMNS.items() if name not in changed}
    row["finish_reasons"] = [REASONS.get(each.lower(), each.lower()) for each in row["finish_reasons"] or ()]
    has_usage = row["input_tokens"] is not None or row["output_tokens"] is not None
    return {
        **row,
        "counted": True,
        "kind": "embedding" if mode.operation == "embeddings" else "llm",
        "status": "error" if row["error_type"] else "unset",
        "usage_status": "reported" if has_usage else "missing",
        "cost_confidence": "computed" if has_usage else "missing",
    }


def _price(row: dict[str, Any]) -> Price:
    model = row["response_model"] or row["request_model"]
    return next(price for start, price in PRICES.items() if model.startswith(start))


def _cost(price: Price, told: dict[str, Any]) -> Decimal | None:
    """Return the USD of a call, each token once at the price of the finest kind that it is of; None without usage."""
    if told["usage_status"] == "missing":
        return None
    given, answered, read, written, thought = (told[f"{kind}_tokens"] or 0 for kind in KINDS)
    of_input, of_output = price["input"], price.get("output", "0")
    each = (
        (given - read - written, of_input),
        (read, price.get("cache_read", of_input)),
        (written, price.get("cache_write", of_input)),
        (answered - thought, of_output),
        (thought, price.get("reasoning", of_output)),
    )
    return sum((count * Decimal(usd) for count, usd in each), Decimal(0)) / MEGA


def _wrong_times(row: dict[str, Any], mode: Mode, asked: list[Asked]) -> dict[str, Any]:
    """Hold the times of a span against when the server was asked and sent its first and its last part."""
    wrong: dict[str, Any] = {}
    if not row["start"] <= asked[0].moments["received"] or row["end"] < row["start"]:
        wrong["times"] = (row["start"], row["end"], asked[0].moments)
    last = mode.turns[-1]
    streams = bool(asked[0].json.get("stream")) or ":stream" in asked[0].path
    if bool(row["stream"]) is not streams:
        wrong["stream"] = (row["stream"], streams)
    has_first = streams and isinstance(last, Said) and last.stalls_after != 0
    if (row["first"] is not None) is not has_first:
        wrong["time to first token"] = (row["first"], has_first)
    elif has_first:
        begun, ended = asked[-1].moments["first"], asked[-1].moments["last"]
        seen = row["start"] + row["first"] - begun
        if seen < -ROUNDED_NS or (isinstance(last, Said) and last.chunk_s and seen > (ended - begun) / 2):
            wrong["time to first token"] = (seen, ended - begun)
    return wrong


def _rows(running: Running, service: str) -> Iterator[dict[str, Any]]:
    shown = ", ".join(
        [
            *COLUMNS.values(),
            "counted",
            "kind",
            "status",
            "usage_status",
            "cost_confidence",
            "stream",
            "tags['mode'] AS mode",
        ]
    )
    times = "toUnixTimestamp64Nano(start_time) AS start, toUnixTimestamp64Nano(end_time) AS end"
    for row in running.sql(
        f"SELECT {shown}, toString(cost) AS cost, {times}, time_to_first_token_ns AS first"
        f" FROM spans WHERE service_name = '{service}' ORDER BY start_time"
    ):
        whole = {key: None if row[key] is None else int(row[key]) for key in (*TOKENS, "start", "end", "first")}
        yield {**row, **whole, "cost": None if row["cost"] is None else Decimal(row["cost"])}


def _own(mode: Mode, of: str) -> Mode:
    """Return a mode whose answers have ids of their own."""
    turns = mode.turns * (mode.spans if len(mode.turns) == 1 and mode.spans else 1)
    named = tuple(
        replace(turn, id=f"{turn.id}-{of.replace('/', '-')}-{place}") if isinstance(turn, Said) else turn
        for place, turn in enumerate(turns)
    )
    own = replace(mode, turns=named)
    says = {"gen_ai.response.id": own.said.id} if mode.says.get("gen_ai.response.id") else {}
    return replace(own, says={**mode.says, **says})


def _script(service: str, name: str) -> str:
    return f"{service}-{name}".replace("/", "-")


def _run_child(pins: tuple[str, ...], *given: str) -> str:
    """Run the process with the packages of a version, or with those of the tests, and return what it prints."""
    *words, text = given
    folders = [packages(*pins), packages(*EXPORTER)] if pins else []
    path = os.pathsep.join(map(str, [*folders, ROOT / "instrumentation", ROOT / "tests"]))
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("SPANPULSE_", "OTEL_"))}
    ran = subprocess.run(
        [sys.executable, *(["-S"] if pins else []), str(ROOT / "tests" / "wrapper_stored_child.py"), *words],
        input=text,
        env={**bare, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    return ran.stdout
