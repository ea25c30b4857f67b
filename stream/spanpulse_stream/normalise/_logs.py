"""From decoded log records to columns: message events to texts, evaluation results to scores, all others counted.

The result is a function of the records and their place in the log. What a sender may get wrong is refused with its
reason or read as far as it goes; nothing is raised for it.
"""

import numpy as np

from spanpulse_stream.columns import LogColumns, Origin, Words
from spanpulse_stream.decode import DecodedLogs
from spanpulse_stream.normalise._logs_content import content_keys
from spanpulse_stream.normalise._logs_events import Form, event_names, forms_of
from spanpulse_stream.normalise._logs_keys import LogSlot
from spanpulse_stream.normalise._logs_refuse import reasons_of, rejections_of, times_of
from spanpulse_stream.normalise._logs_slots import find_slots
from spanpulse_stream.normalise._pool import Pool
from spanpulse_stream.normalise._rejections import Rejection, undecodable
from spanpulse_stream.normalise._scores import find_scores
from spanpulse_stream.normalise._tables import KEYS
from spanpulse_stream.normalise._texts import find_texts

__all__ = ["normalise_logs"]


def normalise_logs(decoded: DecodedLogs, origin: Origin) -> tuple[LogColumns, list[Rejection]]:
    """Return the columns of a batch that was decoded with `KEYS`, and what of it became no row, in log order."""
    slots, resources = find_slots(decoded.attributes, KEYS), find_slots(decoded.resources, KEYS)
    pool = Pool(decoded.data)
    names = event_names(decoded, slots, pool)
    scores = forms_of(names) == Form.SCORE
    moment = times_of(decoded, origin)
    reasons = reasons_of(decoded, origin, moment, scores & (slots[LogSlot.SCORE_NAME] < 0))
    kept, time = reasons == 0, moment.astype(np.int64)
    scored = np.flatnonzero(kept & scores)
    message = decoded.message[kept]
    columns = LogColumns(
        size=int(kept.sum()),
        log_source=origin.log_source,
        log_offset=origin.log_offset[message],
        ordinal=decoded.ordinal[kept],
        received_at=origin.received_at[message],
        tenant=Words(origin.tenant.codes[message], origin.tenant.values),
        key=content_keys(decoded)[kept],
        texts=find_texts(decoded, slots, names, time, kept),
        scores=find_scores(decoded, slots, resources, scored, time, pool, kept),
    )
    rejected = undecodable(decoded.rejected, decoded.data, origin, "logs")
    rejected += rejections_of(decoded, origin, reasons, moment)
    return columns, sorted(rejected, key=lambda piece: (piece.log_offset, piece.ordinal))
