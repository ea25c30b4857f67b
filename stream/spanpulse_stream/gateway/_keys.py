"""API keys: who may send, and for which tenant.

Only SHA-256 hashes are held; keys must be random (32 hex characters or more), since a fast hash protects no
password. Without keys everything is tenant `default`, which is allowed on loopback addresses alone.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

__all__ = [
    "DEFAULT_TENANT",
    "ApiKeys",
    "BindingRefused",
    "InvalidKey",
    "check_binding",
    "check_page_binding",
    "is_tenant",
]

DEFAULT_TENANT = "default"
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SHA256_HEX = re.compile(r"[0-9a-fA-F]{64}")
PLAIN = "plain:"
SHORTEST_PLAIN = 16
LONGEST_KEY = 512

Headers = Iterable[tuple[bytes, bytes]]


class InvalidKey(ValueError):  # noqa: N818 -- reads as what it is
    """An entry of the configured keys is not understood; the message names its place, never its text."""


class BindingRefused(ValueError):  # noqa: N818 -- reads as what it is
    """The receiver or the page would listen beyond this machine without asking for a key."""


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The keys that are accepted, as (tenant, SHA-256 of the key)."""

    entries: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "ApiKeys":
        """Read entries `tenant:sha256hex` (of the key) or `tenant:plain:key`. Raises InvalidKey."""
        return cls(tuple(_parse(place, entry) for place, entry in enumerate(entries, 1)))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def tenant(self, headers: Headers) -> str | None:
        """Return the sender's tenant, or None where its key is missing or wrong."""
        found = self.entry(headers)
        return None if found is None else found[0]

    def entry(self, headers: Headers) -> tuple[str, bytes] | None:
        """Return the sender's tenant and the SHA-256 of its key, or None where its key is missing or wrong.

        The key stands in `authorization: Bearer KEY` or `x-api-key: KEY`; names of headers are lowercase, as in
        ASGI. Takes the same time whichever key matches.
        """
        if not self.entries:
            return DEFAULT_TENANT, b""
        key = _presented(headers)
        digest = sha256(key[:LONGEST_KEY]).digest()
        found = None
        for tenant, expected in self.entries:
            if compare_digest(digest, expected):
                found = tenant, expected
        return found if len(key) <= LONGEST_KEY else None


def is_tenant(name: str) -> bool:
    """Tell whether a tenant may have this name."""
    return TENANT.fullmatch(name) is not None


def check_binding(host: str, keys: ApiKeys) -> None:
    """Raise BindingRefused if ``host`` is reachable from other machines and there are no keys."""
    if keys or _is_loopback(host):
        return
    raise BindingRefused(
        f"listening on {host or 'every address'} lets other machines send, and no API key is set: "
        "set api_keys (SPANPULSE_API_KEYS=tenant:sha256-of-the-key), or listen on 127.0.0.1"
    )


def check_page_binding(host: str, *, token: bool) -> None:
    """Raise BindingRefused if ``host`` is reachable from other machines and no token is asked for."""
    if token or _is_loopback(host):
        return
    raise BindingRefused(
        f"the page on {host or 'every address'} would show everything to other machines, and no token is set: "
        "set web_token (SPANPULSE_WEB_TOKEN, 16 characters or more), or web_host = 127.0.0.1"
    )


def _parse(place: int, entry: str) -> tuple[str, bytes]:
    tenant, _, rest = entry.partition(":")
    if not TENANT.fullmatch(tenant):
        raise InvalidKey(f"api_keys: entry {place} has no valid tenant name before its colon")
    if SHA256_HEX.fullmatch(rest):
        return tenant, bytes.fromhex(rest)
    key = rest.removeprefix(PLAIN).encode()
    if not rest.startswith(PLAIN) or not SHORTEST_PLAIN <= len(key) <= LONGEST_KEY:
        raise InvalidKey(
            f"api_keys: entry {place} is neither tenant:sha256hex nor tenant:plain:key "
            f"with a key of {SHORTEST_PLAIN} to {LONGEST_KEY} bytes"
        )
    return tenant, sha256(key).digest()


def _presented(headers: Headers) -> bytes:
    presented = b""
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
        if name == b"x-api-key":
            presented = value.strip()
    return presented


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
