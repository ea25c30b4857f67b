"""The version of spanpulse, as its spans and `spanpulse --version` tell it."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
