"""What one request may cost, and what all of them together may hold in memory."""

import threading
from dataclasses import dataclass
from typing import Final, Self

from spanpulse_stream.gateway._answers import RequestRefused

__all__ = ["JSON_GROWTH", "LEAST_JSON_BYTES", "Budget", "RequestLimits", "Reservation"]

MIB = 1024 * 1024
JSON_GROWTH: Final = 12  # bytes of memory for one of JSON as SDKs write it, attributes above all: 10 were measured
LEAST_JSON_BYTES: Final = 64 * MIB
RETRY_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Bounds of the receiver. Bytes and seconds.

    Compressed bodies may grow ``most_ratio`` times once they are past ``ratio_free_bytes``. All requests in
    flight hold at most ``most_bytes_in_flight``, which never is less than what one of the largest takes, and the
    values of those in JSON ``most_json_bytes`` beside that; ``most_requests`` of them are worked on. Once
    ``pace_bytes`` of a body are there, as many more must arrive in every ``pace_seconds``: all connections together
    cannot fill the memory and then wait.
    """

    max_body_bytes: int = 20 * MIB
    max_decompressed_bytes: int = 64 * MIB
    most_ratio: int = 300
    ratio_free_bytes: int = 4 * MIB
    most_json_bytes: int = JSON_GROWTH * 20 * MIB
    most_message_bytes: int = 900_000
    most_requests: int = 256
    most_bytes_in_flight: int = 128 * MIB
    most_connections: int = 1024
    header_bytes: int = 64 * 1024
    header_timeout: float = 10.0
    body_timeout: float = 30.0
    pace_bytes: int = 64 * 1024
    pace_seconds: float = 5.0
    keep_alive: float = 75.0  # longer than an exporter's pause between two exports
    inline_bytes: int = 64 * 1024  # larger bodies are checked off the event loop
    threads: int = 2

    @property
    def budget(self) -> int:
        """Bytes that all requests in flight may hold, values of JSON apart."""
        return max(self.most_bytes_in_flight, self.max_body_bytes + self.max_decompressed_bytes)


class Budget:
    """Counts the requests in flight and the bytes they hold. Safe to use from threads."""

    def __init__(self, most_requests: int, most_bytes: int, most_json_bytes: int) -> None:
        self._most_requests = most_requests
        self._bodies = _Pool(most_bytes)
        self._json = _Pool(most_json_bytes)
        self._lock = threading.Lock()
        self._at_work = 0
        self.requests = 0

    @property
    def bytes(self) -> int:
        """What all requests hold now."""
        return self._bodies.held + self._json.held

    def open(self) -> "Reservation":
        """Begin to receive a request."""
        with self._lock:
            self.requests += 1
        return Reservation(self)

    def admit(self) -> None:
        """Begin to work on a request. Raises RequestRefused (429) when there are too many."""
        with self._lock:
            if self._at_work >= self._most_requests:
                raise RequestRefused(429, "too many requests are in flight", retry_after_s=RETRY_AFTER_S)
            self._at_work += 1

    def take(self, size: int, json_size: int = 0) -> None:
        """Reserve bytes of a body, or of the values of JSON. Raises RequestRefused (429) when they are not free."""
        with self._lock:
            if not (self._bodies.has(size) and self._json.has(json_size)):
                raise RequestRefused(
                    429, "the requests in flight hold all the memory they may", retry_after_s=RETRY_AFTER_S
                )
            self._bodies.held += size
            self._json.held += json_size

    def give_back(self, size: int, json_size: int, *, admitted: bool) -> None:
        """End a request that held ``size`` bytes, and ``json_size`` of values."""
        with self._lock:
            self.requests -= 1
            self._at_work -= admitted
            self._bodies.held -= size
            self._json.held -= json_size


@dataclass(slots=True)
class _Pool:
    """Bytes of one kind."""

    most: int
    held: int = 0

    def has(self, size: int) -> bool:
        return self.held + size <= self.most


class Reservation:
    """What one request holds of the budget, until the end of the `with` block."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._admitted = False
        self._json_size = 0
        self.size = 0
        self.arrived = 0

    @property
    def cost(self) -> int:
        """What a request has cost so far in bytes: those that arrived, or those that it holds where these are more."""
        return max(self.arrived, self.size)

    def arrive(self, size: int) -> None:
        """Say that ``size`` bytes more of the body as sent are here, whether or not they can be held."""
        self.arrived += size

    def admit(self) -> None:
        """Say that the body is whole, and work begins. Raises RequestRefused (429)."""
        self._budget.admit()
        self._admitted = True

    def grow(self, size: int) -> None:
        """Hold ``size`` bytes more. Raises RequestRefused (429)."""
        self._budget.take(size)
        self.size += size

    def grow_json(self, size: int) -> None:
        """Hold ``size`` bytes more for the values of a body of JSON. Raises RequestRefused (429)."""
        self._budget.take(0, size)
        self._json_size += size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._budget.give_back(self.size, self._json_size, admitted=self._admitted)
