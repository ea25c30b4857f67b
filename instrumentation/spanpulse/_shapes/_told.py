"""What a request or an answer of a model tells, by the GenAI conventions of OpenTelemetry.

Attributes are ready to be set. Content (messages, instructions, tools) is kept apart from them, as JSON values of the
conventions' schema, for a policy decides whether and how it leaves the process.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from spanpulse._shapes._json import Json

__all__ = ["Attribute", "Shape", "Told", "message", "public_address", "text_part", "uri_part"]

BEHIND = re.compile(r"[?;#]")
BETWEEN = re.compile(r"[?&;#]")
LETS_IN = re.compile(
    r"(?i)^(?:x-.*|hm|code)$|sig|token|key|secret|auth|credential|pass|pwd|jwt|session|hmac|otp|ticket"
)
PASSWORD = re.compile(r"(?<=://)[^/?#\s]*@")

Attribute = str | bool | int | float | list[str]


@dataclass(slots=True)
class Told:
    """What one side of a call told."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    messages: list[Json] = field(default_factory=list)
    """Of the conventions: {"role", "parts", "finish_reason" of an answer}."""
    instructions: list[Json] = field(default_factory=list)
    """Parts of the system's instructions, where the provider has them apart from messages."""
    tools: list[Any] = field(default_factory=list)
    """Definitions, as the provider takes them."""

    def note(self, key: str, value: Attribute | None) -> None:
        """Add an attribute that is told; None and empty lists are not."""
        if value is not None and value != []:
            self.attributes[key] = value


@dataclass(frozen=True)
class Shape:
    """How the bodies of one kind of request look."""

    operation: str
    """A value of `gen_ai.operation.name`."""
    read_request: Callable[[Json], Told]
    read_answer: Callable[[Json], Told]
    join: Callable[[Sequence[Json]], Json]
    """Returns the answer that the events of a stream amount to."""


def text_part(content: str, kind: str = "text") -> Json:
    """Return a part that is text, or ``kind`` "reasoning"."""
    return {"type": kind, "content": content}


def uri_part(modality: str, address: str | None) -> Json | None:
    """Return the part that is an address; None where there is none, or it is the bytes themselves (RFC 2397).

    What lets anybody read who has it (a signature, a token, a password) is no part of it.
    """
    if not address or address.lstrip()[:5].lower() == "data:":
        return None
    return {"type": "uri", "modality": modality, "uri": public_address(address)}


def public_address(address: str) -> str:
    """Return an address without what lets anybody in: a password, and all that follows where a part is named so."""
    address = PASSWORD.sub("", address, 1)
    behind = BEHIND.search(address)
    if behind is None:
        return address
    names = (each.partition("=")[0] for each in BETWEEN.split(unquote(address[behind.start() :])))
    return address[: behind.start()] if any(map(LETS_IN.search, names)) else address


def message(role: str, parts: list[Json], finish_reason: str | None = None) -> Json:
    """Return a message; that of an answer has a ``finish_reason``."""
    made: Json = {"role": role, "parts": parts}
    if finish_reason is not None:
        made["finish_reason"] = finish_reason
    return made
