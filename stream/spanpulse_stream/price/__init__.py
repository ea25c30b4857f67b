"""What each model call costs, exactly: genai-prices compiled to integers, and the operator's own prices."""

from spanpulse_stream.price._book import PriceBook, Priced, UnknownPriceVersion, keep_overrides
from spanpulse_stream.price._calls import StoredCalls
from spanpulse_stream.price._explain import Call, Explanation, PricedPart
from spanpulse_stream.price._overrides import OverrideError, check_overrides

__all__ = [
    "Call",
    "Explanation",
    "OverrideError",
    "PriceBook",
    "Priced",
    "PricedPart",
    "StoredCalls",
    "UnknownPriceVersion",
    "check_overrides",
    "keep_overrides",
]
