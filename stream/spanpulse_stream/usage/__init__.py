"""Whose tokens count: duplicates by retry, several spans of one call, inherited context, and corrections.

Instrumentations nest and repeat each other, so a sum over spans would bill a call twice or more. This step decides
for every span of a batch whether it is new, and for every model call (an LLM or embedding span) whether it is the
one that counts:

1. A span that the window already holds (tenant, trace id, span id) is an export that was repeated: not kept.
2. One response id counts once within a tenant, in whichever traces: the native SDK's span before an
   instrumentor's before a framework's, then the one with usage, then the one that starts later (the inner one).
3. A call without a response id does not count if a descendant call of its kind carries usage or is closer to the
   wire. Neither does a call with one, if a descendant without one tells of the same: one with usage that is at
   least as close to the wire, or below a framework's any that is closer. The other way round, a call that has
   neither id nor usage and did not fail does not count below one with an id that is at least as close to the wire.
   What a tool's span has below it are other calls.
4. A call without a response id does not count if one closer to the wire tells of the same call: same process, kind,
   model, provider and moment, even in another trace. An instrumentor's or native span stands inside a framework's;
   that of a stream which began after its framework's span had ended holds the first token that this one tells of.

Context (user, session, prompt) comes from the nearest ancestor that has it.

What was decided over several partitions comes as decisions in the log, which take effect where they stand in it.

Guaranteed: every decision is a function of the log, whatever its batches, restarts and clocks; and within the
window the outcome does not depend on the order in which spans arrive. Not guaranteed: anything about what comes
later than the window reaches (it counts for itself, see ``Attribution.lost``); that a ring of parent links looks
the same from wherever it is closed; that rule 4 sees more than 512 calls of one process and model a second, or
counts a framework's call without an id that an instrumentor of the same process missed while it saw another one, of
the same model, begin and end inside, or stream at the moment of its first token.
"""

from spanpulse_stream.usage._attribute import Attribution, attribute_usage, drop_duplicate_logs
from spanpulse_stream.usage._corrections import Corrections
from spanpulse_stream.usage._decided import Decided
from spanpulse_stream.usage._digest import SHORT_ID, SHORT_NUMBER
from spanpulse_stream.usage._late import settle_late, targets_of
from spanpulse_stream.usage._memory import CONTEXT_FIELDS, REASONS
from spanpulse_stream.usage._seen import RECORD_DECISION, SEEN_SCHEMA, read_words
from spanpulse_stream.usage._state import PartitionState
from spanpulse_stream.usage._union import UnionFold, UnionRows, warm_up_union
from spanpulse_stream.usage._warm import warm_up

__all__ = [
    "CONTEXT_FIELDS",
    "REASONS",
    "RECORD_DECISION",
    "SEEN_SCHEMA",
    "SHORT_ID",
    "SHORT_NUMBER",
    "Attribution",
    "Corrections",
    "Decided",
    "PartitionState",
    "UnionFold",
    "UnionRows",
    "attribute_usage",
    "drop_duplicate_logs",
    "read_words",
    "settle_late",
    "targets_of",
    "warm_up",
    "warm_up_union",
]
