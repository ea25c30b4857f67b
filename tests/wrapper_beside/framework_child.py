"""A process that uses a framework, watched or not, and prints what its calls gave.

    python framework_child.py langchain  < {"endpoint": ..., "service": ..., "variant": "both", "calls": {...}}

The framework is switched on before the wrapper in the variant `both`, and behind it in `both-after`; in `never` nobody
watches, in `alone` only the wrapper does. What is raised is named by its type.
"""

import asyncio
import importlib
import json
import sys
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

import spanpulse

__all__ = ["run_calls"]


def run_calls(framework: str, asked: dict[str, Any]) -> dict[str, str]:
    """Return in words what each call gives."""
    module = importlib.import_module(f"wrapper_beside.on_{framework}")
    variant = asked["variant"]
    if variant == "both":
        trace.set_tracer_provider(TracerProvider(resource=Resource.create({"service.name": asked["service"]})))
        module.switch_on()
    if variant != "never":
        spanpulse.instrument(endpoint=asked["endpoint"], service_name=asked["service"])
    if variant == "both-after":
        module.switch_on()
    results = {name: asyncio.run(_result(module.WAYS[name], address)) for name, address in asked["calls"].items()}
    if variant != "never":
        spanpulse.flush()
    return results


async def _result(way: Any, address: str) -> str:
    try:
        return repr(await way(address))
    except Exception as error:  # noqa: BLE001 -- which one it is, is what is asked
        return f"raised {type(error).__name__}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run_calls(sys.argv[1], json.load(sys.stdin))))
