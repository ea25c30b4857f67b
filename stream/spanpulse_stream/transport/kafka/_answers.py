"""Whether Kafka answers this process, and what it has not answered.

Commits tell of every attempt that failed, and the brokers are asked for a sign of life every few seconds, for
aiokafka keeps to itself that a fetch failed. Guarantee: while one of them is without an answer there is a `trouble`,
and none once all have one. Not guaranteed: that it is heard of at once; a broker that is silent, and not gone, takes
`SILENT_S` seconds, or `ONE_OF_MANY_S` where others may answer in its place.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from spanpulse_stream.transport.kafka._errors import passes

__all__ = ["Answers", "ask_whether_kafka_answers"]

SILENT_S: Final = 10.0
ONE_OF_MANY_S: Final = 35.0  # a request to the silent one of them has to end before the next one is asked


class Answers:
    """What Kafka owes an answer; ``trouble`` is a sentence about that, None where it answers. For any thread."""

    def __init__(self) -> None:
        self._owed: dict[str, str] = {}

    @property
    def trouble(self) -> str | None:
        """What Kafka does not answer, for a person."""
        return next(iter(self._owed.copy().values()), None)

    def owed(self, question: str, detail: str) -> None:
        """Say that a question got no answer."""
        self._owed[question] = detail

    def came(self, question: str) -> None:
        """Say that a question was answered, or is asked no more."""
        self._owed.pop(question, None)


async def ask_whether_kafka_answers(answers: Answers, ask: Callable[[], Awaitable[str | None]], brokers: int) -> None:
    """Ask once, and take note. ``ask`` returns what is wrong; ``brokers``: how many there are.

    Raises what does not pass.
    """
    within = SILENT_S if brokers < 2 else ONE_OF_MANY_S
    try:
        async with asyncio.timeout(within):
            trouble = await ask()
    except TimeoutError:
        trouble = f"Kafka has not answered for {within:.0f} s"
    except Exception as error:
        if not passes(error):
            raise
        trouble = f"Kafka does not answer: {error!r}"
    if trouble is None:
        answers.came("sign of life")
    else:
        answers.owed("sign of life", trouble)
