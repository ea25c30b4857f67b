"""Dead letters keep the bytes that could not be read only where all texts may be kept."""

from dataclasses import replace

import pytest

from spanpulse_stream.normalise import Rejection
from spanpulse_stream.pipeline._compute import _letter
from spanpulse_stream.rows import ContentPolicy

REJECTED = Rejection(5, 0, 1_795_900_000_000, "acme", "traces", "no_trace_id", "all zero", b"what was said")


def test_full_keeps_the_bytes() -> None:
    letter = _letter(REJECTED, ContentPolicy.parse("full"))
    assert (letter.data, letter.detail) == (b"what was said", "all zero")


@pytest.mark.parametrize("policy", ["none", "truncate 1000"])
def test_any_other_policy_keeps_none_and_says_so(policy: str) -> None:
    letter = _letter(REJECTED, ContentPolicy.parse(policy))
    assert letter.data == b""
    assert letter.detail == "all zero (13 bytes, not kept under the content policy)"
    assert (letter.log_offset, letter.ordinal, letter.tenant, letter.reason) == (5, 0, "acme", "no_trace_id")


def test_the_message_of_an_exception_may_quote_and_goes_too() -> None:
    failed = replace(REJECTED, reason="processing_failed", detail="ValueError: no number: 'what was said'")
    detail = _letter(failed, ContentPolicy.parse("none")).detail
    assert detail == "ValueError (13 bytes, not kept under the content policy)"
