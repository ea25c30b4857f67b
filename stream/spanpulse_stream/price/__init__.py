"""What each model call costs, exactly: genai-prices compiled to integers, and the operator's own prices."""

from spanpulse_stream.price._archive import UnknownPriceVersion, keep_list, keep_overrides, parts_of, text_of
from spanpulse_stream.price._book import PriceBook, Priced
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
    "keep_list",
    "keep_overrides",
    "parts_of",
    "text_of",
]
