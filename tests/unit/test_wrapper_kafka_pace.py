"""A producer that asks for metadata again and again: how often that is, and what each of its questions hears."""

import asyncio
import time

from spanpulse._export._kafka_pace import PAUSE_S, Pace


class Client:
    """Answers like aiokafka's client."""

    def __init__(self) -> None:
        self.asked = 0

    def force_metadata_update(self) -> "asyncio.Future[bool]":
        self.asked += 1
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(self.asked > 1)
        return answer


async def test_questions_wait_their_turn_and_hear_the_answer() -> None:
    client = Client()
    Pace(client)
    begun = time.monotonic()
    answers = [await client.force_metadata_update() for _ in range(3)]
    assert answers == [False, True, True]
    assert time.monotonic() - begun >= 2 * PAUSE_S


async def test_those_who_ask_at_one_time_are_one_question() -> None:
    client = Client()
    Pace(client)
    assert await asyncio.gather(*(client.force_metadata_update() for _ in range(50))) == [False] * 50
    assert client.asked == 1


async def test_who_gives_up_waiting_takes_the_answer_from_nobody() -> None:
    client = Client()
    Pace(client)
    first, second = client.force_metadata_update(), client.force_metadata_update()
    first.cancel()
    assert await second is False
