"""Whether a receiver of OTLP can be reached: name, connection, TLS, and what is spoken there.

Nothing of an application is sent: a connection is opened and asked as HTTP/1.1 asks, the next one greeted as HTTP/2
greets (RFC 9113, 3.4), and what answers tells what it is. That is enough to find the two ports of OTLP mixed up. Every
wait ends within the timeout. Not guaranteed: that spans are taken there; sending one tells.
"""

import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from spanpulse._commands._step import Step, failed, fine, left_out, noted
from spanpulse._settings import Settings

__all__ = ["check_reach"]

Spoken = Literal["http1", "http2", "tls", "nothing"]
GREETING: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))  # and empty SETTINGS
FRAME_TYPE: Final = 3  # its place in a frame
SETTINGS_FRAME: Final = 4
HTTP1: Final = b"HTTP/1."
ENOUGH: Final = 512
SHORT_S: Final = 3.0  # for an answer
PORTS: Final = {"http/protobuf": 4318, "grpc": 4317}
NAMES: Final = {"http/protobuf": "OTLP over HTTP", "grpc": "OTLP over gRPC"}


@dataclass(frozen=True, slots=True)
class _Receiver:
    """Where, and how it is to be spoken to."""

    host: str
    port: int
    tls: bool
    settings: Settings

    @property
    def other(self) -> str:
        """The protocol that it is not set to."""
        return "grpc" if self.settings.protocol == "http/protobuf" else "http/protobuf"


def check_reach(settings: Settings, base: str) -> list[Step]:
    """Reach the receiver at an address ``https://host:port/path``; the last step is the one that failed, if one did."""
    parts = urlsplit(base)
    if settings.protocol != "grpc" and (proxy := _proxy(parts)):
        return [left_out("reach", f"through the proxy {proxy}; sending a span tells whether that works")]
    tls = parts.scheme == "https"
    receiver = _Receiver(parts.hostname or "", parts.port or (443 if tls else 80), tls, settings)
    steps = [_resolve(receiver)]
    if steps[-1].finding == "ok":
        steps.append(_connect(receiver))
    if steps[-1].finding == "ok":
        steps.append(_greet(receiver))
    return steps


def _proxy(parts: SplitResult) -> str:
    """Return the host of the proxy that HTTP_PROXY and such ask for, "" for none."""
    found = getproxies().get(parts.scheme) or getproxies().get("all")
    if not found or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    return urlsplit(found if "://" in found else f"//{found}").netloc.rpartition("@")[2]


