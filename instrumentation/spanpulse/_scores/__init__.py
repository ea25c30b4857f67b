"""Scores of calls: what people, judges and checks think of an answer, now or later, here or in another process.

`_score` takes them, `_scored` finds which call one is of and what is known of it, `_give` hands the event on.
"""

from spanpulse._scores._score import score

__all__ = ["score"]
