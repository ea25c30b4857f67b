"""Answers that are to be JSON for a model: pydantic's, or anything that has its method `model_validate_json`."""

from collections.abc import Callable
from typing import Any, Final

from spanpulse._guard._finding import Finding

__all__ = ["Model"]

MOST: Final = 5  # errors that are told


class Model:
    """Finds answers that a model does not take. Not kept: what the model makes of one that it takes."""

    version = "1"
    whole = True

    def __init__(self, model: Any, name: str) -> None:
        read: Any = getattr(model, "model_validate_json", None) or getattr(model, "validate_json", None)
        if not callable(read):
            raise TypeError("a model has model_validate_json (a pydantic model) or validate_json (a TypeAdapter)")
        self.name = name
        self._read: Callable[[str], Any] = read

    def check(self, text: str) -> Finding | None:
        """Return what is wrong. Raises what validators of the model raise beside ValueError."""
        try:
            self._read(text)
        except ValueError as error:
            return Finding(label="invalid", explanation=_told(error))
        return None


def _told(error: ValueError) -> str:
    """Return what an error says of where and why, without the input."""
    errors: Any = getattr(error, "errors", None)
    if not callable(errors):
        return type(error).__name__
    found = errors(include_url=False, include_input=False, include_context=False)
    told = [f"{'.'.join(map(str, each.get('loc', ())))}: {each.get('type')}".lstrip(": ") for each in found[:MOST]]
    return "; ".join(told) + (f" and {len(found) - MOST} more" if len(found) > MOST else "")
