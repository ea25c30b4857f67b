"""The one state of a process: what is set, the thread that finishes spans, and where they go.

It is made when it is first asked for, from the environment, so that everything works without `instrument()`: spans then
go to whatever OpenTelemetry provider the application has, or nowhere. `instrument()` sets another one.
"""

import os
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property

from opentelemetry import metrics, trace

from spanpulse._background import Background
from spanpulse._ends import at_end
from spanpulse._export import Exporter
from spanpulse._log import say_once
from spanpulse._metrics import Metrics
from spanpulse._privacy import Content, Mask, mask_known
from spanpulse._settings import Settings
from spanpulse._telling import Telling
from spanpulse._version import VERSION

__all__ = ["SCOPE", "State", "content_of", "set_state", "state"]

SCOPE = "spanpulse"
LEAST_S = 0.2  # to send in, where reading took all the time
UNREAD = "not all calls were read and masked by the end: the rest is lost (does a mask not come back?)"


@dataclass(frozen=True)
class State:
    """What belongs together in a process."""

    settings: Settings
    content: Content | None
    """The policy for texts; None: none leave."""
    exporter: Exporter | None = None
    """Sends to spanpulse; None where the application's own exporters do, or nothing does."""
    background: Background = field(default_factory=Background)
    _late: set[int] = field(default_factory=set, init=False, repr=False)
    """Processes that have waited in vain at their end: providers end it once more."""

    def end(self) -> None:
        """Send what is left, for as long as the settings allow, and nothing any more; what is left is counted."""
        within = LEAST_S if os.getpid() in self._late else self.settings.exit_timeout
        deadline = time.monotonic() + within
        if not self.background.flush(within):
            self._late.add(os.getpid())
            say_once(UNREAD)
        if self.exporter is not None:
            self.exporter.shutdown(max(LEAST_S, deadline - time.monotonic()))

    @cached_property
    def words(self) -> Content:
        """The policy for words that leave in any case, such as verdicts: that for content, or what masks without it."""
        return self.content or Content((mask_known,), self.settings.content_length, self.settings.mask_patterns)

    @cached_property
    def tracer(self) -> trace.Tracer:
        """Makes spans, by the application's provider."""
        return trace.get_tracer(SCOPE, VERSION)

    @cached_property
    def telling(self) -> Telling:
        """Tells calls of models."""
        return Telling(self.background, self.content, Metrics(metrics.get_meter(SCOPE, VERSION)))


_lock = threading.RLock()  # what the collector ends may ask for the state too
_state: State | None = None


def state() -> State:
    """Return the state of this process."""
    found = _state
    if found is not None:
        return found
    settings = Settings.read()
    with _lock:
        found = _state
        if found is None:
            found = set_state(State(settings, content_of(settings)))
            at_end(found.end)
        return found


def set_state(new: State) -> State:
    """Make a state that of this process."""
    global _state  # noqa: PLW0603 -- there is one of it
    _state = new
    return new


def content_of(settings: Settings, mask: Mask | None = None) -> Content | None:
    """Return the policy that settings ask for, with a mask of the application's own behind those known.

    Before them it could change a key so that nobody knows it for one. Raises ValueError for a pattern that is no
    regular expression.
    """
    if settings.send_content == "off":
        return None
    known = (mask_known,) if settings.send_content == "masked" else ()
    return Content((*known, *((mask,) if mask else ())), settings.content_length, settings.mask_patterns)
