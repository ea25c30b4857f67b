"""The state of a process at its end, and what `instrument` refuses before anything is set up."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import spanpulse
from spanpulse import _log
from spanpulse._background import Background
from spanpulse._settings import Settings
from spanpulse._state import UNREAD, State, set_state, state

WITHIN_S = 0.6


class Stuck:
    """A call whose texts a mask does not give back."""

    size = 1

    def __init__(self, go: threading.Event) -> None:
        self.finish: Callable[[], Any] = go.wait

    def forget(self) -> None:
        """Have no texts."""


def test_an_end_that_waited_in_vain_does_not_wait_as_long_again(caplog: pytest.LogCaptureFixture) -> None:
    go = threading.Event()
    ending = State(Settings(exit_timeout=WITHIN_S), None, background=Background())
    ending.background.put(Stuck(go))
    took = []
    for _ in range(2):
        begun = time.monotonic()
        ending.end()
        took.append(time.monotonic() - begun)
    go.set()
    assert took[0] >= WITHIN_S > took[1] + 0.1
    assert caplog.messages == [UNREAD]
    assert ending.background.flush(10)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(_log, "_said", set())
    before = state()
    yield
    spanpulse.uninstrument()
    set_state(before)


def test_a_mask_that_is_no_function_is_refused() -> None:
    with pytest.raises(ValueError, match="mask must be a function of a text, not str"):
        spanpulse.instrument(mask="[0-9]+", exporter="none")  # type: ignore[arg-type]


def test_clients_to_skip_that_are_none_are_named(caplog: pytest.LogCaptureFixture) -> None:
    spanpulse.instrument(skip=["openai", "openi"], exporter="none")
    assert [said for said in caplog.messages if said.startswith("skip names openi, and spanpulse knows openai, ")]
