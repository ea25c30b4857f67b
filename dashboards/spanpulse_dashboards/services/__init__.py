"""The figures of the page: plain functions of a backend and a scope, which the API and the pages share."""

from spanpulse_dashboards.services._breakdown import DIMENSIONS, MOST_ROWS, SORTS, By, Sort, breakdown
from spanpulse_dashboards.services._events import events
from spanpulse_dashboards.services._facets import facets
from spanpulse_dashboards.services._overview import overview
from spanpulse_dashboards.services._process import completeness, live, server
from spanpulse_dashboards.services._tables import CALLS, rows_of
from spanpulse_dashboards.services._unpriced import unpriced_models

__all__ = [
    "CALLS",
    "DIMENSIONS",
    "MOST_ROWS",
    "SORTS",
    "By",
    "Sort",
    "breakdown",
    "completeness",
    "events",
    "facets",
    "live",
    "overview",
    "rows_of",
    "server",
    "unpriced_models",
]
