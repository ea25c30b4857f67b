"""What a body of JSON may take in memory is held while it is worked on, and bounded for all requests together."""

import pytest

from spanpulse_stream.gateway import OtlpOptions, RequestLimits, RequestRefused
from spanpulse_stream.gateway._json import json_request
from spanpulse_stream.gateway._limits import JSON_GROWTH, LEAST_JSON_BYTES, Budget
from spanpulse_stream.settings import Settings

MIB = 1024 * 1024
LIMITS = RequestLimits(most_json_bytes=10_000)


def needed(body: bytes) -> int:
    budget = Budget(1, 0, MIB)
    with budget.open() as held:
        json_request(body, "traces", RequestLimits(), held)
        return budget.bytes


def with_text(text: str) -> bytes:
    return b'{"resourceSpans": [], "text": "' + text.encode() + b'"}'


def test_values_are_held_until_the_end_of_their_request() -> None:
    budget = Budget(2, 0, 1_000)
    body = with_text("")
    with budget.open() as first, budget.open() as second:
        json_request(body, "traces", LIMITS, first)
        with pytest.raises(RequestRefused, match="hold all the memory") as refused:
            json_request(body, "traces", LIMITS, second)
        assert (refused.value.status, refused.value.retry_after_s) == (429, 1)
    assert budget.bytes == 0
    with budget.open() as held:
        json_request(body, "traces", LIMITS, held)
        assert 0 < budget.bytes <= 1_000


def test_values_and_bodies_do_not_take_from_one_another() -> None:
    budget = Budget(2, 100, 1_000)
    with budget.open() as held:
        held.grow(100)
        json_request(with_text(""), "traces", LIMITS, held)
        with pytest.raises(RequestRefused, match="hold all the memory"):
            held.grow(1)
    assert budget.bytes == 0


def test_what_one_request_may_take_is_not_to_be_sent_again() -> None:
    with Budget(1, 0, MIB).open() as held, pytest.raises(RequestRefused, match="send less at once") as refused:
        json_request(with_text("[" * 200), "traces", LIMITS, held)
    assert (refused.value.status, refused.value.retry_after_s) == (413, None)


@pytest.mark.parametrize("wide", ["\U0001f600", r"\ud83d\ude00", r"\uD83D\uDE00"])
def test_one_wide_character_makes_a_text_wide(wide: str) -> None:
    narrow, same = needed(with_text("x" * 1_000)), needed(with_text("x" * 1_000 + wide))
    assert narrow > 3 * 1_000
    assert same > narrow + 2 * 1_000


def test_the_bound_follows_the_size_of_a_body() -> None:
    assert OtlpOptions.from_settings(Settings()).limits == RequestLimits()
    large, small = Settings(max_body_bytes=64 * MIB), Settings(max_body_bytes=1024)
    assert OtlpOptions.from_settings(large).limits.most_json_bytes == JSON_GROWTH * 64 * MIB
    assert OtlpOptions.from_settings(small).limits.most_json_bytes == LEAST_JSON_BYTES
