"""The variant of the user of each row."""

import numpy as np

from spanpulse_stream.assignment._hash import has_user, points
from spanpulse_stream.assignment._weights import Weights
from spanpulse_stream.columns import Words

__all__ = ["assign"]


def assign(users: Words, salt: str, weights: Weights) -> Words:
    """Return the variants of users; NULL where there is no user, or nobody is assigned.

    ``salt`` is that of the experiment, or its name where it has none.
    """
    if not weights.names or not users.values:
        return Words.absent(len(users.codes))
    each = np.searchsorted(weights.cuts, points(users.values, salt), side="right").astype(np.int32)
    return Words(np.where(has_user(users), each[users.codes], np.int32(-1)), list(weights.names))
