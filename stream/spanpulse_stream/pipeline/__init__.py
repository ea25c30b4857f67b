"""The stream processor: cutting, the steps in order, claim-write-acknowledge, and what restores a partition."""

from spanpulse_stream.pipeline._books import PriceBooks
from spanpulse_stream.pipeline._compute import Computed, compute
from spanpulse_stream.pipeline._cut import BatchCutter, Incoming, OffsetGap
from spanpulse_stream.pipeline._enrich import Enricher
from spanpulse_stream.pipeline._history import History
from spanpulse_stream.pipeline._lane import incoming
from spanpulse_stream.pipeline._memory import PartitionMemory
from spanpulse_stream.pipeline._partition import PartitionSteps, Pending, Tools
from spanpulse_stream.pipeline._rebuild import CALL_ROLLUPS, ROLLUPS, SCORE_ROLLUPS, caps_below, rebuilt_day, rollups_of
from spanpulse_stream.pipeline._repair import Messages, RowsFromLog
from spanpulse_stream.pipeline._signed import DayRange, Read, offset_ranges
from spanpulse_stream.pipeline._stamp import stamped
from spanpulse_stream.pipeline._steps import Claims, Partition, Steps
from spanpulse_stream.pipeline._tally import Tally
from spanpulse_stream.pipeline._task import Task
from spanpulse_stream.pipeline._versions import Versions

__all__ = [
    "CALL_ROLLUPS",
    "ROLLUPS",
    "SCORE_ROLLUPS",
    "BatchCutter",
    "Claims",
    "Computed",
    "DayRange",
    "Enricher",
    "History",
    "Incoming",
    "Messages",
    "OffsetGap",
    "Partition",
    "PartitionMemory",
    "PartitionSteps",
    "Pending",
    "PriceBooks",
    "Read",
    "RowsFromLog",
    "Steps",
    "Tally",
    "Task",
    "Tools",
    "Versions",
    "caps_below",
    "compute",
    "incoming",
    "offset_ranges",
    "rebuilt_day",
    "rollups_of",
    "stamped",
]
