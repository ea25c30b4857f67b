"""Why a piece is rejected: the numbers the kernels return and their names.

Nothing here says where in a piece the damage is; the piece's byte range is in `Rejected`.
"""

from typing import Final

__all__ = ["OK", "REASONS"]

OK: Final = 0
TRUNCATED: Final = 1
INVALID_VARINT: Final = 2
INVALID_TAG: Final = 3
WRONG_WIRE_TYPE: Final = 4
UNBALANCED_GROUP: Final = 5
INVALID_UTF8: Final = 6
TOO_DEEP: Final = 7
TOO_MANY_ATTRIBUTES: Final = 8
TOO_MANY_EVENTS: Final = 9
TOO_MANY_LINKS: Final = 10
TOO_MANY_RECORDS: Final = 11
INVALID_JSON: Final = 12  # it came as JSON and is no record: a zero byte, then the JSON

REASONS: Final = (
    "",
    "truncated",
    "invalid_varint",
    "invalid_tag",
    "wrong_wire_type",
    "unbalanced_group",
    "invalid_utf8",
    "too_deep",
    "too_many_attributes",
    "too_many_events",
    "too_many_links",
    "too_many_records",
    "invalid_json",
)
