"""Values of a table as OTLP's JSON has them: times, ids, numbers. A value that cannot be read raises `BadValue`.

A time without a zone is UTC; a number is seconds, milliseconds, microseconds or nanoseconds since 1970 by its size. An
id that is no id of OpenTelemetry becomes the digest of its text, so that what named the same still does.
"""

import hashlib
import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import orjson

__all__ = ["BadValue", "attribute_of", "id_of", "kind_of", "nanoseconds_of", "number_of", "status_of", "text_of"]

SECOND: Final = 1_000_000_000
EARLIEST, LATEST = 946_684_800 * SECOND, 4_102_444_800 * SECOND  # 2000-01-01, 2100-01-01
ISO: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?"
)
NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
UNITS: Final = ((1e11, SECOND), (1e14, 1_000_000), (1e17, 1_000))  # below so much, one is so many ns
TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
STATUSES: Final = {
    **dict.fromkeys(("ok", "success", "succeeded", "true", "1", "200", "status_code_ok"), 1),
    **dict.fromkeys(("error", "failed", "failure", "false", "2", "status_code_error"), 2),
    **dict.fromkeys(("unset", "0", "status_code_unset"), 0),
}
KINDS: Final = {name: place for place, name in enumerate(("internal", "server", "client", "producer", "consumer"), 1)}
HEX: Final = frozenset("0123456789abcdef")
MOST_SHOWN: Final = 60


class BadValue(ValueError):  # noqa: N818 -- what it is
    """A value is not what its column should hold."""


def _bad(value: object, wanted: str) -> BadValue:
    shown = text_of(value)
    return BadValue(f"{wanted} is wanted, not {shown[:MOST_SHOWN]!r}{'...' if len(shown) > MOST_SHOWN else ''}")


def text_of(value: Any) -> str:
    """Return a value as text; lists and structures as JSON, bytes in hexadecimal digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | dict):
        return orjson.dumps(value, default=text_of, option=orjson.OPT_NON_STR_KEYS).decode()
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def number_of(value: Any, *, whole: bool) -> int | float:
    """Return a number, with ``whole`` an integer. Raises BadValue."""
    wanted = "a whole number" if whole else "a number"
    if isinstance(value, bool):
        raise _bad(value, wanted)
    text = text_of(value).strip()
    if not NUMBER.fullmatch(text):
        raise _bad(value, wanted)
    number = Decimal(text)
    if not whole:
        if not math.isfinite(found := float(number)):
            raise _bad(value, wanted)
        return found
    if number != number.to_integral_value() or abs(number) >= 1 << 63:
        raise _bad(value, wanted)
    return int(number)


def nanoseconds_of(value: Any) -> int:
    """Return a time in ns since 1970. Raises BadValue."""
    found = _nanoseconds(value)
    if not EARLIEST <= found < LATEST:
        raise _bad(value, "a time from 2000 to 2099 (ISO 8601, or a number since 1970)")
    return found


def _nanoseconds(value: Any) -> int:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(aware.replace(microsecond=0).timestamp()) * SECOND + value.microsecond * 1000
    text = text_of(value).strip()
    if NUMBER.fullmatch(text):
        number = Decimal(text)
        unit = next((unit for below, unit in UNITS if abs(number) < below), 1)
        return int(number * unit)
    found = ISO.fullmatch(text)
    if not found:
        raise _bad(value, "a time (ISO 8601, or a number since 1970)")
    day, clock, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}")
        moment = moment.replace(tzinfo=datetime.strptime(_zone(zone), "%z").tzinfo)
    except ValueError:
        raise _bad(value, "a time (ISO 8601, or a number since 1970)") from None
    return int(moment.timestamp()) * SECOND + int((fraction or "0").ljust(9, "0"))


def _zone(zone: str | None) -> str:
    return "+0000" if zone in (None, "Z", "UTC") else str(zone)


def id_of(value: Any, size: int) -> str | None:
    """Return an id of ``size`` bytes in hexadecimal digits; None for an empty one."""
    text = text_of(value).strip()
    plain = text.lower().replace("-", "")
    if len(plain) == 2 * size and HEX.issuperset(plain):
        return plain if plain.strip("0") else None
    return hashlib.sha256(text.encode()).hexdigest()[: 2 * size] if text else None


def status_of(value: Any) -> int:
    """Return a StatusCode. Raises BadValue."""
    found = STATUSES.get(text_of(value).strip().lower())
    if found is None:
        raise _bad(value, "a status (ok, error or unset)")
    return found


def kind_of(value: Any) -> int:
    """Return a SpanKind. Raises BadValue."""
    text = text_of(value).strip().lower().removeprefix("span_kind_")
    if text in ("0", "unspecified"):
        return 0
    if text.isdecimal() and int(text) in KINDS.values():
        return int(text)
    if (found := KINDS.get(text)) is None:
        raise _bad(value, f"a kind of span ({', '.join(KINDS)})")
    return found


def boolean_of(value: Any) -> bool:
    """Return a truth value. Raises BadValue."""
    found = TRUTHS.get(text_of(value).strip().lower())
    if found is None:
        raise _bad(value, "true or false")
    return found


def message_of(value: Any, role: str) -> str:
    """Return messages as the conventions have them in JSON: as they are, or one of ``role`` made of a text."""
    text = text_of(value)
    if text.lstrip().startswith("["):
        try:
            if isinstance(orjson.loads(text), list):
                return text
        except orjson.JSONDecodeError:
            pass
    return orjson.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}]).decode()


def attribute_of(name: str, kind: str, value: Any) -> dict[str, Any]:
    """Return a KeyValue of OTLP's JSON. Raises BadValue."""
    if kind == "integer":
        found: dict[str, Any] = {"intValue": number_of(value, whole=True)}
    elif kind == "number":
        found = {"doubleValue": number_of(value, whole=False)}
    elif kind == "decimal":
        number_of(value, whole=False)
        found = {"stringValue": text_of(value).strip()}  # every digit counts
    elif kind == "boolean":
        found = {"boolValue": boolean_of(value)}
    elif kind == "message":
        found = {"stringValue": message_of(value, "user" if ".input." in name else "assistant")}
    else:
        found = _any(value) if kind == "any" else {"stringValue": text_of(value)}
    return {"key": name, "value": found}


def _any(value: Any) -> dict[str, Any]:
    """Return a value in the type that it has; what OTLP has no type for is text."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and abs(value) < 1 << 63:
        return {"intValue": value}
    if isinstance(value, float) and math.isfinite(value):
        return {"doubleValue": value}
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return {"arrayValue": {"values": [{"stringValue": part} for part in value]}}
    return {"stringValue": text_of(value)}
