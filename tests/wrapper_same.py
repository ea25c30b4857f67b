"""What an application sees of a mode: what is returned, of which types, what is raised, and what its server was asked.

Two runs of a mode, one of them watched, have to look the same.
"""

import asyncio
import re
from typing import Any

from providers.said import Asked
from wrapper_driving import Mode, got

__all__ = ["asked_for", "seen"]

CHANGING = re.compile(
    r"127\.0\.0\.1:\d+/[\w.-]+|0x[0-9a-f]{6,}|[0-9a-f]{8}-[0-9a-f-]{27}|\d+\.\d+ seconds|time taken=\S+"
)
PRIVATE = {"_request_id", "_response_ms", "created"}
OF_A_RUN = {"host", "x-goog-api-client", "user-agent"}


async def seen(modes: Any, mode: Mode, kind: str, address: str) -> tuple[str, str] | None:
    """Return what an application sees of a mode, and the name of what it raises; None for an unknown one."""
    client = modes.client_of(kind, mode.client, address)
    found = client
    for part in filter(None, mode.needs.split(".")):
        found = getattr(found, part, None)
    if found is None:
        return None
    raised = ""
    try:
        said = _told(await mode.run(client))
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- which one it is, is what is compared
        raised = type(error).__name__
        chain = [error, error.__cause__, error.__context__]
        said = [f"{type(each).__module__}.{type(each).__qualname__}: {each}" for each in chain if each is not None]
    await got(client.close())
    return CHANGING.sub("~", repr(said)), raised


def asked_for(asked: list[Asked]) -> list[Any]:
    """Return what a server was asked for, but for what differs from run to run."""
    return [
        (each.method, each.path, sorted(set(each.headers) - OF_A_RUN), CHANGING.sub("~", each.body.decode()))
        for each in asked
    ]


def _told(value: Any) -> Any:
    """Return an object with the names of all the types in it."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, list | tuple):
        return name, [_told(each) for each in value]
    if isinstance(value, dict):
        return name, {key: _told(each) for key, each in value.items() if key not in PRIVATE}
    if hasattr(value, "__dict__") and not isinstance(value, type):
        parts = {**vars(value), **(getattr(value, "__pydantic_extra__", None) or {})}
        return name, {key: _told(each) for key, each in sorted(parts.items()) if key not in PRIVATE}
    return name, repr(value)
