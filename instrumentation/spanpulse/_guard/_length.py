"""The length of a text."""

from spanpulse._guard._finding import Finding

__all__ = ["Length"]


class Length:
    """Finds texts with fewer characters than ``least`` or more than ``most``."""

    version = "1"
    whole = True

    def __init__(self, most: int | None, least: int, name: str) -> None:
        if least < 0 or (most is not None and most < least):
            raise ValueError(f"a text cannot have at least {least} and at most {most} characters")
        if most is None and not least:
            raise ValueError("the length needs a max or a min")
        self.name = name
        self._most = most
        self._least = least

    def check(self, text: str) -> Finding | None:
        """Return what is wrong with the length."""
        if len(text) < self._least:
            return Finding(label="short", explanation=f"{len(text)} characters, at least {self._least}")
        if self._most is not None and len(text) > self._most:
            return Finding(label="long", explanation=f"{len(text)} characters, at most {self._most}")
        return None
