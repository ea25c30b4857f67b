"""Roll up: signed rows of spans and scores to the additive rows of the rollup tables.

Everything is a function of the rows and of the log before them. `roll_up` is additive: the rollups of two batches
are the sums of each, and negated rows take back what rows added.
"""

from spanpulse_stream.rollup._corrections import correction_rows
from spanpulse_stream.rollup._dimensions import OTHER, DimensionCaps
from spanpulse_stream.rollup._read import booleans_of, integers_of, times_of
from spanpulse_stream.rollup._rows import RollupRows, concat
from spanpulse_stream.rollup._scores import ScoreRows, roll_up_scores
from spanpulse_stream.rollup._sketch import GAMMA, LatencySketch, bucket_value, buckets_of
from spanpulse_stream.rollup._tables import overflowed, roll_up
from spanpulse_stream.rollup._words import words_of, words_where

__all__ = [
    "GAMMA",
    "OTHER",
    "DimensionCaps",
    "LatencySketch",
    "RollupRows",
    "ScoreRows",
    "booleans_of",
    "bucket_value",
    "buckets_of",
    "concat",
    "correction_rows",
    "integers_of",
    "overflowed",
    "roll_up",
    "roll_up_scores",
    "times_of",
    "words_of",
    "words_where",
]
