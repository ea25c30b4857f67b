"""One guarded call: its arguments on their way in, what it returns on its way out.

What becomes of a violation: "flag" changes nothing; "block" raises `GuardBlocked`; "fallback" gives the fallback in the
place of the result; "mask" goes on with copies that have labels in the place of what was found, and blocks where it was
not said what to mask or where no copy can be made. Where a check fails the call goes on, unless `on_error` says block.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from spanpulse._guard._arguments import Arguments, slots_of_arguments
from spanpulse._guard._check import Check
from spanpulse._guard._examine import Shown, show
from spanpulse._guard._finding import GuardBlocked
from spanpulse._guard._mask import masked, merged
from spanpulse._guard._results import Results
from spanpulse._guard._rewrite import with_texts
from spanpulse._guard._rules import Rules
from spanpulse._guard._telling import Telling
from spanpulse._guard._texts import Path, Slot, answers_of, slots_of
from spanpulse._log import say_once, wordless

__all__ = ["Passage", "action_of", "output_slots", "with_output"]


class Passage:
    """A guarded call. ``waits`` says whether checks may be awaited."""

    __slots__ = ("_arguments", "args", "instead", "kwargs", "rules", "telling", "waits")

    def __init__(
        self,
        rules: Rules,
        arguments: Arguments,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        waits: bool,
    ) -> None:
        self.rules = rules
        self.args = args
        self.kwargs = kwargs
        self.waits = waits
        self.instead: Any = None
        """What is given in the place of a result, once `enter` said no."""
        self.telling = Telling(name, kwargs.get("model"))
        self._arguments = arguments

    async def enter(self) -> bool:
        """Check the arguments; tell whether the function is to be called, with `args` and `kwargs` as they are then.

        Raises GuardBlocked.
        """
        if not self.rules.input:
            return True
        results = Results("input")
        try:
            slots = self._input()
        except Exception as error:  # noqa: BLE001 -- the application's own, or arguments without texts
            results.unread(self.rules.input, error)
            shown = Shown(())
        else:
            shown = await self._show(self.rules.input, slots, None, results)
        action = action_of(self.rules, results, maskable=shown.maskable)
        if action == "mask":
            texts = _texts(slots, shown)
            action = "mask" if self._takes(slots, texts) else "block"
        self.telling.say(results, action)
        if action == "fallback":
            self.instead = await self.fallback(results)
            return False
        if action == "block":
            raise blocked(results)
        return True

    async def leave(self, value: Any) -> Any:
        """Check what the function returned, and return what the caller gets. Raises GuardBlocked."""
        if not self.rules.output:
            return value
        results = Results("output")
        slots: list[Slot] = []
        try:
            slots = output_slots(self.rules, value)
        except Exception as error:  # noqa: BLE001 -- the application's own, or a result without texts
            results.unread(self.rules.output, error)
            shown = Shown(())
        else:
            shown = await self._show(self.rules.output, slots, value, results)
        action, made = action_of(self.rules, results, maskable=shown.maskable), value
        if action == "mask":
            done, made = with_output(self.rules, value, slots, _texts(slots, shown))
            action = "mask" if done else "block"
        self.telling.say(results, action)
        if action == "fallback":
            return await self.fallback(results)
        if action == "block":
            raise blocked(results)
        return made

    async def fallback(self, results: Results) -> Any:
        """Return what is given in the place of a result. Raises what the application's own function does."""
        made = self.rules.fallback
        if callable(made):
            made = made(blocked(results))
            if self.waits and inspect.isawaitable(made):
                made = await made
        return made

    async def _show(self, checks: Sequence[Check], slots: Sequence[Slot], value: Any, results: Results) -> Shown:
        def answers() -> list[list[Slot]]:
            return answers_of(value, slots)

        return await show(checks, slots, answers, results, self.rules.timeout, waits=self.waits)

    def _input(self) -> list[Slot]:
        if self.rules.input_of is not None:
            return listed(self.rules.input_of(*self.args, **self.kwargs))
        return slots_of_arguments(self._arguments.named(self.args), self.args, self.kwargs)

    def _takes(self, slots: Sequence[Slot], texts: Mapping[Path, str]) -> bool:
        """Put masked texts into the arguments; tell whether that was possible."""
        rules = self.rules
        try:
            if rules.replace_input is not None:
                every = [texts.get(slot.path, slot.text) for slot in slots]
                self.args, self.kwargs = rules.replace_input(every, *self.args, **self.kwargs)
            elif rules.input_of is not None:
                return False
            else:
                self.args = with_texts(
                    self.args, {path: text for path, text in texts.items() if path[0] not in self.kwargs}
                )
                self.kwargs = with_texts(
                    self.kwargs, {path: text for path, text in texts.items() if path[0] in self.kwargs}
                )
        except Exception as error:  # noqa: BLE001 -- the application's own, or a class that cannot be copied
            say_once(f"a guard could not mask the input of a call ({type(error).__name__})", wordless(error))
            return False
        return True


def action_of(rules: Rules, results: Results, *, maskable: bool) -> str:
    """Return what is to be done: none, block, mask, fallback or flag."""
    if results.violations:
        return "block" if rules.on_violation == "mask" and not maskable else rules.on_violation
    if results.errors and rules.on_error == "block":
        return "fallback" if rules.on_violation == "fallback" else "block"
    return "none"


def blocked(results: Results) -> GuardBlocked:
    """Return what a caller hears."""
    violations = results.violations
    return GuardBlocked(results.side, violations, "" if violations else f"{', '.join(results.errors)} failed")


def listed(texts: str | Sequence[str]) -> list[Slot]:
    """Return what an application's own function found. Raises TypeError for what is no text."""
    every = [texts] if isinstance(texts, str) else list(texts)
    if not all(isinstance(text, str) for text in every):
        raise TypeError("input_of and output_of return a text or texts")
    return [Slot((place,), text, (place,), str(place)) for place, text in enumerate(every)]


def output_slots(rules: Rules, value: Any) -> list[Slot]:
    """Return the texts of a result, or of an item of a stream. Raises Unreadable, and what `output_of` does."""
    return slots_of(value) if rules.output_of is None else listed(rules.output_of(value))


def with_output(rules: Rules, value: Any, slots: Sequence[Slot], texts: Mapping[Path, str]) -> tuple[bool, Any]:
    """Return whether a result could be given other texts, and what it is then."""
    try:
        if rules.replace is not None:
            return True, rules.replace(value, [texts.get(slot.path, slot.text) for slot in slots])
        if rules.output_of is not None:
            return False, value
        return True, with_texts(value, texts)
    except Exception as error:  # noqa: BLE001 -- the application's own, or a class that cannot be copied
        say_once(f"a guard could not mask the output of a call ({type(error).__name__})", wordless(error))
        return False, value


def _texts(slots: Sequence[Slot], shown: Shown) -> dict[Path, str]:
    """Return the texts that have something to mask, masked."""
    return {
        slot.path: masked(slot.text, merged(shown.places[slot.path])) for slot in slots if slot.path in shown.places
    }
