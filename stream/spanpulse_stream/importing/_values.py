"""Values of a table as OTLP's JSON has them: ids, numbers, states. A value that cannot be read raises `BadValue`.

An id that is no id of OpenTelemetry becomes the digest of its text, so that what named the same still does.
"""

import hashlib
import math
import re
from decimal import Decimal
from typing import Any, Final

import orjson

from spanpulse_stream.importing._times import NUMBER
from spanpulse_stream.importing._typed import Moment, bad, text_of

__all__ = ["ERROR", "attribute_of", "id_of", "is_no_value", "kind_of", "number_of", "status_of", "told_of"]

NO_VALUES: Final = frozenset(("", "null", "none", "nan", "nil", "n/a", "\\n"))
UNSET, OK, ERROR = 0, 1, 2
TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
STATUSES: Final = {
    **dict.fromkeys(("ok", "success", "succeeded", "true", "1", "status_code_ok"), OK),
    **dict.fromkeys(("error", "failed", "failure", "false", "2", "status_code_error"), ERROR),
    **dict.fromkeys(("unset", "0", "status_code_unset"), UNSET),
}
KIND_NAMES: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
KINDS: Final = {name: place for place, known in enumerate(KIND_NAMES) for name in (known, str(place))}
HEX: Final = frozenset("0123456789abcdef")
HTTP_CODE: Final = re.compile(r"[1-5]\d\d", re.ASCII)
HTTP_FAILED: Final = "4"  # what a code of a failed request begins with, or more
SURELY_64_BITS: Final = 18  # digits


def is_no_value(value: Any) -> bool:
    """Tell whether a value only says that there is none, as null and NaN do."""
    return (isinstance(value, float) and math.isnan(value)) or text_of(value).strip().lower() in NO_VALUES


def number_of(value: Any, *, whole: bool) -> int | float:
    """Return a number, with ``whole`` an integer. Raises BadValue."""
    wanted = "a whole number" if whole else "a number"
    if isinstance(value, bool):
        raise bad(value, wanted)
    text = text_of(value).strip()
    if whole and len(text) <= SURELY_64_BITS and text.isascii() and text.isdigit():
        return int(text)
    if not NUMBER.fullmatch(text):
        raise bad(value, wanted)
    if not whole:
        if not math.isfinite(found := float(text)):
            raise bad(value, wanted)
        return found
    number = Decimal(text)
    if number != number.to_integral_value() or abs(number) >= 1 << 63:
        raise bad(value, wanted)
    return int(number)


def id_of(value: Any, size: int) -> str | None:
    """Return an id of ``size`` bytes in hexadecimal digits; None for an empty one."""
    text = text_of(value).strip()
    plain = text.lower().replace("-", "")
    if len(plain) == 2 * size and HEX.issuperset(plain):
        return plain if plain.strip("0") else None
    return None if plain in NO_VALUES else hashlib.sha256(text.encode()).hexdigest()[: 2 * size]


def status_of(value: Any) -> int:
    """Return a StatusCode; of HTTP's, from 400 on an error. Raises BadValue."""
    text = text_of(value).strip().lower().removesuffix(".0")
    if HTTP_CODE.fullmatch(text):
        return OK if text < HTTP_FAILED else ERROR
    if (found := STATUSES.get(text)) is None:
        raise bad(value, "a status (ok, error, unset, or one of HTTP)")
    return found


def told_of(value: Any) -> tuple[bool, str]:
    """Return whether the column of an error speaks of one, and what it says of it: nothing where it is only true."""
    text = text_of(value)
    told = TRUTHS.get(text.strip().lower().removesuffix(".0"))
    if told is None:
        return (False, "") if is_no_value(value) else (True, text)
    return told, ""


def kind_of(value: Any) -> int:
    """Return a SpanKind. Raises BadValue."""
    text = text_of(value).strip().lower().removeprefix("span_kind_")
    if (found := KINDS.get(text)) is None:
        raise bad(value, f"a kind of span ({', '.join(KIND_NAMES[1:])})")
    return found


def boolean_of(value: Any) -> bool:
    """Return a truth value. Raises BadValue."""
    found = TRUTHS.get(text_of(value).strip().lower())
    if found is None:
        raise bad(value, "true or false")
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
    if isinstance(value, str | Moment):
        return {"stringValue": text_of(value)}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and abs(value) < 1 << 63:
        return {"intValue": int(value)}
    if isinstance(value, float) and math.isfinite(value):
        return {"doubleValue": value}
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return {"arrayValue": {"values": [{"stringValue": part} for part in value]}}
    return {"stringValue": text_of(value)}
