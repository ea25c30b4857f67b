"""Whose tokens count: duplicates by retry, several spans of one call, inherited context, and corrections.

Instrumentations nest and repeat each other, so a sum over spans would bill a call twice or more. This step decides
for every span of a batch whether it is new, and for every model call (an LLM or embedding span) whether it is the
one that counts:

1. A span that the window already holds (tenant, trace id, span id) is an export that was repeated: not kept.
2. One response id counts once within a tenant, in whichever traces: the native SDK's span before an
   instrumentor's before a framework's, then the one with usage.
3. A call without a response id does not count if a descendant call of its kind carries usage or is closer to the
   wire. Neither does a framework's span with one, if a descendant closer to the wire tells of the call without it.
4. A call without a response id does not count if the SDK of the same process tells of the same call itself: same
   kind, model, provider and moment, even in another trace.

Context (user, session, prompt) comes from the nearest ancestor that has it.

Guaranteed: every decision is a function of the log, whatever its batches, restarts and clocks; and within the
window the outcome does not depend on the order in which spans arrive. Not guaranteed: anything about what comes
later than the window reaches (it counts for itself, see ``Attribution.lost``); that a ring of parent links looks
the same from wherever it is closed; that rule 4 sees more than 512 calls of one process and model a second.
"""

from spanpulse_stream.usage._attribute import Attribution, attribute_usage, drop_duplicate_logs
from spanpulse_stream.usage._corrections import Corrections
from spanpulse_stream.usage._seen import SEEN_SCHEMA
from spanpulse_stream.usage._state import PartitionState
from spanpulse_stream.usage._warm import warm_up

__all__ = [
    "SEEN_SCHEMA",
    "Attribution",
    "Corrections",
    "PartitionState",
    "attribute_usage",
    "drop_duplicate_logs",
    "warm_up",
]
