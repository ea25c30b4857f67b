"""Guardrails in line: checks of what goes into a call of a model and of what comes out, and what is done about it.

A call passes through here in this order: `_guard` takes it, `_passage` finds its texts (`_arguments`, `_texts`), shows
them to the checks (`_examine`) and does what the rules say (`_mask`, `_rewrite`); a stream goes through `_streams` and
`_passing` instead; `_telling` puts what the checks said on a span.
"""

from spanpulse._guard._finding import Finding, GuardBlocked, Span
from spanpulse._guard._guard import Guard, guard

__all__ = ["Finding", "Guard", "GuardBlocked", "Span", "guard"]
