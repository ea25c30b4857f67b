"""The thread of the Kafka driver ends in order, whichever of the two loops ends first and however its client does."""

import asyncio
import threading
from typing import Any

import pytest

from spanpulse_stream.transport.kafka._thread import Thread


class Client:
    """A consumer whose `stop` raises."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    async def stop(self) -> None:
        raise self._error


def a_thread(client: Any = None, **loops: asyncio.AbstractEventLoop) -> Thread:
    """Return one as it is at its end, without an app."""
    made = Thread.__new__(Thread)
    made._method_queue, made._consumer = None, client
    for name, loop in loops.items():
        setattr(made, name, loop)
    return made


def closed() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.close()
    return loop


@pytest.mark.parametrize("error", [TimeoutError, asyncio.CancelledError])
async def test_a_client_that_cannot_leave_the_group_does_not_keep_the_thread(error: type[BaseException]) -> None:
    await a_thread(Client(error)).on_thread_stop()


async def test_who_cancels_the_stop_itself_is_obeyed() -> None:
    class Waiting(Client):
        async def stop(self) -> None:
            begun.set()
            await asyncio.Event().wait()

    begun = asyncio.Event()
    stopping = asyncio.create_task(a_thread(Waiting(TimeoutError)).on_thread_stop())
    await begun.wait()
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping


def test_a_thread_that_has_ended_can_be_told_to_stop() -> None:
    thread = a_thread(thread_loop=closed())
    thread._stopped = threading.Event()
    thread._stopped_set()
    assert thread._stopped.is_set()


def test_a_main_loop_that_has_ended_is_told_of_nothing() -> None:
    thread = a_thread(parent_loop=closed())
    thread._shutdown = threading.Event()
    thread.set_shutdown()
    assert not thread._shutdown.is_set()
