# ruff: noqa: INP001 -- a program of the image, of no package
"""Compile every kernel into NUMBA_CACHE_DIR at the build of the image, and see that a start compiles none.

The second look is a process of its own, as a start is. It fails the build where anything is compiled again.
"""

import subprocess
import sys

AGAIN = """
from numba.core import event

class Listener(event.Listener):
    def on_start(self, event): compiled.append(event.data)
    def on_end(self, event): pass

compiled = []
event.register("numba:compile", Listener())
from spanpulse_stream.process import warm_up
warm_up()
print(len(compiled), "kernels were compiled by the second start")
raise SystemExit(bool(compiled))
"""


def main() -> int:
    """Compile, and look."""
    for code in ("from spanpulse_stream.process import warm_up; warm_up()", AGAIN):
        if status := subprocess.run([sys.executable, "-c", code], check=False).returncode:  # noqa: S603 -- our own words
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
