"""What is not there of a trace: whether all of its spans are here, and what is not in its cost.

Completeness goes by what spans say of their parents, judged 30 s after the end of the root, as the spans of a
process are exported in batches. Not guaranteed: leaves that were lost, as nothing names them; the completeness box
knows what was accepted and not stored.
"""

from spanpulse_dashboards.traces._models import Completeness

__all__ = ["SETTLED_AFTER_NS", "cost_reason", "judge"]

SETTLED_AFTER_NS = 30 * 10**9


def judge(*, root: bool, missing: int, end_ns: int, now_ns: int) -> Completeness:
    """Return the verdict; ``end_ns`` is the end of the root, or of the latest span where there is none, ns."""
    if root and not missing:
        if now_ns - end_ns >= SETTLED_AFTER_NS:
            return _verdict("complete", "the root and every parent have arrived", root, missing)
        return _verdict(
            "arriving", "the root has arrived; spans are waited for until 30 s after its end", root, missing
        )
    if now_ns - end_ns < SETTLED_AFTER_NS:
        return _verdict("arriving", f"still arriving: {_lacks(root, missing)}", root, missing)
    return _verdict("incomplete", f"incomplete: {_lacks(root, missing)}", root, missing)


def cost_reason(calls: int, unpriced: int, without_usage: int) -> str | None:
    """Return what is not in the cost of some counted calls, None where nothing is missing."""
    if not calls:
        return "no model call"
    pairs = ((unpriced, "without a known price"), (without_usage, "without token counts"))
    parts = [f"{count} of {calls} call{'s' if calls > 1 else ''} {what}" for count, what in pairs if count]
    return "; ".join(parts) or None


def _lacks(root: bool, missing: int) -> str:
    parents = f"{missing} parent{'s' if missing != 1 else ''} missing"
    if root:
        return parents
    return f"no root, {parents}" if missing else "no root"


def _verdict(state: str, detail: str, root: bool, missing: int) -> Completeness:
    return Completeness.model_validate({"state": state, "detail": detail, "root": root, "missing_parents": missing})
