"""A refused request is gone from memory when it is answered, without the garbage collector's help."""

import asyncio
import gc
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

from otlp.requests import some_traces
from spanpulse_stream.gateway import OtlpOptions, Receiver, RequestRefused, Sender
from spanpulse_stream.log import LogAway, LogFull, Message
from spanpulse_stream.observe import Health, Metrics


class Refusing:
    """A log that takes nothing, as one does whose answer another task waits for."""

    def __init__(self, error: type[LogAway] | type[LogFull]) -> None:
        self.error = error

    async def append(self, messages: Sequence[Message]) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.set_exception(self.error(1.0, "not now"))
        await waiting


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("error", [LogAway, LogFull])
@pytest.mark.parametrize("whole", [True, False])
async def test_a_refused_body_is_let_go_of(error: type[LogAway] | type[LogFull], whole: bool) -> None:
    receiver = Receiver(Refusing(error), OtlpOptions(), Metrics("test"), Health(time.monotonic))
    receiver.serve()
    body = some_traces(50, 1)[: None if whole else -3]  # half a body is refused before the log is asked

    async def send() -> int:
        with receiver.open() as held:
            taking = receiver.take(body, "traces", "", Sender("default", "127.0.0.1"), held, as_json=False)
            outcome = await receiver.answer("traces", taking)
        assert isinstance(outcome, RequestRefused)
        return outcome.status

    before = sys.getrefcount(body)
    statuses = {await send() for _ in range(20)}
    assert statuses <= {400, 429, 503}
    assert sys.getrefcount(body) == before
    receiver.close()
