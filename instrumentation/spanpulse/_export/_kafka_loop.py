"""The event loop for aiokafka: one that works while the interpreter ends, and has no threads but its own.

asyncio resolves names in a pool of threads, which takes nothing any more once the main thread is done; the last spans
of a short program leave after that. Nothing else runs in this loop, so a name that is slow to resolve holds up nobody.
Guarantee: what goes wrong in forgotten tasks is logged for debugging, not as an error of the application.
"""

import asyncio
import socket
from typing import Any

from spanpulse._log import LOG

__all__ = ["Loop"]


class Loop(asyncio.SelectorEventLoop):
    """Resolves names in its own thread."""

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 -- asyncio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Return the addresses of a host. Raises OSError."""
        return socket.getaddrinfo(host, port, family, type, proto, flags)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Log what nobody waited for."""
        LOG.debug("kafka: %s: %r", context.get("message"), context.get("exception"))
