"""Experiments in the application: who gets which variant, by the hash of docs/assignment.md.

`_hash` and `_weights` are that page, `_document`, `_source` and `_refresh` take weights from outside the code,
`_exposures` tells who met what, `_variant` is what an application calls.
"""

from spanpulse._experiments._refresh import outside
from spanpulse._experiments._variant import variant

__all__ = ["outside", "variant"]
