"""A process that runs every mode of an SDK, watched, and prints what came of it as JSON.

    python wrapper_modes_child.py openai  < {"chat/sync": "http://127.0.0.1:...", ...}

prints {"version": ..., "runs": {"chat/sync": {"spans": [...], "raised": "..."}}}; modes that the version does not know
are left out.
"""

import asyncio
import importlib
import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from spanpulse._clients import CLIENTS
from spanpulse._privacy import Content
from watching import Watched, told
from wrapper_driving import Mode, got

__all__ = ["run_modes"]


def run_modes(sdk: str, addresses: dict[str, str]) -> dict[str, Any]:
    """Run modes, by "mode/kind", against the addresses that answer them."""
    modes = importlib.import_module(f"wrapper_{sdk.replace('-', '_')}_modes")
    watched = Watched(Content())
    undo = _watch(sdk, watched)
    runs = {}
    for name, address in addresses.items():
        mode, kind = name.split("/")
        ran = asyncio.run(_run(modes, modes.MODES[mode], kind, address, watched))
        if ran is not None:
            runs[name] = ran
    undo()
    return {"version": version(sdk), "runs": runs}


def _watch(sdk: str, watched: Any) -> Callable[[], None]:
    """Watch an SDK the way that the wrapper does."""
    module, adapter = CLIENTS[sdk]
    undo: Callable[[], None] = importlib.import_module(adapter).watch_client(importlib.import_module(module), watched)
    return undo


async def _run(modes: Any, mode: Mode, kind: str, address: str, watched: Watched) -> dict[str, Any] | None:
    client = modes.client_of(kind, mode.client, address)
    found = client
    for part in filter(None, mode.needs.split(".")):
        found = getattr(found, part, None)
    if found is None:
        return None
    raised = ""
    try:
        await mode.run(client)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- which one it is, is what is asked
        raised = type(error).__name__
    await got(client.close())
    spans = await asyncio.to_thread(watched.spans)
    return {"spans": [told(span) for span in spans], "raised": raised}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run_modes(sys.argv[1], json.load(sys.stdin))))
