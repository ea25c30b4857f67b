"""A process of an application that uses an SDK in every mode, instrumented by the one line, and ends.

    python wrapper_stored_child.py openai service http://127.0.0.1:... < {"chat/sync": "http://127.0.0.1:...", ...}

prints what each mode has raised, as JSON: {"chat/sync": "", "failing/sync": "InternalServerError", ...}; modes that the
version does not know are left out. Every span has its mode as the tag `mode`. What is not sent yet at the end is sent
by the end itself.
"""

import asyncio
import importlib
import json
import sys

import spanpulse
from wrapper_same import seen

__all__ = ["run_modes"]


async def run_modes(sdk: str, addresses: dict[str, str]) -> dict[str, str]:
    """Run modes, by "mode/kind", against the addresses that answer them."""
    modes, raised = importlib.import_module(f"wrapper_{sdk.replace('-', '_')}_modes"), {}
    for name, address in addresses.items():
        mode, kind = name.split("/")
        with spanpulse.context(tags={"mode": name}):
            ran = await seen(modes, modes.MODES[mode], kind, address)
        if ran is not None:
            raised[name] = ran[1]
    return raised


if __name__ == "__main__":
    spanpulse.instrument(endpoint=sys.argv[3], service_name=sys.argv[2])
    sys.stdout.write("\n" + json.dumps(asyncio.run(run_modes(sys.argv[1], json.load(sys.stdin)))))
