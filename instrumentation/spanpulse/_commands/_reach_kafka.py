"""Whether a broker of Kafka can be reached, with the user and the certificates of the settings."""

import asyncio

from spanpulse._commands._step import Step, failed, fine
from spanpulse._settings import Settings

__all__ = ["check_brokers"]


def check_brokers(settings: Settings) -> Step:
    """Ask all brokers at once until one answers."""
    from spanpulse._export._kafka import MissingExtra, require_aiokafka  # noqa: PLC0415
    from spanpulse._export._kafka_brokers import BrokersAway, answering  # noqa: PLC0415

    try:
        require_aiokafka()
        return fine("connection", f"{asyncio.run(answering(settings))} answers")
    except MissingExtra as error:
        return failed("connection", str(error), "install the extra")
    except BrokersAway as error:
        hint = "correct what is in brackets" if "(" in str(error) else "correct SPANPULSE_KAFKA_BROKERS (host:port,...)"
        return failed("connection", str(error), f"{hint}, or start the broker")
