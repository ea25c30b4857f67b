"""Imports over the control socket: GET /import says how far one has come, POST /import appends a chunk.

429 with Retry-After says that the log takes nothing now, 400 that the chunk can never be taken. Chunks are taken one at
a time, so that their memory is bounded, each in a thread.
"""

import asyncio
import dataclasses
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from spanpulse_stream.importing._accept import ChunkRefused, Importer
from spanpulse_stream.importing._chunk import ChunkDamaged, unpack_chunk
from spanpulse_stream.log import LogClosed, LogFull, LogUnusable
from spanpulse_stream.observe import Metrics, catalog

__all__ = ["LARGEST_CHUNK", "import_routes"]

LARGEST_CHUNK: Final = 192 * 1024 * 1024  # bytes packed: of one request of the largest size, and what stands beside it


def import_routes(importer: Importer, metrics: Metrics) -> list[Route]:
    """Return the routes of the control socket that imports take."""
    receiving = _Receiving(importer, metrics)
    return [
        Route("/import", receiving.reached, methods=["GET"]),
        Route("/import", receiving.append, methods=["POST"]),
    ]


class _Receiving:
    def __init__(self, importer: Importer, metrics: Metrics) -> None:
        self._importer = importer
        self._metrics = metrics
        self._one = asyncio.Lock()

    async def reached(self, request: Request) -> Response:
        """Say how far an import has come."""
        asked = request.query_params
        try:
            found = await asyncio.to_thread(self._importer.reached, asked.get("name", ""), asked.get("tenant", ""))
        except ChunkRefused as refusal:
            return PlainTextResponse(str(refusal), 400)
        except (LogClosed, LogUnusable) as error:
            return PlainTextResponse(str(error), 503)
        return JSONResponse(dataclasses.asdict(found))

    async def append(self, request: Request) -> Response:
        """Append a chunk, or say why not."""
        async with self._one:
            try:
                return await self._append(request)
            except LogFull as full:
                return PlainTextResponse(str(full), 429, {"retry-after": f"{full.retry_after_s:g}"})
            except (ChunkRefused, ChunkDamaged) as refusal:
                return PlainTextResponse(str(refusal), 400)
            except (LogClosed, LogUnusable, TimeoutError) as error:
                return PlainTextResponse(f"the log failed: {error or 'it did not answer'}", 503)

    async def _append(self, request: Request) -> Response:
        parts, size = list[bytes](), 0
        try:
            async for part in request.stream():
                size += len(part)
                if size > LARGEST_CHUNK:
                    return PlainTextResponse(f"a chunk has at most {LARGEST_CHUNK} bytes", 413, {"connection": "close"})
                parts.append(part)
        except ClientDisconnect:
            return Response(status_code=400)
        chunk = await asyncio.to_thread(unpack_chunk, b"".join(parts))
        appended = await asyncio.to_thread(self._importer.append, chunk)
        if appended:
            self._metrics.add(catalog.IMPORT_CHUNKS)
            self._metrics.add(catalog.IMPORT_BYTES, size)
        return JSONResponse({"appended": appended})
