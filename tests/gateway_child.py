"""A gateway in a process of its own, until its standard input ends: python gateway_child.py SETTINGS_AS_JSON.

Prints the addresses of OTLP/HTTP, OTLP/gRPC and of monitoring, each on a line.
"""

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack

from starlette.applications import Starlette

from spanpulse_stream.decode import warm_up
from spanpulse_stream.gateway import GrpcServer, HttpServer, OtlpApp, OtlpOptions, Receiver
from spanpulse_stream.kafka import KafkaLog
from spanpulse_stream.observe import Health, LoopPulse, Metrics, configure_logging, observe_routes
from spanpulse_stream.process import tame_memory
from spanpulse_stream.settings import Settings


async def serve(settings: Settings) -> None:
    metrics, health = Metrics(), Health(time.monotonic)
    log = KafkaLog(settings, metrics, health)
    receiver = Receiver(log, OtlpOptions.from_settings(settings), metrics, health)
    web = Starlette(routes=observe_routes(metrics, health, LoopPulse(time.monotonic, metrics)))
    servers = [
        HttpServer(OtlpApp(receiver), host="127.0.0.1", port=0, setting="otlp_http", on_refused=receiver.refused),
        GrpcServer(receiver, host="127.0.0.1", port=0),
        HttpServer(web, host="127.0.0.1", port=0, setting="web", plain=True),
    ]
    async with AsyncExitStack() as stack:
        stack.callback(receiver.close)
        await log.start()
        stack.push_async_callback(log.aclose)
        for server in servers:
            await server.start()
            stack.push_async_callback(server.stop)
        receiver.serve()
        health.started()
        for server in servers:
            sys.stdout.write(f"{server.address}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        receiver.stop()


if __name__ == "__main__":
    configure_logging()
    tame_memory()
    warm_up()
    asyncio.run(serve(Settings(**json.loads(sys.argv[1]))))
