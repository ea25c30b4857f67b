"""`spanpulse gateway`: OTLP in, messages of Kafka out, answered once Kafka has them.

It keeps nothing but the API keys that it knew last: any number run side by side. Not guaranteed: that a request which
was answered 503 left nothing in Kafka; it is sent again, and the workers drop what they have seen.
"""

import asyncio
import time
from typing import ClassVar

from spanpulse_stream.cluster._follow_keys import KeysFollowing
from spanpulse_stream.cluster._process import ClusterProcess
from spanpulse_stream.gateway import GrpcServer, HttpServer, OtlpApp, OtlpOptions, Receiver, ServerTls
from spanpulse_stream.kafka import KafkaLog

__all__ = ["GatewayProcess"]


class GatewayProcess(ClusterProcess):
    """The receiver in front of Kafka."""

    name: ClassVar[str] = "gateway"

    async def begin(self) -> None:
        """Bind all ports, then connect; until Kafka answers and keys are known, requests are told to come again.

        Raises InvalidKey, BindingRefused, TlsMisconfigured, KafkaMisconfigured, SinkError, CannotListen or OSError.
        """
        settings = self.settings
        follows = settings.clickhouse_url is not None
        options, tls = OtlpOptions.from_settings(settings, keys_follow=follows), ServerTls.from_settings(settings)
        log = KafkaLog(settings, self.metrics, self.health)
        receiver = Receiver(log, options, self.metrics, self.health)
        self.stack.callback(receiver.close)
        await self.serve_web()
        await log.start()
        self.stack.push_async_callback(log.aclose)
        http = HttpServer(
            OtlpApp(receiver),
            host=settings.host,
            port=settings.otlp_http,
            setting="otlp_http",
            limits=options.limits,
            on_refused=receiver.refused,
            tls=tls,
        )
        await self.serve("otlp_http", http)
        await self.serve("otlp_grpc", GrpcServer(receiver, host=settings.host, port=settings.otlp_grpc, tls=tls))
        if follows:
            await self._follow_keys(receiver)
        receiver.serve()
        self.stack.callback(receiver.stop)

    async def _follow_keys(self, receiver: Receiver) -> None:
        """Look for the keys that are shared, now and then again. Raises SinkError."""
        following = KeysFollowing(
            self.settings, receiver.options.keys, receiver.use_keys, self.metrics, self.health, time.monotonic
        )
        self.stack.push_async_callback(asyncio.to_thread, following.close)
        await following.begin()
        self.keep(following.run())
