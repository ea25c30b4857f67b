"""An application of several processes and threads, each of which makes spans, and leaves in a way of its own.

    SPANPULSE_ENDPOINT=http://127.0.0.1:... python wrapper_processes_child.py WAY

It is instrumented as it is imported, so that processes which are spawned are too, unless `spanpulse-instrument` did
that. Spans are named by who makes them.
"""

import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import spanpulse
from wrapper_processes_counts import CHILDREN, JOBS

__all__ = ["WAYS", "tell"]

if "by-itself" not in sys.argv:
    spanpulse.instrument()


def tell(name: str) -> None:
    """Make a span."""
    with spanpulse.span(name):
        pass


def exits() -> None:
    tell("parent")


def raises() -> None:
    tell("parent")
    raise RuntimeError("of the application")


def exits_with_three() -> None:
    tell("parent")
    sys.exit(3)


def threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tell, (f"job {number}" for number in range(JOBS))))


def forks() -> None:
    """Fork while spans of the parent wait; children end as a program does."""
    for number in range(CHILDREN):
        tell(f"parent {number}")
        if not os.fork():
            tell(f"child {number}")
            sys.exit(0)
    for _ in range(CHILDREN):
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0


def forks_and_leaves() -> None:
    """Leave children behind the back of Python's own end, as they must flush themselves."""
    for number in range(CHILDREN):
        tell(f"parent {number}")
        if not os.fork():
            tell(f"child {number}")
            os._exit(not spanpulse.flush(20))
    for _ in range(CHILDREN):
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0


def processes(method: str) -> None:
    """Start processes, a pool of them, and an executor's."""
    context = multiprocessing.get_context(method)
    tell("parent")
    started: list[Any] = [context.Process(target=tell, args=(f"child {number}",)) for number in range(CHILDREN)]
    for each in started:
        each.start()
    for each in started:
        each.join()
        assert each.exitcode == 0
    pool = context.Pool(2)
    pool.map(tell, [f"job {number}" for number in range(JOBS)])
    pool.close()
    pool.join()
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        list(executor.map(tell, [f"task {number}" for number in range(JOBS)]))


def waits() -> None:
    """Wait for a signal that nobody handles."""
    tell("parent")
    sys.stdout.write("waits\n")
    sys.stdout.flush()
    signal.pause()


def ends_by_handler() -> None:
    """Wait for a signal that the application handles by ending."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    waits()


WAYS = {
    "exits": exits,
    "raises": raises,
    "exits-with-three": exits_with_three,
    "threads": threads,
    "forks": forks,
    "forks-and-leaves": forks_and_leaves,
    "fork": lambda: processes("fork"),
    "spawn": lambda: processes("spawn"),
    "forkserver": lambda: processes("forkserver"),
    "waits": waits,
    "ends-by-handler": ends_by_handler,
}

if __name__ == "__main__":
    WAYS[sys.argv[1]]()
