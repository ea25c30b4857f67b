"""Ends brokers whose tests were killed: a process that lives as long as the one that started it.

It reads `+PID` and `-PID` from its standard input, of which the tests hold the other end. When that end is closed,
by whatever death, it kills what was named and not taken back, and removes the folder.
It needs nothing of the operating system but pipes. (PR_SET_PDEATHSIG would end a broker with the *thread* that
started it, and a test may well do that in a thread.)
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path


def main(folder: Path) -> None:
    """Wait for the end of the input, then clean up."""
    pids: set[int] = set()
    for line in sys.stdin:
        pid = int(line)
        if pid > 0:
            pids.add(pid)
        else:
            pids.discard(-pid)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for _ in range(100):  # a process may write a last file while its folder goes
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(0.1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
