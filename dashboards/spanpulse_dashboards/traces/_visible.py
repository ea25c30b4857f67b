"""Hostile text made harmless and visible: escaped, with every character shown that would act instead of being read.

Control characters and ANSI escapes become their symbols; marks of writing direction, invisible spaces and tag
characters (which smuggle instructions past a reader) become names. Not guaranteed: that look-alikes are told apart.
"""

import re
import unicodedata
from typing import Final

from markupsafe import Markup, escape

__all__ = ["visible"]

NAMES: Final = {
    "\u061c": "ALM",
    "\u200b": "ZWSP",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2060": "WJ",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufeff": "BOM",
    "\u2028": "LS",
    "\u2029": "PS",
}
# Line feeds and tabs are layout; a carriage return before a line feed is part of it. Tag characters are U+E0000 on.
ACTING: Final = re.compile(
    "\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f" + "".join(NAMES) + "]|[\U000e0000-\U000e007f]+"
)


def visible(text: object) -> Markup:
    """Return text as HTML in which nothing acts."""
    shown, last = Markup(), 0
    source = str(text)
    for found in ACTING.finditer(source):
        shown += escape(source[last : found.start()]) + _named(found[0])
        last = found.end()
    return shown + escape(source[last:])


def _named(characters: str) -> Markup:
    first = characters[0]
    if first >= "\U000e0000":
        hidden = "".join(chr(ord(each) - 0xE0000) for each in characters if 0xE0020 <= ord(each) < 0xE007F)
        return _mark(f"TAG {hidden}".rstrip(), "invisible tag characters that spell this")
    if first in NAMES:
        return _mark(NAMES[first], unicodedata.name(first, "").lower())
    if first < " " or first == "\x7f":
        return _mark(chr(0x2421 if first == "\x7f" else 0x2400 + ord(first)), f"control character {ord(first):#04x}")
    return _mark(f"U+{ord(first):04X}", "control character")


def _mark(text: str, title: str) -> Markup:
    return Markup('<span class="acting" title="{}">{}</span>').format(title, text)
