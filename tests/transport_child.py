"""A process with an enricher over a local log, to be killed: `python transport_child.py LOG JOURNAL [STEP COUNT]`.

It kills itself when STEP (compute, write, written) begins for the COUNT-th time; without them it runs until it is
killed.
"""

import asyncio
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from recording import Batch, Journal, recording_steps
from spanpulse_stream.log import TOPIC
from spanpulse_stream.pipeline import Enricher
from spanpulse_stream.transport import LogClaims, failed, make_app, register_log
from transports import open_log

PARTITIONS = 2


async def main(folder: Path, journal: Path, step: str, count: int) -> None:
    begun = itertools.count(1)

    def kill(now: str, _batch: Batch) -> None:
        if now == step and next(begun) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    log = open_log(folder, PARTITIONS)
    app = make_app(register_log(log))
    steps = recording_steps(app, Journal(journal, fails=kill), versions=f"v{os.getpid()}")
    enricher = Enricher(LogClaims(log), steps, most_records=10)

    @app.agent(app.topic(TOPIC), name="enrich")
    async def enrich(stream: Any) -> None:
        await enricher.run(stream, within=0.01)

    await app.start()
    raise SystemExit(f"stopped: {await failed(app)}")


if __name__ == "__main__":
    _, where, file, *when = sys.argv
    asyncio.run(main(Path(where), Path(file), when[0] if when else "", int(when[1]) if when else 0))
