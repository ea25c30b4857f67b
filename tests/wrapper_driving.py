"""Driving an SDK's clients, synchronous or asynchronous, by one and the same code.

A mode is a coroutine function of a client; what it awaits, reads and enters by these helpers may be of either kind.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from providers.said import Reply, Said
from providers.server import Turn

__all__ = ["STALLED", "Mode", "entered", "first", "got", "read"]

STALLED = Reply([b"{}"], stall_at=0)
"""An answer that does not come."""


@dataclass(frozen=True)
class Mode:
    """One way of using a client, what it is answered, and what its span has to say beside the usual."""

    run: Callable[[Any], Awaitable[Any]]
    turns: tuple[Turn, ...]
    operation: str = "chat"
    needs: str = ""
    """What a client has, if its version knows this mode: a path of attributes."""
    client: str = ""
    """Which of the SDK's clients; "" its own."""
    says: dict[str, Any] = field(default_factory=dict)
    """Attributes that differ from what the last answer says; None: absent."""
    raises: str = ""
    """The name of what is raised; the span's `error.type` too, unless `says` has another."""
    kinds: tuple[str, ...] = ("sync", "async")
    spans: int = 1

    @property
    def said(self) -> Said:
        """Return the last answer that is one."""
        return next((turn for turn in reversed(self.turns) if isinstance(turn, Said)), Said())


async def got(value: Any) -> Any:
    """Return a value, awaited if it has to be."""
    return await value if inspect.isawaitable(value) else value


async def read(stream: Any) -> list[Any]:
    """Return what an iterator of either kind gives."""
    return [each async for each in stream] if hasattr(stream, "__aiter__") else list(stream)


async def first(stream: Any) -> Any:
    """Return the first thing that an iterator gives, and leave the rest."""
    return await anext(aiter(stream)) if hasattr(stream, "__aiter__") else next(iter(stream))


@asynccontextmanager
async def entered(manager: Any) -> AsyncIterator[Any]:
    """Enter a context manager of either kind."""
    if hasattr(manager, "__aenter__"):
        async with manager as given:
            yield given
    else:
        with manager as given:
            yield given
