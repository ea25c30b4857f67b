"""Every client, mode and version before a real `spanpulse up`: stored is what the server answered, one row a call.

Each version runs in a process that is instrumented by the one line and ends by itself.
"""

import importlib
from collections.abc import Iterator

import pytest

from maintaining import operate
from providers.server import Providers
from running import Running
from wrapper_stored import Ran, differences, price_file, run_version

MATRIX = {
    sdk: importlib.import_module(f"integration.test_wrapper_{module}")
    for sdk, module in {
        "openai": "openai",
        "anthropic": "anthropic",
        "google-genai": "google",
        "litellm": "litellm",
    }.items()
}
VERSIONS = [(sdk, of) for sdk, module in MATRIX.items() for of in module.VERSIONS]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("stored")
    prices = folder / "prices.yaml"
    prices.write_text(price_file())
    with Running(folder, {"SPANPULSE_PRICES": str(prices)}) as running:
        yield running


@pytest.fixture(scope="module")
def everything() -> list[Ran]:
    """What ran so far."""
    return []


@pytest.mark.slow
@pytest.mark.parametrize(("sdk", "of"), VERSIONS, ids=[f"{sdk}-{of}" for sdk, of in VERSIONS])
def test_what_is_stored_is_what_the_server_answered(
    sdk: str, of: str, running: Running, providers: Providers, everything: list[Ran]
) -> None:
    module = MATRIX[sdk]
    ran = run_version(running, providers, sdk, of, module.VERSIONS[of], module)
    everything.append(ran)
    assert len(ran.raised) > len(ran.modes) / 2
    running.drain()
    assert differences(running, providers, ran) == {}


@pytest.mark.slow
def test_each_call_of_all_of_them_is_one_request_and_its_costs_add_up(running: Running, everything: list[Ran]) -> None:
    calls = sum(
        ran.modes[name].spans or (ran.modes[name].client == "native") for ran in everything for name in ran.raised
    )
    assert running.drain()["completeness"]["unaccounted"] == 0
    assert int(running.one("count() FROM span_rows")) == calls
    for table in ("rollup_minute", "rollup_quarter"):
        (row,) = running.sql(f"SELECT sum(requests) AS calls, toString(sum(cost)) AS usd FROM {table}")
        assert (int(row["calls"]), row["usd"]) == (calls, running.one("toString(sum(cost)) FROM spans WHERE counted"))
    report = operate(running, "audit", {})
    assert (report["whole"], report["findings"]) == (True, [])
