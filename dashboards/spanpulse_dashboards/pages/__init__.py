"""The pages a person sees: templates, their frame, numbers as they are shown, static files."""

from spanpulse_dashboards.pages._first import FirstSpan
from spanpulse_dashboards.pages._numbers import (
    Shown,
    bytes_,
    change,
    count,
    duration,
    estimated,
    milliseconds,
    missing,
    money,
    percent,
    points,
)
from spanpulse_dashboards.pages._render import Health, Renderer
from spanpulse_dashboards.pages._routes import Pages
from spanpulse_dashboards.pages._scope_bar import Link, ScopeBar, address, scope_bar
from spanpulse_dashboards.pages._sparkline import Sparkline, sparkline
from spanpulse_dashboards.pages._static import StaticFiles
from spanpulse_dashboards.pages._visible import visible

__all__ = [
    "FirstSpan",
    "Health",
    "Link",
    "Pages",
    "Renderer",
    "ScopeBar",
    "Shown",
    "Sparkline",
    "StaticFiles",
    "address",
    "bytes_",
    "change",
    "count",
    "duration",
    "estimated",
    "milliseconds",
    "missing",
    "money",
    "percent",
    "points",
    "scope_bar",
    "sparkline",
    "visible",
]
