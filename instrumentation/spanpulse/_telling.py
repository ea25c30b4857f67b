"""How calls of models are told: by a thread of our own, with content by policy, and counted in metrics."""

from spanpulse._background import Background
from spanpulse._calls import Call, tell
from spanpulse._metrics import Metrics
from spanpulse._privacy import Content

__all__ = ["Telling"]


class Telling:
    """Takes calls that have ended, and tells them in the background's thread. Without ``content`` no texts leave."""

    def __init__(self, background: Background, content: Content | None, metrics: Metrics) -> None:
        self._background = background
        self._content = content
        self._metrics = metrics

    def ended(self, call: Call) -> None:
        """Have a call told soon."""
        self._background.put(call)

    def tell(self, call: Call) -> None:
        """Tell a call's span, and record its metrics. Raises for what cannot be read."""
        told = tell(call, self._content, self._background.breathe)
        self._metrics.record(call, told)
