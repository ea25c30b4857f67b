"""Sending what is left when a process ends, whichever way Python ends it.

An interpreter runs `atexit`; children of multiprocessing and of celery's billiard leave by `os._exit` behind finalizers
of their own, which are registered in each child, and in this process if it is one; workers of celery's pool leave
before those, behind celery's signal `worker_process_shutdown`. Not guaranteed: that a process that is killed sends
anything; what has waited for less than half a second is then lost.
"""

import atexit
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from spanpulse._imports import when_imported

__all__ = ["at_end"]

FIRST = 100  # of finalizers, the highest priority: queues and managers still work


def at_end(act: Callable[[], object]) -> Callable[[], None]:
    """Call ``act`` at the end of this process and of each that it forks; return what takes that back."""
    atexit.register(act)
    wanted = _Wanted(act)
    undo = [when_imported(name, wanted.in_children) for name in ("multiprocessing.util", "billiard.util")]
    undo.append(when_imported("celery.signals", wanted.in_workers))

    def take_back() -> None:
        atexit.unregister(act)
        wanted.act = None
        for each in undo:
            each()

    return take_back


class _Wanted:
    """What is to be called; children look here whether it still is."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act: Callable[[], object] | None = act

    def in_children(self, util: ModuleType) -> None:
        """Have it called at the end of children of multiprocessing, or of what is made like it."""
        util.register_after_fork(self, lambda wanted: util.Finalize(None, wanted.run, exitpriority=FIRST))
        if _is_child(util):
            util.Finalize(None, self.run, exitpriority=FIRST)

    def in_workers(self, signals: ModuleType) -> None:
        """Have it called at the end of workers of celery's pool."""
        signals.worker_process_shutdown.connect(self.run, weak=False)

    def run(self, **_told: Any) -> None:
        """Call it."""
        if self.act is not None:
            self.act()


def _is_child(util: ModuleType) -> bool:
    """Tell whether this process was started by the package of ``util``; its parts know before they are used."""
    process = sys.modules.get(f"{util.__package__}.process")
    return process is not None and type(process.current_process()).__name__ != "_MainProcess"
