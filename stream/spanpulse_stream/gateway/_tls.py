"""TLS of the receiver: its certificate, and where senders must show one, who signs theirs.

TLS 1.2 or newer. Files are read once, when the process starts: a renewed certificate is used after a restart.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from spanpulse_stream.gateway._limits import RequestLimits
from spanpulse_stream.settings import Settings

__all__ = ["HANDSHAKE_S", "ServerTls", "TlsMisconfigured", "behind_tls"]

HANDSHAKE_S: Final = 10.0
SHUTDOWN_S: Final = 2.0


class TlsMisconfigured(ValueError):  # noqa: N818 -- reads as what it is
    """A file of TLS cannot be used; the message names its setting."""


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A certificate with its chain, its key and, for mutual TLS, the certificates of who signs clients' (PEM)."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """Return what the settings say, None without TLS. Raises TlsMisconfigured."""
        if settings.otlp_certificate is None or settings.otlp_key is None:
            return None
        certificate = _read("otlp_certificate", settings.otlp_certificate)
        key = _read("otlp_key", settings.otlp_key)
        client_ca = None if settings.otlp_client_ca is None else _read("otlp_client_ca", settings.otlp_client_ca)
        context = _context(settings.otlp_certificate, settings.otlp_key, client_ca)
        return cls(certificate, key, client_ca, context)


def _context(certificate: Path, key: Path, client_ca: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise TlsMisconfigured(f"otlp_certificate and otlp_key cannot be used together: {_reason(error)}") from None
    if client_ca is not None:
        try:
            context.load_verify_locations(cadata=client_ca.decode("ascii"))
        except (ssl.SSLError, ValueError) as error:  # ValueError: an empty file, or none of text
            raise TlsMisconfigured(f"otlp_client_ca holds no certificates (PEM): {_reason(error)}") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsMisconfigured(f"{setting}: {path}: {error.strerror}") from None


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or type(error).__name__


def _no_password() -> str:
    """Raise for a key with a password: otherwise OpenSSL asks for it on the terminal, and a service hangs."""
    raise TlsMisconfigured("otlp_key has a password: give one without")


def behind_tls(
    tls: ServerTls, limits: RequestLimits, make: Callable[..., asyncio.Protocol]
) -> Callable[..., asyncio.Protocol]:
    """Return a factory of protocols that speak TLS first, and then are what ``make`` makes.

    Handshakes are bounded in time, and together with `limits.most_connections` in number: asyncio's own server would
    let anybody hold any number of them open for a minute.
    """
    waiting: set[_Handshake] = set()

    def make_handshake(**given: object) -> asyncio.Protocol:
        return _Handshake(tls.context, waiting, limits.most_connections, lambda: make(**given))

    return make_handshake


class _Handshake(asyncio.Protocol):
    """A connection until TLS is agreed upon."""

    def __init__(
        self, context: ssl.SSLContext, waiting: "set[_Handshake]", most: int, make: Callable[[], asyncio.Protocol]
    ) -> None:
        self._context = context
        self._waiting = waiting
        self._most = most
        self._make = make
        self._early: list[bytes] = []  # the request may come with the end of the handshake
        self._lost = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._task is not None:
            return  # of TLS itself
        assert isinstance(transport, asyncio.Transport)
        if len(self._waiting) >= self._most:
            transport.abort()
            return
        transport.pause_reading()  # whatever the client says first is TLS
        self._waiting.add(self)
        self._task = asyncio.get_running_loop().create_task(self._agree(transport))

    def data_received(self, data: bytes) -> None:
        self._early.append(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's
        self._lost = True

    async def _agree(self, transport: asyncio.Transport) -> None:
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except OSError:  # of TLS and time-outs too: strangers of all kinds knock here, and none is worth a line
            transport.abort()
            return
        finally:
            self._waiting.discard(self)
        if secured is None or self._lost:
            transport.abort()
            return
        protocol = self._make()
        secured.set_protocol(protocol)
        protocol.connection_made(secured)
        for data in self._early:
            protocol.data_received(data)
