"""A process that runs every mode of litellm twice, plain and watched, and prints what came of it as JSON.

    python wrapper_litellm_child.py  < {"plain": {"complete/sync": "http://127.0.0.1:...", ...}, "watched": {...},
        "held": {"sync": "http://..."}}

prints {"plain": {"complete/sync": "..."}, "watched": {...}, "runs": {"complete/sync": {"spans": [...], "raised": ""}},
"held": 0, "undone": true}, in which modes that the version does not know are left out, `held` counts answers that stay,
and `undone` tells whether the functions are those that they were.
"""

import asyncio
import gc
import importlib
import json
import sys
import time
import weakref
from typing import Any

import wrapper_litellm_modes as modes
from spanpulse._clients import CLIENTS
from spanpulse._privacy import Content
from watching import Watched, told
from wrapper_same import seen

__all__ = ["main"]


def main(addresses: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Run all modes."""
    made: dict[str, Any] = {"plain": {}, "watched": {}, "runs": {}}
    litellm = modes.sdk()
    gc.freeze()  # looking through all that litellm has takes longer than a mode
    for name, address in addresses["plain"].items():
        if (ran := _run(name, address)) is not None:
            made["plain"][name] = ran[0]
    public = litellm.completion
    watched = Watched(Content())
    undo = []
    for sdk in ("openai", "litellm"):
        module, adapter = CLIENTS[sdk]
        undo.append(importlib.import_module(adapter).watch_client(importlib.import_module(module), watched))
    for name, address in addresses["watched"].items():
        if (ran := _run(name, address)) is not None:
            made["watched"][name] = ran[0]
            made["runs"][name] = {"spans": [told(span) for span in watched.spans()], "raised": ran[1]}
    made["held"] = _held(addresses["held"]["sync"])
    for each in undo:
        each()
    made["undone"] = litellm.completion is public
    return made


def _run(name: str, address: str) -> tuple[str, str] | None:
    mode, kind = name.split("/")
    return asyncio.run(seen(modes, modes.MODES[mode], kind, address))


def _held(address: str) -> int:
    """Return how many of an answer and a stream's chunks are held when nobody wants them any more."""
    client = modes.client_of("sync", "", address)
    held = [weakref.ref(asyncio.run(modes.complete(client)))]
    held += map(weakref.ref, asyncio.run(modes.stream_with_usage(client)))
    for _ in range(20):  # threads of litellm's own may hold them for a moment, and some versions the last one for good
        getattr(modes.sdk(), "error_logs", {}).clear()
        gc.collect()
        if not any(each() for each in held):
            break
        time.sleep(0.05)
    return sum(each() is not None for each in held)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.load(sys.stdin))))
