"""Which names a page answers to, and which pages may send something to it.

A name in the Host header that nobody gave this page may be another site's, pointed at this machine (DNS rebinding);
an address in digits cannot be. What is not GET or HEAD must come from a page of the same host, by its Origin, or from
something that is no browser and sends neither Origin nor Sec-Fetch-Site.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Hosts", "is_loopback"]

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?", re.ASCII)
SAFE = frozenset({"GET", "HEAD"})
PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Hosts:
    """The names of a page: ``names`` are lowercase, without ports; localhost and addresses in digits always count."""

    names: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> "Hosts":
        """Return the hosts by these names."""
        return cls(frozenset(name.lower().rstrip(".") for name in names))

    def knows(self, host: str) -> bool:
        """Whether the value of a Host header names this page."""
        found = HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].lower().rstrip(".").strip("[]")
        return name in self.names or name == "localhost" or name.endswith(".localhost") or _is_address(name)

    def may_send(self, method: str, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers (lowercase names) may change something."""
        if method in SAFE:
            return True
        origin = headers.get("origin")
        if origin is None or origin == "null":
            return headers.get("sec-fetch-site", "none" if origin is None else "cross-site") in {"same-origin", "none"}
        sent = urlsplit(origin)
        return _without_port(sent.netloc, sent.scheme) == _without_port(headers.get("host", ""), sent.scheme)


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _without_port(host: str, scheme: str) -> str:
    """Return a host in lower case without the port that its scheme has by default."""
    return host.lower().removesuffix(f":{PORTS.get(scheme, '')}")
