"""What is told of a process that has started, to a person and by the ready file: it is ready, or what it waits for.

The ready file is written once the process is ready, be it later; it stays when the process stops being so, which
/readyz tells. Not guaranteed: that every reason is told; one that comes and goes within a second is not.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

__all__ = ["Announced", "Reasons", "remove_ready_file"]

GRACE_S = 3.0  # a process that has just started connects within this time
LOOK_EVERY_S = 0.05
Reasons = Callable[[], Mapping[str, str]]
"""Returns why a process is not ready: what holds, and a detail for a person; nothing where it is ready."""


@dataclass(frozen=True, slots=True)
class Announced:
    """One process that has started. ``ready`` announces that it is ready."""

    console: Console
    addresses: Mapping[str, str | None]
    reasons: Reasons
    ready: Callable[[], None]
    ready_file: Path | None

    async def run(self) -> None:
        """Announce, and return once the process is ready and its ready file written. Raises OSError."""
        told: frozenset[str] = frozenset()
        until = time.monotonic() + GRACE_S
        while reasons := self.reasons():
            if time.monotonic() >= until and reasons.keys() != told:
                self._say(reasons, first=not told)
                told = frozenset(reasons)
            await asyncio.sleep(LOOK_EVERY_S)
        self.ready()
        if self.ready_file is not None:
            _write_ready_file(self.ready_file, self.addresses)

    def _say(self, reasons: Mapping[str, str], *, first: bool) -> None:
        said = "started; not ready" if first else "still not ready"
        self.console.print(f"{said}: {'; '.join(reasons.values())}", markup=False)
        for setting, address in self.addresses.items() if first else ():
            if address is not None:
                self.console.print(f"  {setting:10} http://{address}", markup=False)


def remove_ready_file(ready_file: Path | None) -> None:
    """Remove the file: while it is there, the process has been ready."""
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def _write_ready_file(path: Path, addresses: Mapping[str, str | None]) -> None:
    """Write the addresses as JSON, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(addresses) + "\n", "utf-8")
    beside.replace(path)
