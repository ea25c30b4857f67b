"""multipart/form-data: how a client sends a query with parameters that are too long for a URL.

Only plain fields are read; a file (external data) is refused, as a feature that is not there.
"""

import re

from clickhouse_facade._errors import ServerError

__all__ = ["form_fields", "is_form"]

NAME = re.compile(rb'\bname="([^"]*)"')
BOUNDARY = re.compile(r'boundary="?([^";]+)"?')


def is_form(content_type: str) -> bool:
    """Tell whether a body is a form."""
    return content_type.startswith("multipart/form-data")


def form_fields(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form in order. Raises ServerError."""
    boundary = BOUNDARY.search(content_type)
    if boundary is None:
        raise ServerError(36, "A form without a boundary")
    fields = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode())[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = NAME.search(head)
        if name is None or b"filename=" in head:
            raise ServerError(48, "External data are not implemented by this server of tests")
        fields.append((name[1].decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")))
    return fields
