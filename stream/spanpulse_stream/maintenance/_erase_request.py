"""What is to be erased: one user, one trace, or all before a day; checked, and written down until it is done."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from spanpulse_stream.operations import MaintenanceError

__all__ = ["EraseRequest", "Journal"]

TRACE = re.compile(r"[0-9a-f]{32}")


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
        if tenant == "":
            raise MaintenanceError("--tenant names no tenant")
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
        """Return the request that is not carried out yet."""
        if not self._path.exists():
            return None
        return EraseRequest.parse(json.loads(self._path.read_text("utf-8")))

    def write(self, request: EraseRequest) -> None:
        """Keep a request, durably. Raises OSError."""
        beside = self._path.with_suffix(".new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 -- with its mode
            json.dump(asdict(request), file, default=str)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)

    def remove(self) -> None:
        """Forget the request: it is carried out."""
        self._path.unlink(missing_ok=True)


def _user(text: str) -> str:
    if not text:
        raise MaintenanceError("--user is empty: spans without a user are nobody's")
    return text


def _trace(text: str) -> str:
    if not TRACE.fullmatch(text.lower()):
        raise MaintenanceError(f"{text!r} is no trace id: 32 hexadecimal digits")
    return text.lower()


def _before(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise MaintenanceError(f"{text!r} is no date: write it as 2026-01-31") from None
    if day > (today := datetime.now(UTC).date()):
        raise MaintenanceError(f"{day} lies in the future; today is {today} (UTC), and --before {today} keeps today")
    return day
