"""The token of a page: who has it may look. It comes in a header, or in a cookie that the sign-in form gave.

The cookie does not hold the token but a signature made with it, good for `COOKIE_S`; a new token ends all cookies. Its
name follows from the token as well, as browsers give the cookies of a host to every port of it: pages with different
tokens do not overwrite each other's. The right token is let in whatever others try. A wrong one is told so after
`WRONG_S`, in a header, a cookie or the form alike, and at once where `MOST_DELAYED` wait for that already. Comparisons
take the same time whatever is sent. Not guaranteed: protection of a token that can be guessed; it has at least 16
characters.
"""

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import sha256
from itertools import islice

from pydantic import SecretStr

__all__ = ["COOKIE_S", "MOST_DELAYED", "Access", "Verdict"]

COOKIE_S = 14 * 86_400
LONGEST = 512
MOST_COOKIES = 8  # of our name, which other paths of the host may have set too
WRONG_S = 1.0
MOST_DELAYED = 64
BEARER = "bearer "


class Verdict(Enum):
    """What a request has shown: enough, nothing that still counts, or something that is not the token."""

    ADMITTED = auto()
    UNKNOWN = auto()
    WRONG = auto()


@dataclass(slots=True)
class Access:
    """Checks ``token``; None lets everybody in. The clock is in seconds. For one event loop."""

    token: SecretStr | None
    wall_clock: Callable[[], float] = time.time
    delayed: int = field(default=0, init=False)
    """How many wait to be told that they are wrong."""

    @property
    def open(self) -> bool:
        """Whether no token is asked for."""
        return self.token is None

    @property
    def cookie(self) -> str:
        """The name of the cookie."""
        return f"spanpulse_{hmac.new(self._secret(), b'name of the cookie', sha256).hexdigest()[:8]}"

    def judge(self, headers: Mapping[str, str]) -> Verdict:
        """Return what a request with these headers (lowercase names) has shown."""
        if self.token is None:
            return Verdict.ADMITTED
        authorization = headers.get("authorization", "")
        if authorization[: len(BEARER)].lower() == BEARER:
            right = self._is_token(authorization[len(BEARER) :].strip())
            return Verdict.ADMITTED if right else Verdict.WRONG
        found = {self._session(value) for value in islice(self._cookies(headers.get("cookie", "")), MOST_COOKIES)}
        return next((each for each in (Verdict.ADMITTED, Verdict.WRONG) if each in found), Verdict.UNKNOWN)

    def sign_in(self, token: str) -> str | None:
        """Return the cookie's value for the right token, None for a wrong one."""
        if not self._is_token(token):
            return None
        until = int(self.wall_clock()) + COOKIE_S
        salt = secrets.token_hex(8)
        return f"{until}.{salt}.{self._signature(f'{until}.{salt}')}"

    async def delay(self) -> bool:
        """Wait before somebody is told to be wrong; False, at once: too many wait."""
        if self.delayed >= MOST_DELAYED:
            return False
        self.delayed += 1
        try:
            await asyncio.sleep(WRONG_S)
        finally:
            self.delayed -= 1
        return True

    def _is_token(self, given: str) -> bool:
        expected = sha256(self._secret()).digest()
        return hmac.compare_digest(sha256(given[:LONGEST].encode()).digest(), expected) and len(given) <= LONGEST

    def _cookies(self, header: str) -> Iterator[str]:
        """Yield the values of our name, whatever the cookies of others look like."""
        ours = self.cookie
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == ours:
                yield value[:LONGEST]

    def _session(self, value: str) -> Verdict:
        said, _, signature = value.rpartition(".")
        until, _, _ = said.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(said).encode()):
            return Verdict.WRONG
        good = until.isdigit() and int(until) > self.wall_clock()
        return Verdict.ADMITTED if good else Verdict.UNKNOWN

    def _signature(self, said: str) -> str:
        return hmac.new(self._secret(), f"session {said}".encode(), sha256).hexdigest()

    def _secret(self) -> bytes:
        return self.token.get_secret_value().encode() if self.token else b""
