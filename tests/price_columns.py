"""Columns for tests of prices: only what pricing reads, the rest absent."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from spanpulse_stream.columns import Numbers, SpanColumns, Words

KEYS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Call:
    """One model call of a test."""

    provider: str | None = "openai"
    model: str | None = "gpt-5"
    request_model: str | None = None
    at: datetime = NOW
    tier: str | None = None
    status: str | None = "reported"
    stated: int | None = None  # 1e-12 USD
    usage: dict[str, int] = field(default_factory=dict)


def words(values: list[str | None]) -> Words:
    table = sorted({value for value in values if value is not None})
    codes = [table.index(value) if value is not None else -1 for value in values]
    return Words(np.array(codes, np.int32), table)


def nanoseconds(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def columns(calls: list[Call]) -> SpanColumns:
    fields: dict[str, Any] = dict.fromkeys(SpanColumns.__dataclass_fields__)
    for key in KEYS:
        values = [call.usage.get(key) for call in calls]
        fields[key] = Numbers(
            np.array([value or 0 for value in values], np.int64),
            np.array([value is not None for value in values], np.bool_),
        )
    fields |= {
        "size": len(calls),
        "start_time": np.array([nanoseconds(call.at) for call in calls], np.int64),
        "provider": words([call.provider for call in calls]),
        "response_model": words([call.model for call in calls]),
        "request_model": words([call.request_model for call in calls]),
        "service_tier": words([call.tier for call in calls]),
        "usage_status": words([call.status for call in calls]),
        "counted": np.zeros(0, np.bool_),
        "stated_cost": Numbers(
            np.array([call.stated or 0 for call in calls], np.int64),
            np.array([call.stated is not None for call in calls], np.bool_),
        ),
    }
    return SpanColumns(**fields)
