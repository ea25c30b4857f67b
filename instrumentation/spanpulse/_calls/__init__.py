"""Calls of models as they happen: what is watched in the application's thread, and the thread that tells of them."""

from spanpulse._calls._call import Call
from spanpulse._calls._finish import Finisher
from spanpulse._calls._once import LOG, say_once
from spanpulse._calls._tap import tap

__all__ = ["LOG", "Call", "Finisher", "say_once", "tap"]
