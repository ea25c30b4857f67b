"""`reprice` while spans arrive: all calls of a model have the new price, in spans and rollups, and nothing else has."""

from decimal import Decimal
from pathlib import Path

import pytest

from maintaining import Sender, change, operate
from running import Running
from sinks_inside import a_process

DEARER = "prices:\n  - match: {starts_with: gpt-4o-mini}\n    input: 50\n    output: 100\n"
OF_MODEL = "startsWith(request_model, 'gpt-4o-mini')"


def cost(running: Running, table: str, where: str) -> Decimal:
    return Decimal(running.one(f"toString(sum(cost)) AS cost FROM {table} WHERE {where}"))


@pytest.mark.slow
def test_reprice_under_load_changes_spans_and_rollups_alike(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("prices: []\n")
    running = Running(tmp_path, {"SPANPULSE_PRICES": str(prices)})
    sender = Sender(running)
    asked = {"model": "gpt-4o-mini", "from": "2020-01-01"}
    with running:
        sender.send(12)
        running.drain()
        others = f"NOT {OF_MODEL}"
        before = cost(running, "spans", f"counted AND {others}")
        prices.write_text(DEARER)
        tried = operate(running, "reprice", {**asked, "dry_run": True})
        assert Decimal(tried["total"]["difference"]) > 0
        assert cost(running, "spans", f"counted AND {others}") == before
        assert running.one("uniqExact(price_version) AS n FROM span_rows") == 1
        with sender.going_on():
            report = operate(running, "reprice", asked)
        sender.send(2)
        running.drain()
        total = report["total"]
        assert Decimal(total["new_cost"]) - Decimal(total["old_cost"]) == Decimal(total["difference"]) > 0
        assert total["spans"] >= tried["total"]["spans"] == tried["total"]["changed"]
        for table in ("rollup_minute", "rollup_user"):
            assert cost(running, table, "true") == cost(running, "spans", "counted"), table
        # Every call of the model costs what the file says, those that came in while it ran and after it too.
        given, answered = (f"toDecimal128(ifNull({name}_tokens, 0), 12)" for name in ("input", "output"))
        exact = f"({given} * 50 / 1000000 + {answered} / 10000)"
        assert running.one(f"count() AS n FROM span_rows WHERE {OF_MODEL} AND kind = 'llm' AND cost != {exact}") == 0
        assert running.one(f"uniqExact(price_version) AS n FROM span_rows WHERE {OF_MODEL} AND isNotNull(cost)") == 1
        audited = operate(running, "audit", {})
        assert audited["findings"] == []
        again = operate(running, "reprice", asked)
        assert (again["total"]["changed"], Decimal(again["total"]["difference"])) == (0, 0)
    with running:  # a start sees nothing to be done again
        assert operate(running, "audit", {})["whole"]
        assert "refilled" not in running.output
        expected = cost(running, "rollup_minute", "true")
        (batch,) = running.sql("SELECT first_offset AS first, last_offset AS last FROM batches ORDER BY first LIMIT 1")
    lost_spans_come_back_with_the_new_price(
        running, f"log_offset BETWEEN {batch['first']} AND {batch['last']}", expected
    )


def lost_spans_come_back_with_the_new_price(running: Running, lost: str, expected: Decimal) -> None:
    """Lose the spans of a batch in a folder that was repriced: the next start computes them from the log."""
    with a_process() as inside:
        inside(change, running.data, [f"ALTER TABLE span_rows DELETE WHERE {lost} SETTINGS mutations_sync = 1"])
    with running:
        audited = operate(running, "audit", {})  # waits for what the start goes on with
        assert audited["findings"] == []
        assert running.one(f"count() AS n FROM span_rows WHERE {lost}") > 0
        assert cost(running, "rollup_minute", "true") == cost(running, "spans", "counted") == expected
        assert "refilled" in running.output
