"""Which web pages may send: cross-origin requests (CORS) of browser SDKs, from origins that the operator names.

Without any named origin no preflight is answered, so that no page elsewhere can send from a visitor's browser.
Credentials (cookies) are never allowed; a key is sent as a header like everywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from spanpulse_stream.gateway._answers import Headers

__all__ = ["Cors"]

ANY = "*"
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
PREFLIGHT_S = 7200  # how long a browser keeps the answer; no browser keeps it longer


@dataclass(frozen=True, slots=True)
class Cors:
    """The origins that may send, in lowercase."""

    origins: frozenset[str] = frozenset()

    @classmethod
    def of(cls, origins: Iterable[str]) -> "Cors":
        """Allow origins like `https://app.example.com`, or `*` for every page."""
        return cls(frozenset(_as_sent(origin) for origin in origins))

    def headers(self, request: dict[bytes, bytes]) -> Headers:
        """Return what an answer to this request needs so that its page may read it; nothing for other origins."""
        allowed = self._allowed(request)
        return [*allowed, (b"access-control-expose-headers", b"retry-after")] if allowed else []

    def preflight(self, request: dict[bytes, bytes]) -> Headers | None:
        """Return the headers that answer a preflight, or None where the request is none that is allowed."""
        allowed = self._allowed(request)
        if not allowed or b"access-control-request-method" not in request:
            return None
        return [
            *allowed,
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"content-type, content-encoding, authorization, x-api-key"),
            (b"access-control-max-age", str(PREFLIGHT_S).encode()),
        ]

    def _allowed(self, request: dict[bytes, bytes]) -> Headers:
        origin = request.get(b"origin", b"")
        named = ANY in self.origins or origin.decode("latin-1").lower() in self.origins
        return [(b"access-control-allow-origin", origin), (b"vary", b"origin")] if origin and named else []


def _as_sent(origin: str) -> str:
    """Return an origin as browsers write it: in lowercase, without the port that its scheme has anyway."""
    origin = origin.lower()
    scheme, _, _ = origin.partition(":")
    return origin.removesuffix(DEFAULT_PORTS.get(scheme, ""))
