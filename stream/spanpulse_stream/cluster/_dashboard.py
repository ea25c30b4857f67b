"""`spanpulse dashboard`: the page over a ClickHouse server.

It reads and keeps nothing; any number run side by side. Not guaranteed: counts of what gateways refused, which are
their own metrics.
"""

from typing import ClassVar

from spanpulse_stream.cluster._database import connect_server
from spanpulse_stream.cluster._process import ClusterProcess
from spanpulse_stream.cluster._state import ClusterState
from spanpulse_stream.gateway import check_page_binding
from spanpulse_stream.process import Surroundings, WebPort, exporter_variables

__all__ = ["DashboardProcess"]


class DashboardProcess(ClusterProcess):
    """The page, and what it looks at."""

    name: ClassVar[str] = "dashboard"

    async def begin(self) -> None:
        """Bind the port, connect, load the page.

        Raises BindingRefused, CannotListen, SettingsError, SinkError or ServerUnreachable.
        """
        settings = self.settings
        check_page_binding(settings.web_host, token=settings.web_token is not None)
        web = WebPort(self.monitoring)
        self.stack.push_async_callback(web.close)
        await self.serve_web(web)
        database = await connect_server(settings, self.progress)
        self.stack.callback(database.close)
        state = ClusterState(settings, database, self.health, self.version)
        await state.once()
        self.keep(state.run())
        web.load(
            Surroundings(
                database=database,
                version=self.version,
                status=state.status,
                lag=state.lag,
                changes=lambda: float(state.batches),
                worked=lambda: 0.0,
                exporter_variables=lambda: exporter_variables(
                    f"{settings.host}:{settings.otlp_http}", keys=bool(settings.api_keys)
                ),
                price_archive=settings.data / "prices",
                routes=web.routes,
                token=settings.web_token,
                hosts=(*settings.web_hosts, settings.web_host),
                root_path=settings.web_root_path,
            )
        )
