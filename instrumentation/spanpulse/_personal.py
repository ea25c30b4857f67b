"""Finding what belongs to somebody in a text: keys, e-mail addresses, numbers of accounts, cards and telephones.

Each kind is looked for only where something that every one of them has is in the text, so that plain prose costs a few
microseconds. Guarantee: numbers with check digits are found only where those are right; time is linear in the text.
Not guaranteed: that every name, address or number of a person is found; a pattern finds what looks like one.
"""

import re
import string
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

__all__ = ["KINDS", "Found", "find_personal", "key_lines", "plain"]


class Found(NamedTuple):
    """A part of a text, from ``start`` up to ``end``, that is of a kind."""

    start: int
    end: int
    kind: str


LOCAL_REVERSED: Final = re.compile(r"[\w.%+-]{1,64}")
# Latin, Greek and Cyrillic: other scripts put no spaces between words, which would go with the address.
LABEL: Final = r"[A-Za-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u03ac-\u03ce\u0400-\u0481\u048a-\u052f-]{1,63}"
DOMAIN: Final = re.compile(rf"{LABEL}(?:\.{LABEL}){{1,8}}")
LONGEST_LOCAL: Final = 64
KEY: Final = re.compile(
    r"\b(?:g?sk|rk|pk)[-_][\w-]{16,}|\bA[KS]IA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36,}|\bgithub_pat_\w{22,}|\bxox[abeprs]-[\w-]{10,}"
    r"|\bAIza[\w-]{35}|\bglpat-[\w-]{20,}|\bhf_[A-Za-z0-9]{30,}"
)
KEYS_HAVE: Final = {  # by a letter that they have
    "-": ("sk-", "rk-", "pk-", "xox", "glpat-"),
    "_": ("sk_", "rk_", "pk_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "hf_"),
    "A": ("AKIA", "ASIA", "AIza"),
}
# Its first part alone matches too, so that the search goes on behind it and never looks at a part again.
TOKEN: Final = re.compile(r"\beyJ[\w-]{8,}+(\.eyJ[\w-]{8,}+\.[\w-]{8,}+)?")
OPENS: Final = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")
CLOSES: Final = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY-----")
LONGEST_KEY: Final = 8_000  # characters between the first and the last line
IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
SSN: Final = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
CARD: Final = re.compile(r"(?<![\d.])\d(?:[ -]?\d){11,17}\d(?![\d.]\d)")
# As it is printed on a card, or in one piece; also between other numbers: a date, the code on the back, the next card.
PRINTED: Final = re.compile(
    r"[2-6](?<![\d.]\d)(?=(\d{3}([ -])\d{4}\2\d{4}\2\d{4}|\d{3}([ -])\d{6}\3\d{4,5}|\d{12,18})(?!\.?\d))"
)
PHONE: Final = re.compile(  # each begins with its first character, which is looked for quickly
    r"\+(?<![\w+]\+)\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?!\d)"
    r"|\((?<![\d.-]\()\d{3}\) ?\d{3}[-. ]\d{4}(?![\d-])"
    r"|\d(?<![\d.-]\d)(?:\d\d[-. ]|(?<=1)(?:[-. ]?\(\d{3}\) ?|[-. ]\d{3}[-. ]))\d{3}[-. ]\d{4}(?![\d-])"
)
SHORT: Final = 100  # characters
SHORTEST: Final = 5  # characters of what is found: a@b.c
DIGIT: Final = re.compile(r"\d")
NUMBER: Final = re.compile(r"\d(?:[ .()-]{0,3}\d){5}")
ACCOUNT: Final = re.compile(r"[A-Z]{2}\d{2}")
SHORTEST_ACCOUNT: Final = 15  # characters of an IBAN: Norway's
SPACE: Final = re.compile("[\u00a0\u2007\u2009\u202f]")
HYPHEN: Final = re.compile("[\u2010-\u2013]")


def plain(text: str) -> str:
    """Return a text of the same length with the spaces and hyphens of a keyboard instead of a printer's.

    Models like to write those into numbers, so that no line is broken there.
    """
    return text if text.isascii() else SPACE.sub(" ", HYPHEN.sub("-", text))


def find_personal(text: str, kinds: frozenset[str] | None = None) -> list[Found]:
    """Return what is found, in order, none overlapping another: of what begins in another the rest, if it goes beyond.

    ``kinds`` are names of `KINDS`; None: all.
    """
    if len(text) < SHORTEST:
        return []
    if has_digits := _has_digits(text):
        text = plain(text)
    possible = WITHOUT_DIGITS if not has_digits else WITHOUT_NUMBERS if not NUMBER.search(text) else KINDS
    found = [each for kind, find in possible.items() if kinds is None or kind in kinds for each in find(text)]
    if len(found) < 2:
        return found
    found.sort(key=_start)
    kept, end = [], 0
    for each in found:
        if each.end > end:
            kept.append(each if each.start >= end else each._replace(start=end))
            end = each.end
    return kept


def _keys(text: str) -> Iterator[Found]:
    for letter, parts in KEYS_HAVE.items():
        if letter in text and any(part in text for part in parts):
            yield from (Found(match.start(), match.end(), "KEY") for match in KEY.finditer(text))
            break
    if "J" in text and ".eyJ" in text:
        yield from (Found(match.start(), match.end(), "KEY") for match in TOKEN.finditer(text) if match[1])
    if "-" in text and "-----BEGIN " in text:
        yield from _private_keys(text)


def _private_keys(text: str) -> Iterator[Found]:
    end = 0
    for match, close in key_lines(OPENS, text):
        if close is None:
            return
        if match.start() >= end and close.start() - match.end() <= LONGEST_KEY:
            end = close.end()
            yield Found(match.start(), end, "KEY")


def key_lines(
    opens: "re.Pattern[str]", text: str, start: int = 0
) -> "Iterator[tuple[re.Match[str], re.Match[str] | None]]":
    """Yield each first line of a private key with the next last line behind it, None where there is none."""
    ends = CLOSES.finditer(text, start)
    close = next(ends, None)
    for match in opens.finditer(text, start):
        while close is not None and close.start() < match.end():
            close = next(ends, None)
        yield match, close


def _has_digits(text: str) -> bool:
    if len(text) > SHORT and text.isascii():  # looking for ten characters is faster than for any of them
        return any(digit in text for digit in string.digits)
    return DIGIT.search(text) is not None


def _start(found: Found) -> int:
    return found.start


def _emails(text: str) -> Iterator[Found]:
    """Yield addresses; from each at sign backwards and forwards, for most texts have none."""
    end, at = 0, text.find("@")
    while at >= 0:
        local = LOCAL_REVERSED.match(text[max(end, at - LONGEST_LOCAL) : at][::-1])
        domain = DOMAIN.match(text, at + 1)
        if local and domain:
            end = domain.end()
            yield Found(at - local.end(), end, "EMAIL")
        at = text.find("@", at + 1)


def _ibans(text: str) -> Iterator[Found]:
    match = IBAN.search(text) if ACCOUNT.search(text) else None
    while match:
        start, size = match.start(), _account(match[0])
        if size:
            yield Found(start, start + size, "IBAN")
        match = IBAN.search(text, start + (size or 2))


def _account(said: str) -> int:
    """Return how much of groups is an IBAN with right check digits (ISO 13616), characters: 0 for none.

    What comes after it in capitals and digits looks like one more of its groups.
    """
    head, rest, count, found = int("".join(str(int(char, 36)) for char in said[:4])), 0, 4, 0
    for place, char in enumerate(said[4:], 4):
        if char == " ":
            continue
        value, count = int(char, 36), count + 1
        rest = (rest * (10 if value < 10 else 100) + value) % 97
        is_last = said[place + 1 : place + 2] in {"", " "}
        if is_last and count >= SHORTEST_ACCOUNT and (rest * 10**6 + head) % 97 == 1:
            found = place + 1
    return found


def _cards(text: str) -> Iterator[Found]:
    is_possible = False
    for match in CARD.finditer(text):
        is_possible = True
        if _has_luhn(match[0]):
            yield Found(match.start(), match.end(), "CARD")
    if is_possible:
        for match in PRINTED.finditer(text):
            if _has_luhn(text[match.start() : match.end(1)]):
                yield Found(match.start(), match.end(1), "CARD")


def _numbers(kind: str, pattern: "re.Pattern[str]", right: Callable[[str], bool]) -> Callable[[str], Iterator[Found]]:
    def find(text: str) -> Iterator[Found]:
        for match in pattern.finditer(text):
            if right(match[0]):
                yield Found(match.start(), match.end(), kind)

    return find


def _has_luhn(said: str) -> bool:
    """Tell whether the digits of a card's number add up (ISO/IEC 7812-1)."""
    digits = [int(char) for char in reversed(said) if char.isdigit()]
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _always(_said: str) -> bool:
    return True


def _is_long(said: str) -> bool:
    """Tell whether a number has as many digits as `NUMBER` looks for."""
    return sum(map(str.isdecimal, said)) >= 6


KINDS: Final[dict[str, Callable[[str], Iterator[Found]]]] = {
    "KEY": _keys,
    "EMAIL": _emails,
    "IBAN": _ibans,
    "SSN": _numbers("SSN", SSN, _always),
    "CARD": _cards,
    "PHONE": _numbers("PHONE", PHONE, _is_long),
}
"""What finds each kind; where two find the same, the first one counts."""
WITHOUT_NUMBERS: Final = {kind: KINDS[kind] for kind in ("KEY", "EMAIL", "IBAN")}
WITHOUT_DIGITS: Final = {kind: KINDS[kind] for kind in ("KEY", "EMAIL")}
