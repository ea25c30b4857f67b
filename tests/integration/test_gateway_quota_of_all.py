"""A quota of bytes counts all that a key sends: metrics, which are not kept, and what cannot be read as well."""

import gzip

import httpx
import pytest

from otlp.log import GatedLog
from otlp.requests import PROTOBUF, some_traces
from otlp.serving import client, receiver
from spanpulse_stream.gateway import ApiKeys, OtlpOptions

LOUD, QUIET = "loud-0123456789abcdef", "quiet-0123456789abcdef"
KEYS = ApiKeys.parse([f"loud:plain:{LOUD}", f"quiet:plain:{QUIET}"])


@pytest.mark.parametrize(
    ("path", "body", "encoding", "first"),
    [
        ("/v1/metrics", b"\x0a\x00" * 20_000, "identity", 200),
        ("/v1/metrics", gzip.compress(b"\x0a\x00" * 20_000), "gzip", 200),
        ("/v1/traces", b"\xff" * 40_000, "identity", 400),
        ("/v1/logs", gzip.compress(b"\xff" * 40_000), "gzip", 400),
    ],
)
async def test_who_has_used_up_the_quota_is_refused(
    log: GatedLog, path: str, body: bytes, encoding: str, first: int
) -> None:
    async with receiver(log, OtlpOptions(keys=KEYS, quota_bytes=2_000)) as got, client(got.app) as http:

        async def post(
            key: str, where: str = "/v1/traces", content: bytes = some_traces(), said: str = "identity"
        ) -> int:
            headers = {"content-type": PROTOBUF, "content-encoding": said, "x-api-key": key}
            answer: httpx.Response = await http.post(where, content=content, headers=headers)
            return answer.status_code

        assert await post(LOUD, path, body, encoding) == first
        assert [await post(LOUD, path, body, encoding), await post(LOUD), await post(QUIET)] == [429, 429, 200]


async def test_without_a_quota_nothing_is_counted(log: GatedLog) -> None:
    async with receiver(log, OtlpOptions(keys=KEYS)) as got, client(got.app) as http:
        for _ in range(3):
            headers = {"content-type": PROTOBUF, "x-api-key": LOUD}
            assert (await http.post("/v1/metrics", content=b"\x0a\x00" * 20_000, headers=headers)).status_code == 200
        assert not got.receiver._quotas._buckets
