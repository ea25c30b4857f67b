"""Sending dead letters again, in runs: what a run takes up is written down first, what it has sent afterwards.

A run takes its letters in a fixed order and in portions of a fixed number, so a run that was interrupted goes on under
its name and gives the log the same portions again: a log that knows portions by their names takes each once. Letters
that a run has taken up are left out by later ones, unless they are asked for. Not guaranteed: that two runs which are
begun at the same moment share no letter; nor that a letter which is sent again becomes a row.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from spanpulse_stream.decode import Limits
from spanpulse_stream.gateway import RequestLimits, RequestRefused, Sender, messages_of
from spanpulse_stream.letters._asked import Asked
from spanpulse_stream.letters._letter import Letter, letters_sql
from spanpulse_stream.letters._notes import LetterStore, Taken, chosen_sql, note_rows, planned_sql, unfinished_sql
from spanpulse_stream.letters._request import NotReplayable, request_of
from spanpulse_stream.log import Message
from spanpulse_stream.operations import MaintenanceError

__all__ = ["LetterLog", "Replay", "Say"]

PORTION: Final = 32  # letters at once in memory, of 1 MiB each at most
MOST_LETTERS: Final = 100_000
PEER: Final = "replay"  # stands for the address of a sender, of which nothing is kept

Say = Callable[[str, int, int], None]
"""Hears what is done now, of how much, in letters. May raise to end the run."""


class LetterLog(Protocol):
    """The log that takes letters again."""

    def append(self, run: str, number: int, messages: Sequence[Message]) -> None:
        """Append the messages of a run's portion durably. Raises MaintenanceError where it takes none."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Sends letters of ``store`` into ``log``; ``limits`` are those of decoding, ``clock`` gives ms since 1970."""

    store: LetterStore
    log: LetterLog
    limits: Limits
    partitions: int
    say: Say
    clock: Callable[[], int]

    def run(self, asked: Asked) -> dict[str, Any]:
        """Do what is asked; returns a report as JSON has it.

        Raises MaintenanceError, what ``say`` raises, and what the store does.
        """
        name, left_out, more = asked.run or _new_name(self.clock()), Counter[str](), False
        if asked.run is not None:
            taken = [Taken.of(row) for row in self.store.rows(planned_sql(name))]
            if not taken:
                raise MaintenanceError(f"there is no run {name!r}; `spanpulse dead-letters list` shows them")
        else:
            found = self.store.rows(chosen_sql(asked.filters, MOST_LETTERS + 1, again=asked.again))
            more = len(found) > MOST_LETTERS
            taken = self._judged([Taken.of(row) for row in found[:MOST_LETTERS]], left_out)
        ended = Counter[str]()
        if taken and not asked.dry_run:
            if asked.run is None:
                plan = [(each, "planned") for each in taken]
                self.store.note(note_rows(name, plan, self.clock()), f"replays/{name}/plan")
            ended = self._send_all(name, taken)
        return {
            "run": name if taken and not asked.dry_run else None,
            "dry_run": asked.dry_run,
            "letters": sum(not each.ended for each in taken),
            "sent": ended["sent"],
            "gone": ended["gone"],
            "left_out": dict(left_out),
            "more": more,
            "unfinished": self.store.rows(unfinished_sql(name)),
        }

    def _judged(self, found: Sequence[Taken], left_out: Counter[str]) -> list[Taken]:
        """Return the letters that can be sent, and count why others cannot."""
        good = []
        for number, portion in enumerate(_portions(found)):
            self.say("looking what can be sent again", number * PORTION, len(found))
            letters = self._read(portion)
            for each in portion:
                why = self._why_not(letters[each.position]) if each.position in letters else "it is gone"
                if why is None:
                    good.append(each)
                else:
                    left_out[why] += 1
        return good

    def _why_not(self, letter: Letter) -> str | None:
        try:
            self._messages(letter, "")
        except NotReplayable as reason:
            return str(reason)
        return None

    def _send_all(self, name: str, taken: Sequence[Taken]) -> Counter[str]:
        ended = Counter[str]()
        for number, portion in enumerate(_portions(taken)):
            if all(each.ended for each in portion):
                continue
            self.say("sending again", number * PORTION, len(taken))
            letters = self._read(portion)
            messages, states = list[Message](), list[tuple[Taken, str]]()
            for each in portion:
                try:
                    messages += self._messages(letters[each.position], name)
                except (KeyError, NotReplayable):  # erased meanwhile, or old
                    states.append((each, "gone"))
                else:
                    states.append((each, "sent"))
            if messages:
                self.log.append(name, number, messages)
            self.store.note(note_rows(name, states, self.clock()), f"replays/{name}/{number}")
            ended.update(state for _, state in states)
        return ended

    def _read(self, portion: Sequence[Taken]) -> dict[Any, Letter]:
        """Return the letters of a portion that are there, by position; the first of several."""
        sql = letters_sql([each.position for each in portion], portion[0].received_ms, portion[-1].received_ms)
        return {letter.position: letter for letter in map(Letter.of, reversed(self.store.rows(sql)))}

    def _messages(self, letter: Letter, run: str) -> list[Message]:
        """Return the messages that a letter becomes. Raises NotReplayable."""
        signal, request = request_of(letter, self.limits, self.clock())
        sender, limits = Sender(letter.tenant, PEER), RequestLimits()
        try:
            found = messages_of(
                request, signal, sender, limits=limits, decoding=self.limits, partitions=self.partitions
            )
        except RequestRefused as refusal:
            raise NotReplayable(f"still {refusal}") from None
        return [replace(each, headers=(*each.headers, ("replay", run.encode()))) for each in found]


def _portions(taken: Sequence[Taken]) -> Iterator[Sequence[Taken]]:
    for start in range(0, len(taken), PORTION):
        yield taken[start : start + PORTION]


def _new_name(now_ms: int) -> str:
    return f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
