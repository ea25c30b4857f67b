"""What stands in the place of every list and chart while nothing has arrived: how to send the first span."""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from spanpulse_dashboards._backend import Backend
from spanpulse_dashboards._reader import Statement
from spanpulse_dashboards.pages._render import Renderer

__all__ = ["FirstSpan"]

PROCESSED = Statement("SELECT 1 FROM batches LIMIT 1")


class FirstSpan:
    """Knows whether a record was ever processed. ``variables`` point an application at this process."""

    def __init__(self, backend: Backend, renderer: Renderer, variables: Callable[[], Mapping[str, str]]) -> None:
        self._backend = backend
        self._renderer = renderer
        self._variables = variables
        self._seen = False

    async def awaited(self, request: Request, current: str) -> Response | None:
        """Answer with how to send the first span; None: something has arrived. Raises QueryFailed.

        To be asked before anything else is, as answers are kept. ``current`` names the item of the navigation.
        """
        if not self._seen:
            # Not the counts of completeness: those are of the log of today, and a lost one leaves the data here.
            self._seen = bool((await self._backend.reader.rows(PROCESSED)).rows)
        if self._seen:
            return None
        return await self._renderer.page(request, "first.html", current=current, variables=self._variables())
