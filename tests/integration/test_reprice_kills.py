"""SIGKILL while days are repriced or rebuilt: the next start, or asking again, leaves everything whole."""

import contextlib
import random
import threading
from pathlib import Path

import pytest

from maintaining import Sender, operate
from running import Running

DEARER = "prices:\n  - match: {starts_with: gpt-4o-mini}\n    input: 50\n    output: 100\n"


def killed(running: Running, name: str, arguments: dict[str, str], after: float) -> None:
    """Ask for an operation and kill the process ``after`` seconds."""

    def ask() -> None:
        with contextlib.suppress(Exception):
            operate(running, name, arguments)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(after)
    running.kill()
    asking.join(30)


@pytest.mark.slow
def test_kills_while_days_are_repriced_and_rebuilt(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("prices: []\n")
    running, rng = Running(tmp_path, {"SPANPULSE_PRICES": str(prices)}), random.Random(3)
    sender = Sender(running)
    asked = {"model": "gpt-4o-mini", "from": "2020-01-01"}
    running.start()
    sender.send(10)
    running.drain()
    prices.write_text(DEARER)
    for number, name in enumerate(("rebuild", "reprice", "reprice")):
        killed(running, name, asked, rng.uniform(0.1, 1.5))
        running.start()
        sender.send(1)
        audited = operate(running, "audit", {})  # waits for what the start goes on with
        assert audited["findings"] == [], f"after kill {number}"
    operate(running, "reprice", asked)
    running.drain()
    exact = "ifNull(input_tokens, 0) * 50 / 1e6 + ifNull(output_tokens, 0) / 1e4"
    wrong = running.one(
        "count() AS n FROM span_rows WHERE startsWith(request_model, 'gpt-4o-mini') AND isNotNull(cost)"
        f" AND abs(toFloat64(cost) - ({exact})) > 1e-9"
    )
    assert wrong == 0
    assert operate(running, "audit", {})["whole"]
    assert running.sql("SELECT name FROM system.tables WHERE startsWith(name, 'aside')") == []
    assert running.stop() == 0
