"""OTLP over HTTP: a POST for each batch, as protobuf.

Only who sends that way imports this module. Redirects are not followed, and no more of an answer is read than
`MOST_ANSWER` bytes. Not guaranteed: an end after the timeout for a receiver that goes on sending a byte at a time; the
timeout is that of each wait.
"""

import gzip
import math
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from spanpulse._export._answers import MOST_DETAIL, check_partial
from spanpulse._export._choose import base_of, headers_of
from spanpulse._export._transport import Batch, Refused, Unavailable
from spanpulse._settings import Settings
from spanpulse._version import VERSION

__all__ = ["HttpTransport"]

RETRYABLE: Final = frozenset({408, 429, 502, 503, 504})
MOST_ANSWER: Final = 64 * 1024
FAST: Final = 1  # the level of gzip: three times faster than the usual one, for a sixth more bytes


class HttpTransport:
    """Sends to ``settings.endpoint`` over one connection that is kept."""

    def __init__(self, settings: Settings) -> None:
        self._errors = requests.exceptions
        self._base = base_of(settings.endpoint)
        self._timeout = settings.timeout
        self._is_packed = settings.compression == "gzip"
        self._packed: tuple[Batch, bytes] | None = None
        self._session = requests.Session()
        self._session.auth = _as_it_is  # or a .netrc would replace the key
        self._verify = settings.certificate or True
        if settings.client_certificate and self._base.startswith("https:"):  # else a file is asked for that is not used
            own = (settings.client_certificate, settings.client_key)
            self._session.cert = own if settings.client_key else settings.client_certificate
        self._headers = {
            **headers_of(settings),
            "content-type": "application/x-protobuf",
            "user-agent": f"spanpulse/{VERSION}",
            **({"content-encoding": "gzip"} if self._is_packed else {}),
        }

    def send(self, batch: Batch) -> None:
        """Send a batch. Raises Refused, Unavailable."""
        try:
            with self._post(batch) as response:
                body = response.raw.read(MOST_ANSWER, decode_content=True) or b""
        except self._errors.SSLError as error:
            raise Unavailable("TLS") from error
        except self._errors.Timeout as error:
            raise Unavailable("timeout") from error
        except (self._errors.ConnectionError, self._errors.ChunkedEncodingError, OSError) as error:
            raise Unavailable("connection") from error
        except Exception as error:
            if type(error).__module__.startswith("urllib3"):  # the answer broke off
                raise Unavailable("connection") from error
            raise
        _check(response, batch, body)
        self._packed = None

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _post(self, batch: Batch) -> Any:
        return self._session.post(
            f"{self._base}/v1/{batch.signal}",
            data=self._body(batch),
            headers=self._headers,
            timeout=self._timeout,
            verify=self._verify,  # of the session, REQUESTS_CA_BUNDLE would come before it
            allow_redirects=False,
            stream=True,
        )

    def _body(self, batch: Batch) -> bytes:
        if not self._is_packed:
            return batch.body
        if self._packed is None or self._packed[0] is not batch:
            self._packed = batch, gzip.compress(batch.body, FAST)
        return self._packed[1]


def _as_it_is(request: Any) -> Any:
    return request


def _check(response: Any, batch: Batch, body: bytes) -> None:
    status = response.status_code
    if 200 <= status < 300:
        check_partial(batch.signal, body)
    elif status in RETRYABLE:
        raise Unavailable(f"http {status}", _after(response.headers.get("retry-after", "")))
    else:
        raise Refused(f"http {status}", _said(body))


def _said(body: bytes) -> str:
    """Return what a receiver says about a refusal: a google.rpc.Status or a text, on one line."""
    try:
        text = Status.FromString(body).message
    except Exception:  # noqa: BLE001 -- a proxy's page
        text = body.decode("utf-8", "replace")
    return " ".join(text[:MOST_DETAIL].split())


def _after(told: str) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3); None for one that says nothing."""
    try:
        seconds = float(told)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - time.time())
