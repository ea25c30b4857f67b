"""Clients of models, watched when an application imports them.

An adapter is a module with `watch_client(module, state)`, which watches what the imported ``module`` has and returns
a function that undoes it. It raises for a module of another shape; the client then works unwatched, and that is said.
"""

from collections.abc import Callable, Collection
from importlib import import_module
from types import ModuleType
from typing import Final

from spanpulse._imports import when_imported
from spanpulse._state import State

__all__ = ["CLIENTS", "unknown_clients", "watch_clients"]

CLIENTS: Final = {
    "openai": ("openai._base_client", "spanpulse._clients._openai"),
    "anthropic": ("anthropic._base_client", "spanpulse._clients._anthropic"),
    "google-genai": ("google.genai._api_client", "spanpulse._clients._google"),
    "litellm": ("litellm", "spanpulse._clients._litellm"),
}
"""By the name of the distribution: the module that is watched, and ours that does."""


def unknown_clients(names: Collection[str]) -> str:
    """Return which of ``names`` are those of no client, and which are some; "" where all are known."""
    unknown = sorted({*names} - {*CLIENTS})
    return f"{', '.join(unknown)}, and spanpulse knows {', '.join(CLIENTS)}" if unknown else ""


def watch_clients(state: State) -> Callable[[], None]:
    """Watch the clients that are there and those that will be imported; return what takes that back."""
    undo: list[Callable[[], None]] = []
    for name, (module, adapter) in CLIENTS.items():
        if name not in state.settings.skip:
            undo.append(when_imported(module, _watching(adapter, state, undo)))

    def undo_all() -> None:
        for each in reversed(undo):
            each()

    return undo_all


def _watching(adapter: str, state: State, undo: list[Callable[[], None]]) -> Callable[[ModuleType], None]:
    def watch(module: ModuleType) -> None:
        undo.append(import_module(adapter).watch_client(module, state))

    return watch
