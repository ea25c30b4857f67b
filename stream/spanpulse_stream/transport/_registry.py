"""Which log or cluster a broker URL means.

Faust knows a broker by its URL alone, and a URL is shown in logs. So what an app is to use (an open log, or how a
cluster is reached, secrets and all) is registered under an id, and the driver finds it by the URL. A registry knows a
thing until it is unregistered, or nobody else holds it; it neither opens nor closes one.
"""

from itertools import count
from typing import Final, Generic, TypeVar
from weakref import WeakValueDictionary

from spanpulse_stream.log import LocalLog

__all__ = ["Registry", "log_of", "register_log", "unregister_log"]

Thing = TypeVar("Thing", bound=object)

_ids = count(1)


class Registry(Generic[Thing]):
    """Things by URL; ``scheme`` is that of the driver, ``what`` names a thing in messages."""

    def __init__(self, scheme: str, what: str) -> None:
        self._scheme = scheme
        self._what = what
        self._things: WeakValueDictionary[str, Thing] = WeakValueDictionary()

    def register(self, thing: Thing) -> str:
        """Return the broker URL of a thing, for `make_app`."""
        url = f"{self._scheme}://{self._what.split()[-1]}-{next(_ids)}"
        self._things[url] = thing
        return url

    def unregister(self, thing: Thing) -> None:
        """Forget a thing; the apps that use it must have stopped. Unknown ones are ignored."""
        for url in [url for url, known in self._things.items() if known is thing]:
            del self._things[url]

    def find(self, url: str) -> Thing:
        """Return the thing of a URL. Raises LookupError for one that is not registered."""
        try:
            return self._things[url]
        except KeyError:
            raise LookupError(f"no {self._what} is registered as {url!r}") from None


_logs: Final[Registry[LocalLog]] = Registry("spanpulse-log", "open log")

register_log = _logs.register
unregister_log = _logs.unregister
log_of = _logs.find
