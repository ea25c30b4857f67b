"""Traces: search, lists, and one trace as a story; `traces_router` is the API, `TracePages` the HTML."""

from spanpulse_dashboards.traces._api import traces_router
from spanpulse_dashboards.traces._money import Prices
from spanpulse_dashboards.traces._pages import TracePages

__all__ = ["Prices", "TracePages", "traces_router"]
