"""What a guard was told: its checks, and what becomes of a call that violates them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from spanpulse._guard._check import Check

__all__ = ["ACTIONS", "NO_FALLBACK", "Rules"]

ACTIONS: Final = ("block", "mask", "fallback", "flag")
NO_FALLBACK: Final = object()


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All of it; see `spanpulse.guard`. Raises ValueError for what cannot be."""

    input: tuple[Check, ...] = ()
    output: tuple[Check, ...] = ()
    on_violation: str = "block"
    on_error: str = "pass"
    fallback: Any = NO_FALLBACK
    window: int | None = 0
    timeout: float | None = 5.0
    name: str = ""
    input_of: Callable[..., str | Sequence[str]] | None = None
    output_of: Callable[[Any], str | Sequence[str]] | None = None
    replace_input: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None = None
    replace: Callable[[Any, list[str]], Any] | None = None

    def __post_init__(self) -> None:
        """Check what belongs together."""
        if self.on_violation not in ACTIONS:
            raise ValueError(f"on_violation is {self.on_violation!r}; it may be {', '.join(ACTIONS)}")
        if self.on_error not in {"pass", "block"}:
            raise ValueError(f"on_error is {self.on_error!r}; it may be pass or block")
        if (self.on_violation == "fallback") != (self.fallback is not NO_FALLBACK):
            raise ValueError('on_violation="fallback" needs a fallback, and a fallback needs on_violation="fallback"')
        if not self.input and not self.output:
            raise ValueError("a guard needs at least one check of the input or the output")
        if self.window is not None and self.window < 0:
            raise ValueError(f"window is {self.window}; it has to be 0 or more characters, or None for all of them")
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(f"timeout is {self.timeout}; it has to be above 0 seconds, or None")
