"""Weights from outside the code, read again and again by a thread of their own.

Guarantee: no call waits for a document; one that cannot be read or used is said once and changes nothing, so the last
good weights are kept for as long as the process lives; a child of a fork has its parent's weights, and reads on itself
once it asks for a variant. Not guaranteed: that two processes have a new document at the same moment, and any weights
from outside before the first look is over; the code's count until then.
"""

import hashlib
import os
import random
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from opentelemetry import context

from spanpulse._experiments._document import Experiment, experiments_of
from spanpulse._log import say_once
from spanpulse._settings import Settings

__all__ = ["Refresher", "outside"]

SOON_S: Final = 5.0
"""How long until the next look where none has succeeded yet."""
JITTER: Final = 0.1
NOTHING: Final[Mapping[str, Experiment]] = MappingProxyType({})


class Refresher:
    """Keeps the experiments of a document at ``address``, which is looked at every ``every`` s, more or less."""

    def __init__(self, address: str, every: float) -> None:
        self.address, self.every = address, every
        self.experiments: Mapping[str, Experiment] = NOTHING
        """By name; replaced as a whole."""
        self._kept = b""  # digest of the document in use
        self._stop = threading.Event()

    def again(self) -> "Refresher":
        """Return another one that has read what this one has."""
        made = Refresher(self.address, self.every)
        made.experiments, made._kept = self.experiments, self._kept
        return made

    def start(self) -> None:
        """Begin to look, in a thread."""
        thread = threading.Thread(target=self._run, name="spanpulse-experiments", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the interpreter ends, or there are no threads left
            say_once("weights of experiments are not read: no thread can be started", error)

    def stop(self) -> None:
        """Look no more; does not wait for a look that is under way."""
        self._stop.set()

    def _run(self) -> None:
        from spanpulse._experiments._source import source_of  # noqa: PLC0415 -- urllib is not small

        _suppress_instrumentation()
        source = source_of(self.address)
        while not self._stop.is_set():
            try:
                if (document := source.read()) is not None:
                    self._take(document)
                    source.keep()
            except Exception as error:  # noqa: BLE001 -- the thread goes on
                self._say(source.name, error)
            every = self.every if self._kept else min(self.every, SOON_S)
            every *= random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 -- it spreads looks
            self._stop.wait(min(every, threading.TIMEOUT_MAX))

    def _take(self, document: bytes) -> None:
        digest = hashlib.sha256(document).digest()
        if digest != self._kept:
            self.experiments = experiments_of(document)
            self._kept = digest

    def _say(self, name: str, error: Exception) -> None:
        kept = "the last good ones are kept" if self._kept else "those in the code count"
        say_once(f"weights of experiments at {name} cannot be used ({error}); {kept}")


_lock = threading.RLock()
_current: Refresher | None = None
_of_parent: Refresher | None = None


def outside(settings: Settings) -> Mapping[str, Experiment]:
    """Return what is known from outside the code by now; begins to look where ``settings`` name an address."""
    found = _current
    if found is None:
        return _begin(settings) if settings.experiments else NOTHING
    return found.experiments if _is_of(found, settings) else _begin(settings)


def _is_of(found: Refresher | None, settings: Settings) -> bool:
    return found is not None and (found.address, found.every) == (settings.experiments, settings.experiments_every)


def _begin(settings: Settings) -> Mapping[str, Experiment]:
    global _current, _of_parent  # noqa: PLW0603 -- there is one of it
    with _lock:
        if _current is None or not _is_of(_current, settings):
            if _current is not None:
                _current.stop()
            inherited, _of_parent = _of_parent, None
            _current = inherited if _is_of(inherited, settings) else _made(settings)
            if _current is not None:
                _current.start()
        return NOTHING if _current is None else _current.experiments


def _made(settings: Settings) -> Refresher | None:
    return Refresher(settings.experiments, settings.experiments_every) if settings.experiments else None


def _after_fork() -> None:
    """Leave behind the thread, which is the parent's, and the lock, which a thread of the parent's may hold."""
    global _lock, _current, _of_parent  # noqa: PLW0603 -- there is one of it
    _lock = threading.RLock()
    _of_parent = _of_parent if _current is None else _current.again()
    _current = None


def _suppress_instrumentation() -> None:
    """Have instrumentations of HTTP clients leave this thread alone."""
    known = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
    context.attach(context.set_value(known, True, context.set_value("suppress_instrumentation", True)))


os.register_at_fork(after_in_child=_after_fork)
