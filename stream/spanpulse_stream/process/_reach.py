"""How a process is reached: what an application needs to send to it, and where its page is on this machine.

A process that listens on every address (0.0.0.0, ::) is named by its machine, as those are none to send to. Not
guaranteed: that other machines find this one by its name.
"""

import socket

__all__ = ["exporter_variables", "here"]

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 -- recognised, not listened on


def exporter_variables(otlp_http: str, *, keys: bool) -> dict[str, str]:
    """Return the variables that point an OpenTelemetry SDK at ``host:port``; with ``keys`` a place for its key."""
    host, _, port = otlp_http.rpartition(":")
    named = socket.gethostname() if host in EVERY_ADDRESS else host
    header = {"OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=KEY"} if keys else {}
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{named}:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        **header,
    }


def here(address: str) -> str:
    """Return ``host:port`` as it is reached from this machine."""
    host, _, port = address.rpartition(":")
    return f"{EVERY_ADDRESS.get(host, host)}:{port}"
