"""A WSGI application that is instrumented before its server forks, and makes a span of each request."""

from collections.abc import Callable, Iterable
from typing import Any

import spanpulse

__all__ = ["app"]

spanpulse.instrument(service_name="web")
with spanpulse.span("loaded"):  # it waits while the server forks
    pass


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer."""
    with spanpulse.span(environ["PATH_INFO"]):
        start_response("200 OK", [("content-length", "2")])
        return [b"ok"]
