"""The kernels of all steps, compiled before the first message: from their cache, or at the first start anew.

Compiling holds the interpreter's lock, so at the first start a second process compiles half of them into the
cache. Not guaranteed: that it helps; without a cache, or with one core, everything is compiled here.
"""

import select
import subprocess
import sys
from pathlib import Path

from spanpulse_stream import decode, normalise, usage
from spanpulse_stream.jit import is_compiled

__all__ = ["warm_up"]

COMPILE_WITHIN_S = 120.0
# It says when the decoders are there, for the other half needs them.
HALF = """
from spanpulse_stream import decode, normalise
decode.warm_up()
print("decode", flush=True)
normalise.warm_up_logs()
"""


def warm_up() -> None:
    """Compile or load every kernel."""
    if not is_compiled(Path(normalise.__file__).parent):
        _compile()
    for part in (decode, usage, normalise):
        part.warm_up()


def _compile() -> None:
    """Compile into the cache, in two processes."""
    command = [sys.executable, "-c", HALF]
    with subprocess.Popen(  # noqa: S603 -- our own words
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as helper:
        assert helper.stdout is not None
        try:
            usage.warm_up()
            select.select([helper.stdout], [], [], COMPILE_WITHIN_S)
            normalise.warm_up_spans()
            helper.wait(COMPILE_WITHIN_S)
        except subprocess.TimeoutExpired:
            return  # this process compiles what is missing
        finally:
            helper.kill()
