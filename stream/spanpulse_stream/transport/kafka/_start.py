"""Starting clients of aiokafka while no broker answers.

Guarantee: a client is started once a broker answers, however long that takes, or not at all when the service stops;
what is waited for is said in the log now and then. Not guaranteed: that a wrong password is told from a broker that is
away; aiokafka's own log says which it is.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from random import random
from typing import Any, Final, TypeVar

from aiokafka.errors import KafkaConnectionError

__all__ = ["started"]

LOG: Final = logging.getLogger(__name__)
FIRST_WAIT_S: Final = 0.25
LONGEST_WAIT_S: Final = 5.0
SAY_EVERY_S: Final = 30.0

Client = TypeVar("Client", bound=Any)


async def started(
    make: Callable[[], Client],
    brokers: Sequence[str],
    *,
    sleep: Callable[[float], Awaitable[None]],
    stopping: Callable[[], bool],
) -> Client | None:
    """Return a client that ``make`` made, started; None when ``stopping``. ``sleep`` ends early then."""
    wait, said = FIRST_WAIT_S, -SAY_EVERY_S
    clock = asyncio.get_running_loop().time
    while not stopping():
        client = make()
        try:
            await client.start()
        except KafkaConnectionError:
            await client.stop()
            if clock() - said >= SAY_EVERY_S:
                said = clock()
                LOG.warning("no Kafka broker answers at %s; waiting for one", ", ".join(brokers))
            await sleep(wait * (0.5 + random()))  # noqa: S311
            wait = min(LONGEST_WAIT_S, 2 * wait)
        except BaseException:
            await client.stop()
            raise
        else:
            return client
    return None
