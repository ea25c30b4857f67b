"""Faust over the local log and over Kafka: drivers, apps on them, and claims in them.

app = make_app(register_log(log))          app = make_kafka_app(settings)
claims = LogClaims(log)                    claims = KafkaClaims(app)
... declare agents on app.topic(TOPIC, value_type=bytes) ...
await app.start()
error = await failed(app)
await app.stop()
unregister_log(log)

CommitGaveUp    Kafka took no commit for as long as is waited for; start again
ClaimTooLarge   a claim names more than Kafka keeps with an offset
"""

from spanpulse_stream.transport._app import failed, make_app
from spanpulse_stream.transport._claims import LogClaims
from spanpulse_stream.transport._driver import Transport
from spanpulse_stream.transport._registry import register_log, unregister_log
from spanpulse_stream.transport.kafka import ClaimTooLarge, CommitGaveUp, KafkaClaims, make_kafka_app

__all__ = [
    "ClaimTooLarge",
    "CommitGaveUp",
    "KafkaClaims",
    "LogClaims",
    "Transport",
    "failed",
    "make_app",
    "make_kafka_app",
    "register_log",
    "unregister_log",
]
