"""Workers of pytest do not take each other's ports."""

import pytest

from ports import own


def test_workers_share_ports_without_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    found = []
    for number in range(3):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{number}")
        found.append(set(own(range(100, 200))))
    assert set.union(*found) == set(range(100, 200))
    assert sum(map(len, found)) == 100


def test_one_worker_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    assert own(range(5)) == range(5)
