"""The page of an empty database, asked without a socket."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from spanpulse_dashboards._part import PagePart, page_part
from spanpulse_sinks.clickhouse import EmbeddedDatabase

__all__ = ["STATUS", "Given", "asking", "served"]

STATUS: dict[str, Any] = {
    "ready": True,
    "reasons": [],
    "uptime_seconds": 1.0,
    "completeness": {
        **dict.fromkeys(("accepted", "stored", "duplicate", "dead_lettered", "filtered", "unjoined"), 0),
        **dict.fromkeys(("pending", "unaccounted", "refused_since_start"), 0),
    },
    "refused_requests_since_start": {},
    "lag": {"records": 0, "bytes": 0, "oldest_seconds": 0.0},
    "rates": {"accepted_per_second": 0.0},
    "disk": {"free_bytes": 1, "log_bytes": 1, "database_bytes": 1},
    "requests_beyond_cap": {},
}


@dataclass
class Behind:
    records: int = 0
    seconds: float = 0.0


async def _status() -> Mapping[str, Any]:
    return STATUS


async def _metrics(_request: Any) -> PlainTextResponse:
    return PlainTextResponse("metrics")


@dataclass
class Given:
    """What a process gives its page."""

    database: EmbeddedDatabase
    token: SecretStr | None = None
    hosts: tuple[str, ...] = ()
    root_path: str = ""
    version: str = "test"
    status: Any = _status
    lag: Any = Behind
    changes: Any = float
    worked: Any = float
    exporter_variables: Any = dict
    price_archive: Path = Path("nowhere")
    routes: list[Route] = field(default_factory=lambda: [Route("/metrics", _metrics)])


@asynccontextmanager
async def served(given: Given) -> AsyncIterator[PagePart]:
    part = page_part(given)
    yield part
    await part.close()


def asking(part: PagePart, host: str = "http://127.0.0.1:8642") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(part.app), base_url=host, timeout=20)
