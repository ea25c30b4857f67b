"""Text of others made visible: what would be invisible, or change how its surroundings are read, becomes a symbol.

Control characters become their pictures (U+241B for an escape), marks of writing direction and other format characters
their code points. Not guaranteed: that different texts look different; letters of several alphabets look alike.
"""

import unicodedata

__all__ = ["visible"]

PICTURES = 0x2400
DELETE = "\x7f"
HIDDEN = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}
# Joiners are part of how words and emoji are written, and change nothing around them.
KEPT = {"\u200c", "\u200d"}


def visible(text: str) -> str:
    """Return one line of text without invisible characters; what is plain text already stays as it is."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character < " ":
        return chr(PICTURES + ord(character))
    if character == DELETE:
        return "\N{SYMBOL FOR DELETE}"
    if unicodedata.category(character) in HIDDEN and character not in KEPT:
        return f"\N{MATHEMATICAL LEFT ANGLE BRACKET}U+{ord(character):04X}\N{MATHEMATICAL RIGHT ANGLE BRACKET}"
    return character
