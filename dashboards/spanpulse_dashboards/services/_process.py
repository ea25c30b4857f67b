"""The process behind the page: what became of the data, whether something is new, who answers."""

from typing import Literal

from spanpulse_dashboards._backend import ARRIVING_S, Backend
from spanpulse_dashboards._period import PRESETS
from spanpulse_dashboards._scope import FILTERS, Scope
from spanpulse_dashboards._state import Completeness, Counts, Live, Server, Trouble
from spanpulse_dashboards.services._dead_letters import dead_letters

__all__ = ["completeness", "live", "server"]

LAG_UNKNOWN = "lag_unknown"  # a warning, for the process serves; but nobody can call complete what may wait
Verdict = Literal["complete", "unreadable", "arriving", "troubled", "incomplete"]


async def completeness(backend: Backend) -> Completeness:
    """Return the completeness box, at most some seconds old. Raises QueryFailed."""
    status = await backend.status()
    found = status["completeness"]
    lag, disk = status["lag"], status["disk"]
    counts = Counts(
        offered=found["accepted"] + found["refused_since_start"],
        refused=found["refused_since_start"],
        **{name: found[name] for name in Counts.model_fields if name in found},
    )
    letters = await dead_letters(backend) if counts.dead_lettered else []
    trouble = [*status["reasons"], *(each for each in status.get("warnings", ()) if each["reason"] == LAG_UNKNOWN)]
    return Completeness(
        verdict=_verdict(counts, lag["oldest_seconds"], trouble=bool(trouble), unreadable=bool(letters)),
        ready=status["ready"],
        trouble=[Trouble(reason=each["reason"], detail=each["detail"]) for each in trouble],
        counts=counts,
        dead_letters=letters,
        refused_requests=status["refused_requests_since_start"],
        lag_seconds=lag["oldest_seconds"],
        lag_bytes=lag["bytes"],
        accepted_per_second=status["rates"]["accepted_per_second"],
        requests_beyond_cap=status["requests_beyond_cap"],
        disk_free_bytes=disk["free_bytes"],
        database_bytes=disk["database_bytes"],
        log_bytes=disk["log_bytes"],
        uptime_seconds=status["uptime_seconds"],
    )


def live(backend: Backend, scope: Scope) -> Live:
    """Return whether asking again would give something else. Asks the database nothing."""
    window = backend.window(scope)
    lag = backend.lag()
    return Live(
        version=backend.version_of(window),
        next_seconds=backend.freshness.next_s(backend.length(window)),
        time=backend.now(),
        still_arriving=lag.seconds > ARRIVING_S,
        lag_seconds=lag.seconds,
        lag_records=lag.records,
    )


def server(backend: Backend) -> Server:
    """Return who answers."""
    return Server(version=backend.version, time=backend.now(), presets=list(PRESETS), filters=list(FILTERS))


def _verdict(counts: Counts, lag_s: float, *, trouble: bool, unreadable: bool) -> Verdict:
    if counts.unaccounted:
        return "incomplete"
    if trouble:
        return "troubled"
    if lag_s > ARRIVING_S:
        return "arriving"
    return "unreadable" if unreadable else "complete"
