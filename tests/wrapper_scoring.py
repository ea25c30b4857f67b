"""Scores as they leave a process: a state of its own with a real exporter, and a receiver that keeps what comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk.trace import TracerProvider

from spanpulse import _log
from spanpulse import _state as states
from spanpulse._background import Background
from spanpulse._export import Exporter, transport_of
from spanpulse._privacy import Content
from spanpulse._settings import Settings
from spanpulse._state import State, set_state
from wrapper_receiving import HttpReceiver

__all__ = ["PROVIDER", "Scores", "own_state", "values"]

PROVIDER = TracerProvider(shutdown_on_exit=False)
WITHIN = 20.0


class Scores:
    """What a process has sent so far."""

    def __init__(self, state: State, receiver: HttpReceiver) -> None:
        self.state = state
        self._receiver = receiver

    def records(self) -> list[Any]:
        """Return all log records, once everything has been sent."""
        exporter = self.state.exporter
        assert exporter is not None
        assert self.state.background.flush(WITHIN)
        assert exporter.flush(WITHIN)
        return self._receiver.records

    def all(self) -> list[dict[str, Any]]:
        """Return the attributes of each."""
        return [values(each.attributes) for each in self.records()]

    def one(self) -> dict[str, Any]:
        """Return the attributes of the only one."""
        (found,) = self.all()
        return found

    @property
    def counts(self) -> dict[str, Any]:
        """What was counted of events."""
        assert self.state.exporter is not None
        found: dict[str, Any] = self.state.exporter.stats.told()["events"]
        return found


@contextmanager
def own_state(content: Content | None = None, **settings: Any) -> Iterator[Scores]:
    """Have a state in this process, until the end, that sends to a receiver."""
    before = states._state
    _log._said.clear()
    with HttpReceiver() as receiver:
        chosen = Settings(endpoint=receiver.endpoint, **settings)
        background = Background(0.01)
        exporter = Exporter(transport_of(chosen), chosen, content, background.wake)
        background.pump = exporter.pump
        made = set_state(State(chosen, content, exporter, background))
        try:
            yield Scores(made, receiver)
        finally:
            made.end()
            states._state = before


def values(attributes: Any) -> dict[str, Any]:
    """Return attributes of a message as plain Python."""
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in attributes}
