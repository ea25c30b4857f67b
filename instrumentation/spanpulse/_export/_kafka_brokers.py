"""Brokers of Kafka: how they are reached, which one answers, and why none does.

Guarantee: all brokers are asked at once, so that a silent one costs nothing while another answers; secrets are in no
message. Not guaranteed: that the broker which answered still does a moment later, or that this client may write.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Any, Final

from spanpulse._settings import Settings

__all__ = ["CLIENT", "BrokersAway", "answering", "connection"]

CLIENT: Final = "spanpulse"
SHORTEST_S: Final = 0.5


class BrokersAway(Exception):  # noqa: N818 -- named by what is so
    """No broker takes this client; the message says each one's reason."""


def connection(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments that clients of aiokafka take. Raises BrokersAway for certificates without use."""
    options: dict[str, Any] = {
        "client_id": CLIENT,
        "request_timeout_ms": round(1000 * max(SHORTEST_S, settings.timeout / 2)),
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = _tls(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = settings.kafka_sasl_password
    return options


async def answering(settings: Settings) -> str:
    """Return the address of a broker that takes this client. Raises BrokersAway."""
    options = connection(settings)
    addresses = [each.strip() for each in settings.kafka_brokers.split(",") if each.strip()]
    asked = {asyncio.create_task(_ask(address, options)): address for address in addresses}
    reasons: list[str] = []
    try:
        waiting = set(asked)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (error := _failure(task)) is None:
                    return asked[task]
                reasons.append(f"{asked[task]}: {_reason(error, settings)}")
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    raise BrokersAway("; ".join(sorted(reasons)) or "no brokers are set (SPANPULSE_KAFKA_BROKERS)")


async def _ask(address: str, options: dict[str, Any]) -> None:
    from aiokafka.conn import collect_hosts, create_conn  # noqa: PLC0415 -- an extra, and slow to import

    ((host, port, _),) = collect_hosts(address)
    async with asyncio.timeout(options["request_timeout_ms"] / 1000):
        (await create_conn(host, port, **options)).close()


def _failure(task: "asyncio.Task[None]") -> BaseException | None:
    """Return why a broker does not answer; aiokafka lets cancellations of its own through."""
    return ConnectionResetError() if task.cancelled() else task.exception()


def _reason(error: BaseException, settings: Settings) -> str:
    from aiokafka.errors import (  # noqa: PLC0415 -- an extra, and slow to import
        IllegalSaslStateError,
        KafkaError,
        SaslAuthenticationFailed,
        UnsupportedSaslMechanismError,
    )

    tls = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(error, SaslAuthenticationFailed):
        return "the user or the password of Kafka is refused (kafka_sasl_username, kafka_sasl_password)"
    if isinstance(error, UnsupportedSaslMechanismError):
        return f"{settings.kafka_sasl_mechanism} is not enabled there (kafka_sasl_mechanism)"
    if isinstance(error, IllegalSaslStateError):
        return "it asks for no user (kafka_security_protocol)"
    if isinstance(tls, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted (certificate): {tls.verify_message}"
    if isinstance(tls, ssl.SSLError):
        return f"TLS fails (kafka_security_protocol, certificate, client_certificate): {tls.reason or tls}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, KafkaError | ConnectionResetError):
        return "it hangs up (kafka_security_protocol)"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__


def _tls(settings: Settings) -> ssl.SSLContext:
    """Return the context for TLS to brokers, with their names checked. Raises BrokersAway."""
    try:
        context = ssl.create_default_context(cafile=_readable(settings.certificate))
        if own := _readable(settings.client_certificate):
            context.load_cert_chain(own, _readable(settings.client_key), password=_no_password)
    except (OSError, ValueError) as error:  # those of TLS are OSErrors
        raise BrokersAway(f"a certificate cannot be used: {error}") from None
    return context


def _readable(file: str) -> str | None:
    """Return a file's name once it is read, None for none. Raises OSError, which names it; OpenSSL's does not."""
    if file:
        Path(file).read_bytes()
    return file or None


def _no_password() -> str:
    """Raise for a key with a password: otherwise OpenSSL asks for it on the terminal."""
    raise ValueError("client_key has a password: give one without")
