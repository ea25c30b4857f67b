"""How clients of Kafka reach their brokers: addresses, TLS and SASL, as aiokafka takes them.

Secrets are handed on and never put in a message. Files are read here, so that a wrong one fails before anything starts.
"""

import ssl
from pathlib import Path
from typing import Any

from spanpulse_stream.settings import Settings

__all__ = ["KafkaMisconfigured", "connection", "tls_context"]


class KafkaMisconfigured(ValueError):  # noqa: N818 -- reads as what it is
    """The settings of Kafka cannot be used; the message names the setting."""


def connection(settings: Settings, client: str) -> dict[str, Any]:
    """Return the keyword arguments that every client of aiokafka takes; ``client`` names it to the brokers.

    Raises KafkaMisconfigured without brokers, or where a file of a certificate cannot be read.
    """
    if not settings.kafka_brokers:
        raise KafkaMisconfigured("kafka_brokers is not set: name the brokers as host:port (SPANPULSE_KAFKA_BROKERS)")
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.kafka_brokers),
        "client_id": client,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = tls_context(settings)
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = password.get_secret_value() if password else None
    return options


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Return the context for TLS to brokers, with their names checked. Raises KafkaMisconfigured."""
    context = ssl.create_default_context()
    if settings.kafka_ssl_ca is not None:
        context = ssl.create_default_context(cafile=_readable("kafka_ssl_ca", settings.kafka_ssl_ca))
    if settings.kafka_ssl_certificate is not None and settings.kafka_ssl_key is not None:
        certificate = _readable("kafka_ssl_certificate", settings.kafka_ssl_certificate)
        key = _readable("kafka_ssl_key", settings.kafka_ssl_key)
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (ssl.SSLError, OSError) as error:
            raise KafkaMisconfigured(f"kafka_ssl_certificate and kafka_ssl_key cannot be used: {error}") from None
    return context


def _readable(setting: str, path: Path) -> str:
    try:
        path.read_bytes()
    except OSError as error:
        raise KafkaMisconfigured(f"{setting}: {path}: {error.strerror}") from None
    return str(path)


def _no_password() -> str:
    """Raise for a key with a password: otherwise OpenSSL asks for it on the terminal, and a service hangs."""
    raise KafkaMisconfigured("kafka_ssl_key has a password: give one without")
