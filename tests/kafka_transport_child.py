"""A process with an enricher over Kafka, to be killed, frozen or stopped.

`python kafka_transport_child.py FOLDER NAME BROKERS GROUP TOPIC [STEP COUNT]`: it writes its batches to FOLDER/NAME and
the partitions it has to FOLDER/NAME.held, newest last. It kills itself when STEP (compute, write, written) begins for
the COUNT-th time. SIGTERM ends it with code 0, a failure with code 1.
"""

import asyncio
import itertools
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from recording import Batch, Journal, recording_steps
from spanpulse_stream.pipeline import Enricher
from spanpulse_stream.settings import Settings
from spanpulse_stream.transport import KafkaClaims, failed, make_kafka_app


async def main(folder: Path, name: str, brokers: str, group: str, topic: str, step: str, count: int) -> int:
    begun = itertools.count(1)

    def kill(now: str, _batch: Batch) -> None:
        if now == step and next(begun) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    settings = Settings(kafka_brokers=tuple(brokers.split(",")), kafka_group=group, kafka_session_timeout=6)
    app = make_kafka_app(settings)
    steps = recording_steps(app, Journal(folder / name, fails=kill), versions=name)
    enricher = Enricher(KafkaClaims(app), steps, most_records=10)

    @app.on_partitions_assigned.connect
    async def tell(_app: Any, assigned: Any, **_options: Any) -> None:
        with (folder / f"{name}.held").open("a") as file:
            file.write(json.dumps(sorted(tp.partition for tp in assigned)) + "\n")

    @app.agent(app.topic(topic), name="enrich")
    async def enrich(stream: Any) -> None:
        await enricher.run(stream, within=0.01)

    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await app.start()
    ended, asked = asyncio.create_task(failed(app)), asyncio.create_task(stopping.wait())
    await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
    await app.stop()
    return 0 if stopping.is_set() else 1


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s:%(name)s:%(message)s")
    _, where, who, server, members, what, *when = sys.argv
    raise SystemExit(
        asyncio.run(main(Path(where), who, server, members, what, when[0] if when else "", int(when[1]) if when else 0))
    )
