"""`ValueKind` as kernels have it, which read no members of enumerations."""

from typing import Final

__all__ = ["ARRAY", "BOOL", "BYTES", "DOUBLE", "EMPTY", "INT", "KVLIST", "STRING"]

EMPTY: Final = 0
STRING: Final = 1
BOOL: Final = 2
INT: Final = 3
DOUBLE: Final = 4
ARRAY: Final = 5
KVLIST: Final = 6
BYTES: Final = 7
