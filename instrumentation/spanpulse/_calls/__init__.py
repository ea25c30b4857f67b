"""Calls of models as they happen: what is watched in the application's thread, and what their spans are told later."""

from spanpulse._calls._call import Call, Teller
from spanpulse._calls._tap import tap
from spanpulse._calls._tell import tell

__all__ = ["Call", "Teller", "tap", "tell"]
