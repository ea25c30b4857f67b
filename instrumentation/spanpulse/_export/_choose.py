"""Which way the settings ask for, and where OTLP goes.

Nothing is connected, and no network library imported, before the returned function is called by the sender.
"""

import ipaddress
import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final
from urllib.parse import unquote, urlsplit

from spanpulse._export._forks import IMPORTS
from spanpulse._export._transport import Transport
from spanpulse._log import say_once
from spanpulse._settings import Settings

__all__ = ["base_of", "headers_of", "transport_of"]

PATHS: Final = ("/v1/traces", "/v1/logs")
NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of a header: RFC 9110, 5.6.2


def transport_of(settings: Settings) -> Callable[[], Transport]:
    """Return what makes the transport of the settings. Raises ValueError for an address that is none."""
    if settings.sends == "kafka":
        if find_spec("aiokafka") is None:
            say_once('nothing can be sent to Kafka before: pip install "spanpulse[kafka]"')
        return lambda: _kafka(settings)
    is_tls = base_of(settings.endpoint).startswith("https:")
    for name in ("certificate", "client_certificate", "client_key") if is_tls else ():
        if (file := getattr(settings, name)) and not os.access(file, os.R_OK):
            say_once(f"{name}: there is no file {file} that can be read, so that spans will not be sent")
    return lambda: _grpc(settings) if settings.protocol == "grpc" else _http(settings)


def base_of(endpoint: str) -> str:
    """Return the address that paths are added to, `https://host:port/path`, without a slash at its end.

    One without a scheme is `http` on this host and `https` elsewhere. Raises ValueError.
    """
    base = endpoint.strip()
    for end in ("/", *PATHS, "/"):
        base = base if base.endswith("://") else base.removesuffix(end)
    if "://" not in base:
        base = f"{'http' if _is_here(urlsplit(f'//{base}').hostname or '') else 'https'}://{base}"
    if not _is_address(base):
        raise ValueError("the endpoint must be an address such as https://spanpulse.example.org:4318")
    return base


def headers_of(settings: Settings) -> dict[str, str]:
    """Return the headers of every request, names in lower case: those of the settings, then the key.

    What is no header is left out, and that said without a word of it, for it is a secret.
    """
    headers = {}
    for pair in filter(str.strip, settings.headers.split(",")):
        name, sign, value = (unquote(part).strip() for part in pair.partition("="))
        if sign and NAME.fullmatch(name) and value.isascii() and value.isprintable():
            headers[name.lower()] = value
        else:
            say_once("a header of the settings is left out, for it is not `name=value`")
    if settings.api_key:
        headers["authorization"] = f"Bearer {settings.api_key}"
    return headers


def _is_address(base: str) -> bool:
    try:
        parts = urlsplit(base)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or too large a one
        return False


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _http(settings: Settings) -> Transport:
    with IMPORTS.block():
        from spanpulse._export._http import HttpTransport  # noqa: PLC0415

        return HttpTransport(settings)


def _grpc(settings: Settings) -> Transport:
    with IMPORTS.block():
        from spanpulse._export._grpc import GrpcTransport  # noqa: PLC0415

        return GrpcTransport(settings)


def _kafka(settings: Settings) -> Transport:
    with IMPORTS.block():
        from spanpulse._export._kafka import KafkaTransport  # noqa: PLC0415

        return KafkaTransport(settings)
