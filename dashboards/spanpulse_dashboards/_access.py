"""The token of a page: who has it may look. It comes in a header, or in a cookie that the sign-in form gave.

The cookie does not hold the token but a signature made with it, good for `COOKIE_S`; a new token ends all cookies.
Comparisons take the same time whatever is sent, and attempts at the form are bounded for all senders together. Not
guaranteed: protection of a token that can be guessed; it has at least 16 characters.
"""

import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie

from pydantic import SecretStr

__all__ = ["COOKIE", "COOKIE_S", "Access"]

COOKIE = "spanpulse_session"
COOKIE_S = 14 * 86_400
LONGEST = 512
ATTEMPTS = 10
WITHIN_S = 60.0
BEARER = "bearer "


@dataclass(slots=True)
class Access:
    """Checks ``token``; None lets everybody in. Clocks are in seconds."""

    token: SecretStr | None
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    _failed: deque[float] = field(default_factory=lambda: deque(maxlen=ATTEMPTS))

    @property
    def open(self) -> bool:
        """Whether no token is asked for."""
        return self.token is None

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers (lowercase names) may look."""
        if self.token is None:
            return True
        authorization = headers.get("authorization", "")
        if authorization[: len(BEARER)].lower() == BEARER:
            return self._is_token(authorization[len(BEARER) :].strip())
        return self._is_session(_cookie(headers.get("cookie", "")))

    def wait_s(self) -> float:
        """Return how long the form takes no attempt, seconds; 0: it does."""
        if len(self._failed) < ATTEMPTS:
            return 0.0
        return max(0.0, self._failed[0] + WITHIN_S - self.clock())

    def sign_in(self, token: str) -> str | None:
        """Return the cookie's value for the right token, None for a wrong one; ask `wait_s` before."""
        if not self._is_token(token):
            self._failed.append(self.clock())
            return None
        until = int(self.wall_clock()) + COOKIE_S
        salt = secrets.token_hex(8)
        return f"{until}.{salt}.{self._signature(f'{until}.{salt}')}"

    def _is_token(self, given: str) -> bool:
        expected = sha256(self._secret()).digest()
        return hmac.compare_digest(sha256(given[:LONGEST].encode()).digest(), expected) and len(given) <= LONGEST

    def _is_session(self, value: str) -> bool:
        said, _, signature = value.rpartition(".")
        until, _, _ = said.partition(".")
        genuine = hmac.compare_digest(signature.encode(), self._signature(said).encode())
        return genuine and until.isdigit() and int(until) > self.wall_clock()

    def _signature(self, said: str) -> str:
        return hmac.new(self._secret(), f"session {said}".encode(), sha256).hexdigest()

    def _secret(self) -> bytes:
        return self.token.get_secret_value().encode() if self.token else b""


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header[:4096]).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value[:LONGEST] if morsel else ""
