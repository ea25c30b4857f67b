"""What becomes of texts before they leave the process: left out, masked, cut.

Runs in a thread of ours, never in the application's. Guarantee: what a pattern finds is replaced before a span has it;
a mask of the application's own that fails leaves the text out. Not guaranteed: that every name, address or number of a
person is found; a pattern finds what looks like one, and numbers with check digits only where those are right.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from spanpulse._log import say_once

__all__ = ["Content", "Mask", "mask_known"]

Mask = Callable[[str], str]
LEFT_OUT: Final = "<LEFT OUT>"

EMAIL: Final = r"[\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
KEY: Final = (
    r"\b(?:sk|rk|pk)[-_][\w-]{16,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36,}|\bgithub_pat_\w{22,}|\bxox[abeprs]-[\w-]{10,}"
    r"|\bAIza[\w-]{35}|\bglpat-[\w-]{20,}|\bhf_[A-Za-z0-9]{30,}|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,8000}?-----END [A-Z ]{0,30}PRIVATE KEY-----"
)
IBAN: Final = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"
SSN: Final = r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"
CARD: Final = r"(?<![\d.])\d(?:[ -]?\d){11,17}\d(?![\d.]\d)"
PHONE: Final = (
    r"(?<![\w+])\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?!\d)"
    r"|(?<![\d.-])(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\d-])"
)
KINDS: Final = {"KEY": KEY, "EMAIL": EMAIL, "IBAN": IBAN, "SSN": SSN, "CARD": CARD, "PHONE": PHONE}
ANY: Final = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in KINDS.items()))
WORTH_A_LOOK: Final = re.compile(r"[@\d]|[-_]\w{16}|-----BEGIN")


def mask_known(text: str) -> str:
    """Return a text in which what looks like a key, address or number of somebody is `<KEY>`, `<EMAIL>` and so on."""
    return ANY.sub(_replaced, text) if WORTH_A_LOOK.search(text) else text


def _replaced(match: "re.Match[str]") -> str:
    kind, found = str(match.lastgroup), match[0]
    if (kind == "CARD" and not _has_luhn(found)) or (kind == "IBAN" and not _has_mod_97(found)):
        return found
    return f"<{kind}>"


def _has_luhn(said: str) -> bool:
    """Tell whether the digits of a card's number add up (ISO/IEC 7812-1)."""
    digits = [int(char) for char in reversed(said) if char.isdigit()]
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _has_mod_97(said: str) -> bool:
    """Tell whether an IBAN's check digits are right (ISO 13616)."""
    plain = said.replace(" ", "")
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


@dataclass(frozen=True)
class Content:
    """The policy for content: ``masks`` one after another, then at most ``longest`` characters of each text."""

    masks: tuple[Mask, ...] = (mask_known,)
    longest: int = 16_384
    patterns: tuple[str, ...] = field(default=())
    """Regular expressions of the application's own; what they find becomes `<MASKED>`."""

    def __post_init__(self) -> None:
        """Add the patterns to the masks. Raises re.error for one that is none."""
        own = tuple(_masking(re.compile(pattern)) for pattern in self.patterns)
        object.__setattr__(self, "masks", (*own, *self.masks))

    def text(self, text: str) -> str:
        """Return what leaves of a text."""
        try:
            for mask in self.masks:
                text = mask(text)
        except Exception as error:  # noqa: BLE001 -- the application's own, and nothing may leave unmasked
            say_once(f"a mask failed ({type(error).__name__}); texts that it fails for are left out", error)
            return LEFT_OUT
        return text if len(text) <= self.longest else f"{text[: self.longest]}… ({len(text)} characters)"

    def value(self, value: Any) -> Any:
        """Return what leaves of a JSON value: every text in it by `text`, but for the names of members."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self.value(inner) for name, inner in value.items()}
        return [self.value(inner) for inner in value] if isinstance(value, Iterable) else value


def _masking(pattern: "re.Pattern[str]") -> Mask:
    return lambda text: pattern.sub("<MASKED>", text)
