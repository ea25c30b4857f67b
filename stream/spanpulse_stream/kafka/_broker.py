"""Wait until a broker answers, and say why one does not.

A broker that is away is waited for; one that refuses this client for good (wrong credentials, a certificate that is not
accepted) is not: waiting would only hide it. Not guaranteed: that the broker which answered still does a moment later,
or that this client may use topics.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from spanpulse_stream.kafka._connection import KafkaMisconfigured, connection
from spanpulse_stream.kafka._failures import KafkaAway
from spanpulse_stream.settings import Settings

__all__ = ["reaching", "wait_for_brokers"]

ATTEMPT_S = 5.0
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 3.0
SAID_EVERY_S, SAID_AT_LEAST_EVERY_S = 10.0, 600.0


async def wait_for_brokers(settings: Settings, said: Callable[[str], None], *, patience_s: float | None = None) -> None:
    """Return when a broker answers.

    ``said`` hears at once that none does, then at growing intervals, and that one did in the end. None: for ever.
    Raises KafkaAway after ``patience_s`` seconds, KafkaMisconfigured at once where waiting cannot help.
    """
    begun = time.monotonic()
    wait, gap, say_at = FIRST_WAIT_S, SAID_EVERY_S, begun
    while (found := await _find(settings)).answering is None:
        now = time.monotonic()
        if patience_s is not None and now - begun >= patience_s:
            raise KafkaAway(f"Kafka did not answer within {now - begun:.0f} s at {found.reason}")
        if now >= say_at:
            said(f"Kafka does not answer, waiting for it: {found.reason}")
            say_at, gap = now + gap, min(2 * gap, SAID_AT_LEAST_EVERY_S)
        left = LONGEST_WAIT_S if patience_s is None else max(0.0, begun + patience_s - now)
        await asyncio.sleep(min(wait * random.uniform(0.5, 1.5), left))  # noqa: S311 -- spreads load
        wait = min(2 * wait, LONGEST_WAIT_S)
    if say_at > begun:
        said(f"Kafka answers after {time.monotonic() - begun:.0f} s")


async def reaching(settings: Settings, client: str) -> dict[str, Any]:
    """Return what `connection` does, with one address, whose broker answers now.

    For clients that live for a moment: given several addresses they try one after the other, in any order, and one
    that is silent costs a whole timeout. Raises KafkaAway, or KafkaMisconfigured where brokers refuse this client.
    """
    options = connection(settings, client)
    found = await _find(settings)
    if found.answering is None:
        raise KafkaAway(f"Kafka does not answer: {found.reason}")
    return {**options, "bootstrap_servers": [found.answering]}


@dataclass(slots=True)
class _Found:
    """Which broker answered, or each one's address and reason."""

    answering: str | None = None
    reason: str = ""


async def _find(settings: Settings) -> _Found:
    """Ask all brokers at once until one answers. Raises KafkaMisconfigured where none does and one refuses for good."""
    options = connection(settings, "spanpulse-waits")
    asked = {asyncio.create_task(_ask_one(address, options)): address for address in options.pop("bootstrap_servers")}
    failed: dict[str, Exception] = {}
    try:
        while len(failed) < len(asked):
            waiting = [task for task, address in asked.items() if address not in failed]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (error := _failure(task)) is None:
                    return _Found(answering=asked[task])
                failed[asked[task]] = error
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    for address, error in failed.items():
        _refuse_for_good(settings, address, error)
    return _Found(reason=", ".join(f"{address} ({_reason(error)})" for address, error in failed.items()))


def _failure(task: "asyncio.Task[None]") -> Exception | None:
    """Return why a broker did not answer. Raises what is no failure of a broker."""
    try:
        task.result()
    except (OSError, KafkaError) as error:  # TimeoutError is one
        return error
    return None


async def _ask_one(address: str, options: dict[str, Any]) -> None:
    """Connect and ask for the brokers: a listener that wants SASL takes a connection without, and then hangs up."""
    ((host, port, _),) = collect_hosts(address)
    async with asyncio.timeout(2 * ATTEMPT_S):
        opened = await create_conn(host, port, request_timeout_ms=int(ATTEMPT_S * 1000), **options)
        try:
            await opened.send(MetadataRequest([]))
        finally:
            opened.close()


def _refuse_for_good(settings: Settings, address: str, error: BaseException) -> None:
    """Raise KafkaMisconfigured where the broker will say the same tomorrow."""
    protocol, mechanism = settings.kafka_security_protocol, settings.kafka_sasl_mechanism
    tls = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(error, SaslAuthenticationFailed):
        raise KafkaMisconfigured(
            f"kafka_sasl_username and kafka_sasl_password: {address} refuses them ({mechanism})"
        ) from None
    if isinstance(error, UnsupportedSaslMechanismError):
        raise KafkaMisconfigured(f"kafka_sasl_mechanism: {address} does not know {mechanism}") from None
    if isinstance(error, IllegalSaslStateError):
        raise KafkaMisconfigured(f"kafka_security_protocol: {address} asks for no user, {protocol} has one") from None
    if isinstance(tls, ssl.SSLCertVerificationError):
        raise KafkaMisconfigured(
            f"kafka_ssl_ca: the certificate of {address} is not accepted: {tls.verify_message}"
        ) from None
    if isinstance(tls, ssl.SSLError) and not isinstance(tls, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        reason = tls.reason or str(tls)
        if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
            raise KafkaMisconfigured(
                f"kafka_ssl_certificate and kafka_ssl_key: {address} wants a certificate that it trusts ({reason})"
            ) from None
        raise KafkaMisconfigured(f"kafka_security_protocol {protocol}: TLS with {address} fails: {reason}") from None


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, KafkaError | ConnectionResetError):
        return "it hangs up: is kafka_security_protocol right?"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