def _resolve(receiver: _Receiver) -> Step:
    try:
        found = socket.getaddrinfo(receiver.host, receiver.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return failed(
            "name", f"{receiver.host} is not known: {error.strerror}", "correct the host, or the name service"
        )
    return fine("name", f"{receiver.host} is {', '.join(dict.fromkeys(str(each[4][0]) for each in found))}")


def _connect(receiver: _Receiver) -> Step:
    place = f"{receiver.host}:{receiver.port}"
    try:
        _open(receiver, receiver.settings.timeout).close()
    except ConnectionRefusedError:
        return failed("connection", f"nothing listens at {place}", _how_to_start(receiver))
    except OSError as error:  # TimeoutError is one
        said = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return failed("connection", f"{place}: {said}", "is the host up, and does a firewall let this one through?")
    return fine("connection", f"{place} is open")


def _how_to_start(receiver: _Receiver) -> str:
    usual = PORTS[receiver.settings.protocol]
    if receiver.port != usual:
        return f"correct the port: {NAMES[receiver.settings.protocol]} usually has {usual}"
    return "start the receiver: `spanpulse up`"


def _open(receiver: _Receiver, within: float) -> socket.socket:
    return socket.create_connection((receiver.host, receiver.port), min(within, receiver.settings.timeout))


def _greet(receiver: _Receiver) -> Step:
    """Find out what is spoken there, and say what does not fit."""
    try:
        spoken = _spoken(receiver)
    except ssl.SSLCertVerificationError as error:
        return failed(
            "protocol",
            f"the certificate of {receiver.host} is not accepted: {error.verify_message}",
            "set SPANPULSE_CERTIFICATE to the file of its CA, and use the name that is in the certificate",
        )
    except ssl.SSLError as error:
        if error.reason == "WRONG_VERSION_NUMBER":
            return failed("protocol", "no TLS is spoken there", "use an endpoint with http://")
        if error.reason and "NO_APPLICATION_PROTOCOL" in error.reason:
            return _judged(receiver, "http1" if receiver.settings.protocol == "grpc" else "http2")
        return failed("protocol", f"TLS fails: {error.reason or error}", _about_certificates(receiver))
    except OSError as error:
        return failed("protocol", f"the certificate cannot be used: {error}", _about_certificates(receiver))
    return _judged(receiver, spoken)


def _about_certificates(receiver: _Receiver) -> str:
    if receiver.settings.certificate or receiver.settings.client_certificate:
        return "are SPANPULSE_CERTIFICATE, SPANPULSE_CLIENT_CERTIFICATE and SPANPULSE_CLIENT_KEY right?"
    return "does it ask for a certificate (SPANPULSE_CLIENT_CERTIFICATE), or for another version of TLS?"


def _judged(receiver: _Receiver, spoken: Spoken) -> Step:
    wanted, tls = receiver.settings.protocol, " over TLS" if receiver.tls else ""
    if spoken == "tls":
        return failed("protocol", "TLS is spoken there", "use an endpoint with https://")
    if spoken == ("http2" if wanted == "grpc" else "http1"):
        return fine("protocol", f"{NAMES[wanted]} fits: {'HTTP/2' if wanted == 'grpc' else 'HTTP/1.1'}{tls}")
    if spoken == "nothing":
        said = "it hangs up or says nothing"
        return noted("protocol", said, f"is that a receiver of {NAMES[wanted]}, and not its {NAMES[receiver.other]}?")
    return failed(
        "protocol",
        f"that is a port of {NAMES[receiver.other]}, and {NAMES[wanted]} is what is set",
        f"use the port of {NAMES[wanted]} (usually {PORTS[wanted]}), or SPANPULSE_PROTOCOL={receiver.other}",
    )


def _spoken(receiver: _Receiver) -> Spoken:
    """Return what is spoken there. Raises ssl.SSLError, and OSError for files of certificates."""
    context = _context(receiver)
    said = _answer(
        receiver, context, b"GET / HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % receiver.host.encode()
    )
    if said.startswith(HTTP1):
        return "tls" if b"HTTPS" in said and context is None else "http1"
    said = _answer(receiver, context, GREETING)
    if len(said) > FRAME_TYPE and said[FRAME_TYPE] == SETTINGS_FRAME:
        return "http2"
    return "tls" if context is None and _takes_tls(receiver) else "nothing"


def _answer(receiver: _Receiver, context: ssl.SSLContext | None, asked: bytes) -> bytes:
    """Return how an answer begins, b"" for none. Raises ssl.SSLError while TLS is agreed on."""
    with _open(receiver, SHORT_S) as plain:
        try:
            connection = context.wrap_socket(plain, server_hostname=receiver.host) if context else plain
        except (ConnectionError, TimeoutError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""
        said = b""
        with connection, contextlib.suppress(OSError):  # TimeoutError is one
            connection.sendall(asked)
            while not _tells(said) and (more := connection.recv(ENOUGH)):
                said += more
        return said


def _tells(said: bytes) -> bool:
    """Tell whether the begin of an answer is enough: of HTTP/1 it may say that it wants TLS."""
    return len(said) >= (ENOUGH if HTTP1.startswith(said[: len(HTTP1)]) else FRAME_TYPE + 1)


def _takes_tls(receiver: _Receiver) -> bool:
    """Tell whether TLS is spoken where it is not asked for; nothing is sent by it, so whose it is does not matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _open(receiver, SHORT_S) as plain, context.wrap_socket(plain, server_hostname=receiver.host):
            return True
    except OSError:  # those of TLS are
        return False


def _context(receiver: _Receiver) -> ssl.SSLContext | None:
    """Return how TLS is spoken, as the transport would. Raises OSError for files that are none."""
    if not receiver.tls:
        return None
    settings = receiver.settings
    context = ssl.create_default_context(cafile=settings.certificate or None)
    context.set_alpn_protocols(["h2"] if settings.protocol == "grpc" else ["http/1.1"])
    if settings.client_certificate:
        context.load_cert_chain(settings.client_certificate, settings.client_key or None, password=lambda: "")
    return context
