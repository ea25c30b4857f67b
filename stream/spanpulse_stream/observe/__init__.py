"""What a process says of itself: metrics, health, readiness and logs."""

from spanpulse_stream.observe import catalog
from spanpulse_stream.observe._app import observe_app, observe_routes
from spanpulse_stream.observe._health import Condition, Health, Reason
from spanpulse_stream.observe._logs import configure_logging
from spanpulse_stream.observe._metrics import Metrics
from spanpulse_stream.observe._pulse import LoopPulse

__all__ = [
    "Condition",
    "Health",
    "LoopPulse",
    "Metrics",
    "Reason",
    "catalog",
    "configure_logging",
    "observe_app",
    "observe_routes",
]
