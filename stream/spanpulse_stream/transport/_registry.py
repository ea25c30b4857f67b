"""Which open log a broker URL means.

Faust knows a broker by its URL alone, so a log that this process has open is registered under an id, and the
driver finds it by the URL. The registry holds a log until it is unregistered; it neither opens nor closes one.
"""

from itertools import count
from typing import Final

from spanpulse_stream.log import LocalLog

__all__ = ["SCHEME", "log_of", "register_log", "unregister_log"]

SCHEME: Final = "spanpulse-log"

_ids = count(1)
_logs: dict[str, LocalLog] = {}


def register_log(log: LocalLog) -> str:
    """Return the broker URL of an open log, for `make_app`."""
    name = f"log-{next(_ids)}"
    _logs[name] = log
    return f"{SCHEME}://{name}"


def unregister_log(log: LocalLog) -> None:
    """Forget a log; the apps that use it must have stopped. Unknown ones are ignored."""
    for name in [name for name, known in _logs.items() if known is log]:
        del _logs[name]


def log_of(url: str) -> LocalLog:
    """Return the log of a URL. Raises LookupError for one that is not registered."""
    try:
        return _logs[_name(url)]
    except KeyError:
        raise LookupError(f"no open log is registered as {url!r}") from None


def _name(url: str) -> str:
    return url.removeprefix(f"{SCHEME}://")
