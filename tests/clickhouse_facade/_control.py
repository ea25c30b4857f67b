"""The control port: JSON over HTTP on 127.0.0.1, for the tests alone.

POST /rules {rule}, DELETE /rules[/N], POST /release[/N], POST /refuse {"drop": bool}, POST /open, GET /counters,
GET /inserts.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from clickhouse_facade._faults import Faults

__all__ = ["Control"]


class Control:
    """Serves from a thread of its own; ``refuse`` and ``open_again`` are those of the data port."""

    def __init__(
        self, port: int, faults: Faults, refuse: Callable[[bool], None], open_again: Callable[[], None]
    ) -> None:
        self._faults = faults
        self._refuse = refuse
        self._open_again = open_again
        control = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _any(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                asked = json.loads(self.rfile.read(size) or b"{}")
                try:
                    status, told = 200, control.answer(self.command, self.path, asked)
                except Exception as error:  # noqa: BLE001 -- a test must see its mistake
                    status, told = 400, {"error": repr(error)}
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = _any  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="control", daemon=True).start()

    def answer(self, method: str, path: str, asked: dict[str, Any]) -> Any:
        """Do what a request asks. Raises ValueError, and what a rule raises for what it is not."""
        what, _, number = path.strip("/").partition("/")
        which = int(number) if number else None
        match method, what:
            case "POST", "rules":
                return self._faults.add(asked).told()
            case "DELETE", "rules":
                self._faults.remove(which)
            case "POST", "release":
                self._faults.release(which)
            case "POST", "refuse":
                self._refuse(bool(asked.get("drop")))
            case "POST", "open":
                self._open_again()
            case "GET", "counters":
                return self._faults.told()
            case "GET", "inserts":
                return self._faults.inserts()
            case _:
                raise ValueError(f"{method} {path}")
        return {}
