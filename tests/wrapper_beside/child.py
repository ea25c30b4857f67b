"""A process that has instrumentations watch its clients in several ways, each in a fork of its own.

    python child.py  < {"endpoint": "http://...", "runs": {"service": {"other": "openllmetry", "order": "before", ...}}}

prints {"service": {"results": {...}, "warnings": [...]}}. Everything is imported before, and nothing is switched on.
"""

import asyncio
import json
import logging
import multiprocessing
import sys
from multiprocessing.connection import Connection
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import spanpulse
from spanpulse._clients import _others
from wrapper_beside.others import OTHERS, Other
from wrapper_beside.used import Used

__all__ = ["run_all"]

WITHIN_S = 60
Run = dict[str, Any]


def run_all(endpoint: str, runs: dict[str, Run]) -> dict[str, Any]:
    """Run each, one after the other; return what came of it by service."""
    for other in OTHERS.values():
        other.found()
    for each in {Used(*name.split("/")) for run in runs.values() for name in run["calls"]}:
        assert each.modes
    forking = multiprocessing.get_context("fork")
    found = {}
    for service, run in runs.items():
        ours, theirs = forking.Pipe(duplex=False)
        process = forking.Process(target=_run, args=(theirs, endpoint, service, run))
        process.start()
        theirs.close()
        found[service] = json.loads(ours.recv_bytes()) if ours.poll(WITHIN_S) else None
        process.join(WITHIN_S)
    return found


def _run(to: Connection, endpoint: str, service: str, run: Run) -> None:
    """Use all clients in this process, and tell what they returned and what spanpulse said."""
    warnings: list[str] = []
    logging.getLogger("spanpulse").addHandler(_Keeping(warnings))
    _switch_on(endpoint, service, run)
    which = "native" if run["native"] else ""
    results = {name: asyncio.run(Used(*name.split("/")).result(at, which)) for name, at in run["calls"].items()}
    if run["order"] != "never":
        assert spanpulse.flush()
    to.send_bytes(json.dumps({"results": results, "warnings": warnings}).encode())


def _switch_on(endpoint: str, service: str, run: Run) -> None:
    """Switch the other one on before the wrapper, beside a provider of the application's, or after it, or nothing."""
    other, order = OTHERS[run["other"]], run["order"]
    if run["blind"]:
        _others.other_for = lambda _client: None
    if order == "before":
        provider = TracerProvider(resource=Resource.create({"service.name": service}))
        trace.set_tracer_provider(provider)
        _all_on(other)
    if order != "never":
        spanpulse.instrument(endpoint=endpoint, service_name=service)
    if order == "after":
        _all_on(other)


def _all_on(other: Other) -> None:
    for each in other.found():
        each.instrument()


class _Keeping(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__()
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(record.getMessage())


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    sys.stdout.write(json.dumps(run_all(asked["endpoint"], asked["runs"])))
