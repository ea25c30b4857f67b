"""What can be wrong with a file as a whole, and with a piece of it.

ImportFailed       nothing more can be read of the file, or nothing at all; the message says what to do
    FileEmpty      there is nothing in it
    TargetFailed   it is not the file: nothing can be appended any more
"""

from dataclasses import dataclass

__all__ = ["BadPiece", "FileEmpty", "ImportFailed", "TargetFailed", "Torn"]


class ImportFailed(Exception):  # noqa: N818 -- what happened
    """The file cannot be imported; the message is for a person and says what to do."""


class FileEmpty(ImportFailed):
    """The file has no bytes."""


class TargetFailed(ImportFailed):
    """What takes the chunks takes none any more; the next file would fare no better."""


@dataclass(frozen=True, slots=True)
class BadPiece:
    """A line, message or row that cannot be read: ``place`` names it for a person, ``reason`` says what is wrong."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Torn:
    """The end of a file is missing or damaged: what stands from ``place`` on was not read."""

    place: str
    reason: str
