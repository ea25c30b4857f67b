"""The client of the control socket, used by the commands."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from spanpulse_stream.control._socket import socket_path

if TYPE_CHECKING:
    import httpx

__all__ = ["ControlClient", "NotRunning", "RequestRefused", "TryLater"]


class NotRunning(Exception):  # noqa: N818 -- a state, not a fault
    """No process answers for this data folder."""


class RequestRefused(Exception):  # noqa: N818 -- the peer's word
    """The process answered with an error; the message is its own."""


class TryLater(RequestRefused):
    """The process has no room now; it may be asked again after ``retry_after_s`` seconds."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ControlClient:
    """Asks the process that owns ``data``; ``timeout`` in seconds bounds each request."""

    def __init__(self, data: Path, timeout: float) -> None:
        self._path = socket_path(data)
        self._timeout = timeout

    def query(self, sql: str, output_format: str) -> bytes:
        """Return the result of ``sql`` in a ClickHouse format. Raises NotRunning, RequestRefused."""
        return self._request("POST", "/sql", {"query": sql, "format": output_format}).content

    def status(self) -> dict[str, Any]:
        """Return what the process says of itself. Raises NotRunning, RequestRefused."""
        return cast("dict[str, Any]", self._request("GET", "/status", None).json())

    def operate(self, name: str, arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Run an operation; yield {"progress": ...} as it goes on and {"report": ...} at its end.

        Closing the iterator stops the operation. Raises NotRunning, RequestRefused.
        """
        with self._client() as client, client.stream("POST", f"/operations/{name}", json=dict(arguments)) as answer:
            if answer.is_error:
                answer.read()
                raise RequestRefused(answer.text)
            for line in answer.iter_lines():
                event: dict[str, Any] = json.loads(line)
                if "error" in event:
                    raise RequestRefused(event["error"])
                if event:
                    yield event
                if "report" in event:
                    return
        raise RequestRefused("the running process ended before the operation did")

    def imported(self, name: str, tenant: str) -> dict[str, Any]:
        """Return how far an import has come. Raises NotRunning, RequestRefused."""
        asked = urlencode({"name": name, "tenant": tenant})
        return cast("dict[str, Any]", self._request("GET", f"/import?{asked}", None).json())

    def import_chunk(self, body: bytes) -> bool:
        """Append a packed chunk; return whether it is new there. Raises NotRunning, TryLater, RequestRefused."""
        with self._client() as client:
            answer = client.post("/import", content=body)
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise TryLater(answer.text, float(answer.headers["retry-after"]))
        if answer.is_error:
            raise RequestRefused(answer.text)
        return bool(answer.json()["appended"])

    def _request(self, method: str, path: str, body: object) -> "httpx.Response":
        with self._client() as client:
            answer = client.request(method, path, json=body)
        if answer.is_error:
            raise RequestRefused(answer.text)
        return answer

    @contextmanager
    def _client(self) -> "Iterator[httpx.Client]":
        import httpx  # noqa: PLC0415 -- takes 0.15 s, and `up` has no need of it

        if not self._path.exists():
            raise NotRunning
        transport = httpx.HTTPTransport(uds=str(self._path), verify=False)  # a file: reading CAs takes 50 ms
        try:
            with httpx.Client(transport=transport, base_url="http://spanpulse", timeout=self._timeout) as client:
                yield client
        except httpx.ConnectError:
            raise NotRunning from None
        except httpx.HTTPError as error:
            raise RequestRefused(f"no answer from the running process: {error or type(error).__name__}") from None
