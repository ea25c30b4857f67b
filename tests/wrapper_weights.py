"""A web server on this host that gives documents of weights, as a test says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Answering", "Weights", "serving"]

Answering = Callable[[BaseHTTPRequestHandler], None]


class Weights:
    """What is given, and what was asked for."""

    def __init__(self) -> None:
        self.document = b""
        self.tag = ""
        self.answering: Answering = self.give
        """Answers the next requests."""
        self.asked: list[dict[str, str]] = []
        """Headers of each request, with `path`."""
        self.heard = threading.Condition()
        self.released = threading.Event()
        """Ends answers that wait."""
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/weights?token=secret"

    def give(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer with the document, or that it has not changed."""
        if self.tag and handler.headers.get("If-None-Match") == self.tag:
            answer(handler, 304)
        else:
            answer(handler, 200, self.document, {"ETag": self.tag} if self.tag else {})

    def wait_for(self, requests: int) -> None:
        """Wait until so many requests have been answered."""
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.asked) >= requests, 20)


def answer(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> None:
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving() -> Iterator[Weights]:
    """Serve until the end."""
    weights = Weights()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                weights.answering(self)
            except OSError:  # who asked has gone
                pass
            finally:
                with weights.heard:
                    weights.asked.append({"path": self.path, **self.headers})
                    weights.heard.notify_all()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        weights.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield weights
        finally:
            weights.released.set()
            server.shutdown()
            thread.join()
