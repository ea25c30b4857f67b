"""Showing texts to checks, one after another.

All of it is asynchronous, and runs without a loop as long as no check has to be waited for: `now` drives it. Guarantee:
what a check raises, and a wait that takes too long, is noted as a failure of that check. Not guaranteed: an end to a
synchronous check that never returns.
"""

import inspect
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from spanpulse._guard._check import Check, is_whole
from spanpulse._guard._finding import Finding, Span
from spanpulse._guard._mask import spans_within
from spanpulse._guard._results import Results
from spanpulse._guard._texts import Path, Slot
from spanpulse._log import say_once, wordless

__all__ = ["NeedsLoop", "Shown", "now", "show"]

T = TypeVar("T")
Places = dict[Path, list[Span]]


class NeedsLoop(TypeError):  # noqa: N818 -- named by what is missing
    """A check or a fallback has to be awaited, and the call that is guarded is not."""


def now(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine comes to that waits for nothing. Raises NeedsLoop for one that does."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    work.close()
    raise NeedsLoop(
        "a guard has to wait for something, and the function that it is around cannot: make it asynchronous"
    )


class Shown:
    """What came of showing texts: where violations are, as far as they can be masked."""

    __slots__ = ("_known", "maskable", "places")

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.places: Places = {}
        self.maskable = True
        self._known = slots

    def add(self, finding: Finding, slots: Sequence[Slot], text: str) -> None:
        """Take a violation in a text that is that of ``slots``; it cannot be masked where it does not say where."""
        try:
            spans = spans_within(finding.spans, len(text))
        except (TypeError, ValueError) as error:
            say_once(f"a check of a guard says no places that can be masked ({type(error).__name__})", wordless(error))
            spans = []
        if spans and len(slots) == 1 and any(slots[0] is known for known in self._known):
            self.places.setdefault(slots[0].path, []).extend(spans)
        else:
            self.maskable = False


async def show(
    checks: Sequence[Check],
    slots: Sequence[Slot],
    answers: Callable[[], list[list[Slot]]],
    results: Results,
    most_s: float | None,
    *,
    waits: bool,
) -> Shown:
    """Show every text to every check, and answers to those about their form.

    ``most_s`` is how long one is awaited, s. Raises NeedsLoop where one has to be and ``waits`` is not set.
    """
    shown = Shown(slots)
    for check in checks:
        try:
            for group in answers() if is_whole(check) else [[slot] for slot in slots]:
                text = group[0].text if len(group) == 1 else "".join(slot.text for slot in group)
                finding = await _look(check, text, most_s, waits=waits)
                results.note(check, finding)
                if finding is not None and finding.violates:
                    shown.add(finding, group, text)
        except NeedsLoop:
            raise
        except Exception as error:  # noqa: BLE001 -- the application's own, or of a form that JSON does not have
            results.failed(check, error)
    return shown


async def _look(check: Check, text: str, most_s: float | None, *, waits: bool) -> Finding | None:
    found: Any = check.check(text)
    if inspect.isawaitable(found):
        if not waits:
            if inspect.iscoroutine(found):
                found.close()
            raise NeedsLoop(f"the check {check.name} is asynchronous; the function that it guards has to be, too")
        found = await _awaited(found, most_s)
    if found is None or isinstance(found, Finding):
        return found
    raise TypeError(f"a check returns a Finding or None, not {type(found).__name__}")


async def _awaited(found: Any, most_s: float | None) -> Any:
    if most_s is None:
        return await found
    import asyncio  # noqa: PLC0415 -- for asynchronous checks alone

    async with asyncio.timeout(most_s):
        return await found
