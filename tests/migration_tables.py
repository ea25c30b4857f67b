"""The tables of the migrations with their placeholders filled, for tests that insert into them."""

import re
from pathlib import Path

MIGRATIONS = Path(__file__).parents[1] / "sinks/spanpulse_sinks/clickhouse/migrations"
COUNTS = (
    *("requests", "weighted_requests", "errors", "weighted_errors"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("weighted_input_tokens", "weighted_output_tokens", "requests_usage_missing", "requests_unpriced"),
    *("weighted_requests_usage_missing", "weighted_requests_unpriced"),
)
MONEY = ("cost", "weighted_cost", "cost_provider", "cost_computed", "cost_estimated")
NOT_OF_BATCHES = {"erased"}
"""Columns that no batch writes."""
SKETCHES = ("latency", "time_to_first_token", "time_per_output_token")


def measures() -> str:
    """Return the columns that stand for {measures}."""
    columns = [f"{name} SimpleAggregateFunction(sum, Int64)" for name in COUNTS]
    columns += [f"{name} SimpleAggregateFunction(sum, Decimal(38, 12))" for name in MONEY]
    columns += [f"{name} SimpleAggregateFunction(sumMap, Map(Int16, Int64))" for name in SKETCHES]
    return ",\n    ".join([*columns, "errors_by_type SimpleAggregateFunction(sumMap, Map(String, Int64))"])


def statements() -> dict[str, str]:
    """Return table -> CREATE TABLE."""
    files = sorted(MIGRATIONS.glob("*.sql"))
    text = "\n".join(file.read_text("utf-8") for file in files).replace("{measures}", measures())
    text = re.sub(r"--.*", "", text)
    text = re.sub(r"\{settings[^}]*\}|\{ttl:\w+\}", "", text)
    creates = [part for part in re.split(r";\s*(?:\n|$)", text) if "CREATE TABLE" in part]
    tables = {re.search(r"EXISTS (\w+)", create)[1]: create for create in creates}  # type: ignore[index]
    for table, name, kind in re.findall(r"ALTER TABLE (\w+) ADD COLUMN IF NOT EXISTS (\w+) ([^;]+);", text):
        if name not in NOT_OF_BATCHES:
            tables[table] = tables[table].replace(
                "\n)\nENGINE", f",\n    {name} {kind.split(' AFTER ')[0]}\n)\nENGINE", 1
            )
    return tables


def column_names(table: str) -> list[str]:
    """Return a table's columns in order."""
    body = statements()[table].split("(\n", 1)[1].rsplit("ENGINE", 1)[0]
    names = [line.split()[0] for line in body.splitlines() if re.match(r"\s*[a-z_0-9]+\s+[A-Z]", line)]
    return [name for name in names if name != "INDEX"]
