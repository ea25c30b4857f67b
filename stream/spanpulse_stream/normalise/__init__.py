"""From what emitters write to one set of columns: a table per dialect, resolved by kernels over the bytes.

`normalise_spans` makes canonical spans of decoded ones, `normalise_logs` texts and scores of log records. Batches
must be decoded with `KEYS`.
"""

from spanpulse_stream.normalise._logs import normalise_logs
from spanpulse_stream.normalise._rejections import Rejection
from spanpulse_stream.normalise._spans import normalise_spans
from spanpulse_stream.normalise._stated_cost import STATED_IN, stated_in
from spanpulse_stream.normalise._tables import KEYS
from spanpulse_stream.normalise._warm import warm_up, warm_up_logs, warm_up_spans
from spanpulse_stream.normalise._who import USER_KEYS

__all__ = [
    "KEYS",
    "STATED_IN",
    "USER_KEYS",
    "Rejection",
    "normalise_logs",
    "normalise_spans",
    "stated_in",
    "warm_up",
    "warm_up_logs",
    "warm_up_spans",
]
