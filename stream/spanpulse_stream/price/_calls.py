"""What a price depends on: the columns of spans that the book reads, as stored spans have them."""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.columns import Numbers, SpanColumns, Words

__all__ = ["Calls", "StoredCalls"]


@dataclass(frozen=True, slots=True)
class StoredCalls:
    """The columns of ``size`` stored spans that have a part in their price, named as those of a batch.

    Left empty, ``counted`` means all of them, and ``stated_cost`` that none states one.
    """

    size: int
    usage_status: Words
    provider: Words
    request_model: Words
    response_model: Words
    service_tier: Words
    start_time: NDArray[np.int64]
    input_tokens: Numbers
    output_tokens: Numbers
    cache_read_tokens: Numbers
    cache_write_tokens: Numbers
    cache_write_1h_tokens: Numbers
    reasoning_tokens: Numbers
    input_audio_tokens: Numbers
    output_audio_tokens: Numbers
    stated_cost: Numbers = field(default_factory=lambda: Numbers.absent(0))
    counted: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))


Calls: TypeAlias = SpanColumns | StoredCalls
"""What the book prices."""
