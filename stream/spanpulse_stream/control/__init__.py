"""The operator's way into a running process: HTTP over a Unix socket that only its owner may open.

One process owns the database, so everything the command line asks while `up` runs goes through here. What
may connect may run any SQL: the socket has mode 0600 in a folder of its owner's, and is never a TCP port.
"""

from spanpulse_stream.control._client import ControlClient, NotRunning, RequestRefused, TryLater
from spanpulse_stream.control._server import ControlServer, Operations
from spanpulse_stream.control._socket import socket_path

__all__ = [
    "ControlClient",
    "ControlServer",
    "NotRunning",
    "Operations",
    "RequestRefused",
    "TryLater",
    "socket_path",
]
