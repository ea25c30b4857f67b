"""Whether all of a trace is here, by what its spans say of their parents.

Judged 30 s after the end of the root, as the spans of a process are exported in batches. Not guaranteed: leaves that
were lost, as nothing names them; the completeness box knows what was accepted and not stored.
"""

from spanpulse_dashboards.traces._models import Completeness

__all__ = ["SETTLED_AFTER_NS", "judge"]

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


def _lacks(root: bool, missing: int) -> str:
    parents = f"{missing} parent{'s' if missing != 1 else ''} missing"
    if root:
        return parents
    return f"no root, {parents}" if missing else "no root"


def _verdict(state: str, detail: str, root: bool, missing: int) -> Completeness:
    return Completeness.model_validate({"state": state, "detail": detail, "root": root, "missing_parents": missing})
