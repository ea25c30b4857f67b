"""Who gets which variant of an experiment, by docs/assignment.md: columns of users to variants, hashes and buckets.

Applications follow the same page by code of their own; golden vectors hold both to it. Pure: no clock, no edge.
"""

from spanpulse_stream.assignment._assign import assign
from spanpulse_stream.assignment._hash import BUCKETS, NO_USER, buckets, user_hashes
from spanpulse_stream.assignment._weights import Weights, WeightsError

__all__ = ["BUCKETS", "NO_USER", "Weights", "WeightsError", "assign", "buckets", "user_hashes"]
