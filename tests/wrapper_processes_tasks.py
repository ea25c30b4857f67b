"""Tasks of celery that each make a span, and say in a folder that they ran.

`python wrapper_processes_tasks.py COUNT` gives the worker work. Its broker is the folder TASKS_FOLDER.
"""

import os
import sys
from pathlib import Path
from typing import Any

import celery

import spanpulse

__all__ = ["app", "work"]

FOLDER = Path(os.environ["TASKS_FOLDER"])
QUEUE, CONTROL = FOLDER / "queue", FOLDER / "control"

spanpulse.instrument(service_name="tasks")
app: Any = celery.Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": str(QUEUE),
    "data_folder_out": str(QUEUE),
    "control_folder": str(CONTROL),
}
app.conf.worker_prefetch_multiplier = 1
for folder in (QUEUE, CONTROL):
    folder.mkdir(exist_ok=True)


@app.task(name="work")
def work(number: int) -> None:
    """Make a span."""
    with spanpulse.span(f"task {number}"):
        pass
    (FOLDER / f"done-{number}").touch()


if __name__ == "__main__":
    for each in range(int(sys.argv[1])):
        with spanpulse.span(f"ask {each}"):
            work.delay(each)
