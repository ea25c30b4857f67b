"""A stream on its way through the checks of its output: what may leave, what is held back, what it came to.

Items leave in their order, each when nothing that is still to come can change what was found in it. How much that is,
the scanners say: with `pii` mostly the word that is being written, with `patterns` as many characters as its longest
match, until `_turns` knows that a text is over; `window` may ask for more, or for everything (None). Checks that are no
scanners run at the end of the stream, when all but what is held has left: they can still block, and mask in what is
held. With "flag" nothing is held.
A span that lies in several items is masked in the first; the others go on without their part of it.

Guarantee: what leaves does not depend on how a text is cut into items, up to `MOST` characters. A text that goes on
after it was over is looked at whole, but what has left of it cannot be taken back.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from spanpulse._guard._check import Check, Scanner
from spanpulse._guard._examine import Shown, show
from spanpulse._guard._mask import masked
from spanpulse._guard._passage import Passage, action_of, blocked, output_slots, with_output
from spanpulse._guard._results import Results
from spanpulse._guard._running import Running
from spanpulse._guard._texts import Path, Slot, Unreadable
from spanpulse._guard._turns import Turns

__all__ = ["Passing"]

MOST: Final = 4_000_000  # characters that are kept for checks that need the whole text, or held back


@dataclass(slots=True)
class _Held:
    """An item that is not known to be harmless yet, with where its texts begin in their channels."""

    item: Any
    parts: list[tuple[Slot, Running, int]]


class Passing:
    """The stream of one guarded call."""

    def __init__(self, passage: Passage, scanners: Sequence[Scanner], others: Sequence[Check]) -> None:
        self.results = Results("output")
        self._passage = passage
        self._rules = passage.rules
        self._scanners = scanners
        self._others = others
        self._holds = self._rules.on_violation != "flag"
        self._held: deque[_Held] = deque()
        self._channels: dict[tuple[Any, ...], Running] = {}
        self._turns = Turns()
        self._rests = self._holds and self._rules.window == 0 and bool(scanners) and self._rules.output_of is None
        self._kept = 0
        self._is_too_long = False
        self._maskable = True

    @property
    def stops(self) -> bool:
        """Whether nothing more may leave: `instead` says what comes in its place."""
        return self._action() in {"block", "fallback"}

    async def instead(self) -> Any:
        """Return what comes in the place of the rest. Raises GuardBlocked where nothing does."""
        if self._action() == "block":
            raise blocked(self.results)
        return await self._passage.fallback(self.results)

    @property
    def is_ready(self) -> bool:
        """Whether an item may leave."""
        if not self._held:
            return False
        if not self._holds:
            return True
        return all(running.settled >= start + len(slot.text) for slot, running, start in self._held[0].parts)

    def take(self, item: Any) -> None:
        """Take an item. Look at `stops` then."""
        slots: list[Slot] = []
        over: list[tuple[Any, ...]] = []
        try:
            slots = output_slots(self._rules, item) if self._rules.output else []
            over = self._turns.over(item, slots, self._channels) if self._rests else []
        except Exception as error:  # noqa: BLE001 -- the application's own, or an item without texts
            self.results.unread(self._rules.output, error)
        parts = [(slot, *self._add(slot)) for slot in slots]
        self._held.append(_Held(item, parts))
        for channel in over:
            self._rest(self._channels[channel])

    def pop(self) -> Any:
        """Return the next item that may leave, masked where that is asked for. Look at `stops` if it is None."""
        held = self._held.popleft()
        if self._rules.on_violation != "mask":
            return held.item
        texts: dict[Path, str] = {}
        for slot, running, start in held.parts:
            if running.spans:
                text = masked(slot.text, running.spans, start)
                if text != slot.text:
                    texts[slot.path] = text
            running.left(start + len(slot.text))
        if not texts:
            return held.item
        done, made = with_output(self._rules, held.item, [slot for slot, _, _ in held.parts], texts)
        self._maskable = self._maskable and done
        return made if done else None

    def cut(self) -> None:
        """Hear that the stream broke off: what is held leaves after what is found in it."""
        self._end_all()

    async def finish(self) -> None:
        """Hear that the stream is complete, and run the checks that need all of it."""
        self._end_all()
        if self._others and not self.stops and not self._is_too_long:
            await self._show_others()

    def say(self) -> None:
        """Tell what came of it."""
        for check in self._scanners:
            if self._channels:
                self.results.note(check, None)
        self._passage.telling.say(self.results, self._action())

    def _action(self) -> str:
        return action_of(self._rules, self.results, maskable=self._maskable)

    def _add(self, slot: Slot) -> tuple[Running, int]:
        running = self._channels.get(slot.channel)
        if running is None or slot.repeats:
            window = self._rules.window if self._holds and not self._is_too_long else 0
            running = Running(self._scanners, window, slot.answer)
            if not slot.repeats:
                self._channels[slot.channel] = running
        keeps = bool(self._others) and not slot.repeats and not self._is_too_long
        if keeps or running.window is None:
            self._keep(len(slot.text))
        start = running.add(slot.text, keeps=keeps)
        self._scan(running, ended=slot.repeats)
        return running, start

    def _rest(self, running: Running) -> None:
        """Let go of what is held back for how it goes on."""
        if running.settled < running.length:
            self._scan(running, ended=False, rests=True)

    def _keep(self, size: int) -> None:
        """Count what is kept; of a stream that is too long nothing is kept any more."""
        self._kept += size
        if self._kept > MOST:
            self._is_too_long = True
            error = Unreadable(f"it is longer than {MOST} characters")
            self.results.unread(self._others or self._scanners, error)
            for running in self._channels.values():
                running.keep_no_more()

    def _scan(self, running: Running, *, ended: bool, rests: bool = False) -> None:
        for check, found in running.scan(ended=ended, rests=rests):
            if isinstance(found, Exception):
                self.results.failed(check, found)
                continue
            try:
                finding = check.finding(found)
            except Exception as error:  # noqa: BLE001 -- the application's own
                self.results.failed(check, error)
                continue
            self.results.note(check, finding)
            if finding is not None and finding.violates and self._rules.on_violation == "mask":
                running.mark(found)

    def _end_all(self) -> None:
        for running in self._channels.values():
            self._scan(running, ended=True)

    async def _show_others(self) -> None:
        slots = [Slot(channel, running.whole, answer=running.answer) for channel, running in self._channels.items()]

        def answers() -> list[list[Slot]]:
            found: dict[str, list[Slot]] = {}
            for slot in slots:
                if slot.answer is not None:
                    found.setdefault(slot.answer, []).append(slot)
            return list(found.values())

        passage = self._passage
        shown = await show(self._others, slots, answers, self.results, self._rules.timeout, waits=passage.waits)
        self._maskable = shown.maskable and self._mark(shown)

    def _mark(self, shown: Shown) -> bool:
        """Mark what is still held; tell whether that is all."""
        for channel, spans in shown.places.items():
            running = self._channels[channel]
            if any(span.start < running.gone for span in spans):
                return False
            running.mark(spans)
        return True
