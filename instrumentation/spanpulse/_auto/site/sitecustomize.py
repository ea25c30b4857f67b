"""Instruments the interpreter that imports it at its start, then does what another `sitecustomize` would have done.

Guarantee: whatever goes wrong here, the application starts.
"""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

HERE = str(Path(__file__).parent)


def _run_the_next() -> None:
    """Run the `sitecustomize` that this one stands in front of."""
    others = [path for path in sys.path if Path(path or ".").resolve() != Path(HERE).resolve()]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


try:
    import spanpulse

    spanpulse.instrument()
except Exception as error:  # noqa: BLE001 -- the application starts
    sys.stderr.write(f"spanpulse: the application is not instrumented ({type(error).__name__}: {error})\n")
_run_the_next()
