"""Ports for servers of tests that are killed and started again on the same ones.

Each worker of pytest has ports that no other one takes: while a server is down its port seems free to everybody. Not
guaranteed: that no other program takes it.
"""

import os

__all__ = ["own"]


def own(ports: range) -> range:
    """Return those of ``ports`` that belong to this worker; all of them where there is one worker only."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return ports[int(worker) :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
