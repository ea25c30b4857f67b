"""Faust over Kafka: the driver `spanpulse-kafka`, and claims kept with the committed offsets.

app = make_kafka_app(settings)
claims = KafkaClaims(app)
... as with the local log ...

CommitGaveUp    brokers took no commit for as long as is waited for; start again
ClaimTooLarge   a claim names more than Kafka keeps with an offset
"""

from spanpulse_stream.transport.kafka._app import make_kafka_app
from spanpulse_stream.transport.kafka._claims import KafkaClaims
from spanpulse_stream.transport.kafka._driver import Transport
from spanpulse_stream.transport.kafka._errors import CommitGaveUp
from spanpulse_stream.transport.kafka._metadata import ClaimTooLarge

__all__ = ["ClaimTooLarge", "CommitGaveUp", "KafkaClaims", "Transport", "make_kafka_app"]
