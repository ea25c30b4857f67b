"""What each model call costs, exactly: genai-prices compiled to integers, and the operator's own prices."""

from spanpulse_stream.price._book import PriceBook, Priced, UnknownPriceVersion
from spanpulse_stream.price._calls import StoredCalls
from spanpulse_stream.price._explain import Call, Explanation, PricedPart
from spanpulse_stream.price._overrides import OverrideError

__all__ = [
    "Call",
    "Explanation",
    "OverrideError",
    "PriceBook",
    "Priced",
    "PricedPart",
    "StoredCalls",
    "UnknownPriceVersion",
]
