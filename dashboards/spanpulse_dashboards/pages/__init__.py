"""The pages a person sees: templates, their frame, numbers as they are shown, static files."""

from spanpulse_dashboards.pages._numbers import (
    Figure,
    bytes_,
    change,
    count,
    duration,
    estimated,
    missing,
    money,
    percent,
    points,
)
from spanpulse_dashboards.pages._render import Health, Renderer
from spanpulse_dashboards.pages._sparkline import Sparkline, sparkline
from spanpulse_dashboards.pages._static import StaticFiles

__all__ = [
    "Figure",
    "Health",
    "Renderer",
    "Sparkline",
    "StaticFiles",
    "bytes_",
    "change",
    "count",
    "duration",
    "estimated",
    "missing",
    "money",
    "percent",
    "points",
    "sparkline",
]
