"""An HTTP server for an ASGI application inside the process's own event loop.

It takes no signals and logs no requests: the process's owner decides when it stops. A stop refuses new
connections, lets requests in flight end within a bound, and cuts what is left.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Self

import uvicorn

from spanpulse_stream.gateway._limits import RequestLimits
from spanpulse_stream.gateway._protocol import bounded_protocol
from spanpulse_stream.gateway._tls import ServerTls, behind_tls

__all__ = ["CannotListen", "HttpServer", "bind"]

BACKLOG = 1024
REASONS = {
    errno.EADDRINUSE: "the port is taken",
    errno.EACCES: "this user may not take it (ports below 1024 need privileges)",
    errno.EADDRNOTAVAIL: "this machine does not have that address",
}


class CannotListen(OSError):  # noqa: N818 -- reads as what it is
    """The address cannot be listened on; the message says how to choose another."""


def bind(host: str, port: int, setting: str) -> socket.socket:
    """Return a socket bound to ``host`` and ``port`` (0: a free one). ``setting`` is the port's name in settings.

    Raises CannotListen.
    """
    where = "web_host" if setting == "web" else "host"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotListen(f"cannot listen on {host}: {reason}; choose another with {_named(where)}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        reason = REASONS.get(error.errno or 0) or str(error)
        other = _named(where) if error.errno == errno.EADDRNOTAVAIL else f"{_named(setting)} (0 takes a free one)"
        raise CannotListen(f"cannot listen on {host} port {port}: {reason}; choose another with {other}") from None
    return listener


def _named(setting: str) -> str:
    """Return how a person gives a setting."""
    return f"--{setting.replace('_', '-')} or SPANPULSE_{setting.upper()}"


class _Server(uvicorn.Server):
    """uvicorn's server without signal handlers, and with an event that says when it accepts."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()


class HttpServer:
    """Serves ``app`` on ``host`` and ``port`` from ``start`` to ``stop``, or as an `async with` block.

    ``setting`` is the port's name in the settings, for messages; ``stop_within`` seconds bound the stop;
    ``on_refused`` hears the status of what never reaches the application, and is answered in plain text with ``plain``.
    With ``tls`` nothing else is spoken.
    """

    def __init__(
        self,
        app: Any,
        *,
        host: str,
        port: int,
        setting: str,
        limits: RequestLimits | None = None,
        stop_within: float = 5.0,
        on_refused: Callable[[int], None] = lambda _status: None,
        plain: bool = False,
        tls: ServerTls | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._setting = setting
        limits = limits or RequestLimits()
        protocol: Any = bounded_protocol(limits, on_refused, plain=plain)
        if tls is not None:
            protocol = behind_tls(tls, limits, protocol)
        self._server = _Server(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=max(1, round(limits.keep_alive)),
                timeout_graceful_shutdown=max(1, round(stop_within)),
                backlog=BACKLOG,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self._address: tuple[str, int] | None = None

    @property
    def address(self) -> str:
        """`host:port` as it really is. Raises RuntimeError before ``start``."""
        if self._address is None:
            raise RuntimeError("the server has not been started")
        host, port = self._address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def start(self) -> None:
        """Listen and serve. Raises CannotListen."""
        listener = bind(self._host, self._port, self._setting)
        self._address = listener.getsockname()[:2]
        self._task = asyncio.create_task(self._server.serve([listener]), name=f"http:{self._setting}")
        accepting = asyncio.create_task(self._server.accepting.wait())
        await asyncio.wait({self._task, accepting}, return_when=asyncio.FIRST_COMPLETED)
        accepting.cancel()
        if self._task.done():
            listener.close()
            self._task.result()

    async def stop(self) -> None:
        """Stop listening, wait for requests in flight, then cut the rest. May be called again."""
        if self._task is None:
            return
        self._server.should_exit = True
        await self._task
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        tasks = list(self._server.server_state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
