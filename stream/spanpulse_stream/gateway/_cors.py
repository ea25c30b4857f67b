"""Which web pages may send: cross-origin requests (CORS) of browser SDKs, from origins that the operator names.

Without any named origin no preflight is answered, so that no page elsewhere can send from a visitor's browser.
Credentials (cookies) are never allowed; a key is sent as a header like everywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from spanpulse_stream.gateway._answers import Headers

__all__ = ["Cors"]

ANY = "*"
PREFLIGHT_S = 7200  # how long a browser keeps the answer; no browser keeps it longer


@dataclass(frozen=True, slots=True)
class Cors:
    """The origins that may send, in lowercase."""

    origins: frozenset[str] = frozenset()

    @classmethod
    def of(cls, origins: Iterable[str]) -> "Cors":
        """Allow origins like `https://app.example.com`, or `*` for every page."""
        return cls(frozenset(origin.lower() for origin in origins))

    def headers(self, request: dict[bytes, bytes]) -> Headers:
        """Return what an answer to this request needs so that its page may read it; nothing for other origins."""
        origin = request.get(b"origin", b"")
        if not origin or not self._allows(origin):
            return []
        return [(b"access-control-allow-origin", origin), (b"vary", b"origin")]

    def preflight(self, request: dict[bytes, bytes]) -> Headers | None:
        """Return the headers that answer a preflight, or None where the request is none that is allowed."""
        allowed = self.headers(request)
        if not allowed or b"access-control-request-method" not in request:
            return None
        return [
            *allowed,
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"content-type, content-encoding, authorization, x-api-key"),
            (b"access-control-max-age", str(PREFLIGHT_S).encode()),
        ]

    def _allows(self, origin: bytes) -> bool:
        return ANY in self.origins or origin.decode("latin-1").lower() in self.origins
