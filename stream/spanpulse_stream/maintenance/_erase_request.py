"""What is to be erased: one user, one trace, or all before a day; checked, and written down until it is done."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from spanpulse_sinks.clickhouse import write_durably
from spanpulse_stream.operations import MaintenanceError

__all__ = ["EraseRequest", "Journal"]

TRACE = re.compile(r"[0-9a-f]{32}")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
LONGEST_USER = 8192  # bytes: a query that looks for it in dead letters has a bound too


@dataclass(frozen=True, slots=True)
class EraseRequest:
    """Exactly one of ``user`` (an id as it was sent), ``trace`` (32 hex digits) and ``before`` (a received UTC day).

    ``tenant`` narrows it to one tenant; None means all.
    """

    user: str | None = None
    trace: str | None = None
    before: date | None = None
    tenant: str | None = None

    @classmethod
    def parse(cls, arguments: Mapping[str, Any]) -> Self:
        """Return the request in an operation's arguments. Raises MaintenanceError for what cannot be meant."""
        given = {name: value for name in ("user", "trace", "before") if (value := arguments.get(name)) is not None}
        if len(given) != 1:
            raise MaintenanceError("name one of --user ID, --trace ID and --before DATE")
        tenant = arguments.get("tenant")
        if tenant is not None:
            _plain("--tenant", tenant)
        return cls(
            user=_user(given["user"]) if "user" in given else None,
            trace=_trace(given["trace"]) if "trace" in given else None,
            before=_before(given["before"]) if "before" in given else None,
            tenant=tenant,
        )

    def __str__(self) -> str:
        """Return it without the id, for logs."""
        return "a user" if self.user else "a trace" if self.trace else f"what was received before {self.before}"


class Journal:
    """The file that holds a request until it is carried out; readable by the folder's owner alone."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "erase.json"

    def read(self) -> EraseRequest | None:
        """Return the request that is not carried out yet. Raises MaintenanceError where it cannot be read."""
        try:
            return EraseRequest.parse(json.loads(self._path.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, AttributeError, TypeError, MaintenanceError) as error:
            raise MaintenanceError(
                f"{self._path}, which holds what an interrupted erasure was asked for, cannot be read: {error}; "
                "remove the file, then repeat that erasure"
            ) from None

    def is_there(self) -> bool:
        """Return whether a request is not carried out yet, readable or not."""
        return self._path.exists()

    def write(self, request: EraseRequest) -> None:
        """Keep a request, durably. Raises OSError."""
        write_durably(self._path, json.dumps(asdict(request), default=str))

    def remove(self) -> None:
        """Forget the request: it is carried out."""
        self._path.unlink(missing_ok=True)


def _user(text: str) -> str:
    if _plain("--user", text) > LONGEST_USER:
        raise MaintenanceError(
            f"--user has more than {LONGEST_USER:,} bytes, which no user id has; --trace erases what holds it"
        )
    return text


def _plain(option: str, text: str) -> int:
    """Return the bytes of a text as it is stored. Raises MaintenanceError where it is none."""
    if not text:
        raise MaintenanceError(f"{option} is empty, which names nobody")
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise MaintenanceError(
            f"{option} is no UTF-8, and nothing else is stored; check the terminal's encoding"
        ) from None


def _trace(text: str) -> str:
    if not TRACE.fullmatch(text.lower()):
        raise MaintenanceError(f"{text!r} is no trace id: 32 hexadecimal digits")
    return text.lower()


def _before(text: str) -> date:
    try:
        day = date.fromisoformat(text if DAY.fullmatch(text) else "")  # Python reads more forms than are meant
    except ValueError:
        raise MaintenanceError(f"{text!r} is no date: write it as 2026-01-31") from None
    if day > (today := datetime.now(UTC).date()):
        raise MaintenanceError(f"{day} lies in the future; today is {today} (UTC), and --before {today} keeps today")
    return day
