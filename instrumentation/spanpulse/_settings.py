"""What an application may set, read from `SPANPULSE_*` and OpenTelemetry's own `OTEL_*` variables.

Each field of `Settings` is the variable `SPANPULSE_` and its name in capitals; where OpenTelemetry has a variable for
the same, that one counts when ours is absent. Guarantee: a variable that cannot be read is named in one warning and
its default is used, as OpenTelemetry asks for; what is given to a function and cannot be used raises instead. Secrets
are in no repr.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from spanpulse._log import say_once

__all__ = ["Settings"]

PREFIX: Final = "SPANPULSE_"
YES, NO = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}
MIB: Final = 1 << 20


def _setting(
    default: Any, what: str, *otel: str, choices: tuple[str, ...] = (), secret: bool = False, words: bool = False
) -> Any:
    told = {"what": what, "otel": otel, "choices": choices, "secret": secret, "words": words}
    return field(default=default, repr=not secret, metadata=told)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that may be set; times are seconds, sizes bytes. Raises ValueError for a value that cannot be used."""

    disabled: bool = _setting(False, "do nothing at all", "OTEL_SDK_DISABLED")
    exporter: str = _setting("", "where spans go; else by what else is set", choices=("", "otlp", "kafka", "none"))
    endpoint: str = _setting(
        "",
        "base address of OTLP, such as `https://spanpulse.example.org:4318`",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    )
    protocol: str = _setting(
        "http/protobuf",
        "OTLP over HTTP or gRPC",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        choices=("http/protobuf", "grpc"),
    )
    api_key: str = _setting("", "key of the receiver, sent as `authorization: Bearer`", secret=True)
    headers: str = _setting(
        "",
        "further headers, `name=value,name=value`, values URL-encoded",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        "OTEL_EXPORTER_OTLP_HEADERS",
        secret=True,
    )
    compression: str = _setting("gzip", "of what is sent", "OTEL_EXPORTER_OTLP_COMPRESSION", choices=("gzip", "none"))
    certificate: str = _setting(
        "", "file of the CA that the receiver (OTLP or Kafka) is checked by", "OTEL_EXPORTER_OTLP_CERTIFICATE"
    )
    client_certificate: str = _setting("", "own certificate", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")
    client_key: str = _setting("", "key of the own certificate", "OTEL_EXPORTER_OTLP_CLIENT_KEY")
    timeout: float = _setting(10.0, "of one attempt to send, s")
    kafka_brokers: str = _setting("", "`host:port,host:port`")
    kafka_topic: str = _setting("spanpulse.otlp", "topic of spans and events")
    kafka_security_protocol: str = _setting(
        "PLAINTEXT", "how brokers are spoken to", choices=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    )
    kafka_sasl_mechanism: str = _setting(
        "PLAIN", "how a user is shown to be one", choices=("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
    )
    kafka_sasl_username: str = _setting("", "user of Kafka")
    kafka_sasl_password: str = _setting("", "password of that user", secret=True)
    service_name: str = _setting("", "`service.name` of the application", "OTEL_SERVICE_NAME")
    environment: str = _setting("", "`deployment.environment.name`, such as `production`")
    send_content: str = _setting("masked", "what becomes of texts", choices=("masked", "full", "off"))
    content_length: int = _setting(16_384, "longest text that leaves, characters")
    mask_patterns: tuple[str, ...] = _setting((), "own patterns to mask: one regular expression, or a JSON list")
    flush_every: float = _setting(0.25, "how long a batch waits for more, s (at most 0.5)")
    queue_bytes: int = _setting(64 * MIB, "bound of what waits in memory to be sent, bytes")
    spill_dir: str = _setting("", "folder for what the memory cannot hold; without it that is dropped and counted")
    spill_bytes: int = _setting(256 * MIB, "bound of that folder, bytes")
    exit_timeout: float = _setting(5.0, "how long the end of the process waits for what is not sent yet, s")
    skip: tuple[str, ...] = _setting((), "clients left alone: openai, anthropic, google-genai, litellm", words=True)
    threads: bool = _setting(True, "threads begin in the context of the code that starts them")
    baggage: bool = _setting(False, "send the context (user, session, prompt, ...) to other services as baggage")
    experiments: str = _setting("", "file or HTTP address of weights that replace those in the code")
    experiments_every: float = _setting(60.0, "how often they are read again, s")

    def __post_init__(self) -> None:
        """Check values."""
        for each in fields(self):
            value, choices = getattr(self, each.name), each.metadata["choices"]
            if choices and value not in choices:
                raise ValueError(f"{each.name} is {value!r}; it may be {', '.join(map(repr, filter(None, choices)))}")
            if isinstance(value, int | float) and not isinstance(value, bool) and not value > 0:
                raise ValueError(f"{each.name} is {value}; it must be above 0")
        object.__setattr__(self, "flush_every", min(self.flush_every, 0.5))  # alerts depend on it

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ, **given: Any) -> "Settings":
        """Return the settings of an environment; ``given`` ones, where not None, come first.

        Raises ValueError for a given one that cannot be used, TypeError for one that does not exist.
        """
        found = cls()
        for each in fields(cls):
            variable, text = _find(each.name, each.metadata["otel"], environ)
            if not variable:
                continue
            try:
                found = replace(found, **{each.name: _read(text, each.default, words=each.metadata["words"])})
            except ValueError as error:
                say_once(f"{variable} is ignored: {'it cannot be read' if each.metadata['secret'] else error}")
        given = {name: value for name, value in given.items() if value is not None}
        return replace(_with_conventions(found, environ), **given)

    @property
    def sends(self) -> str:
        """Where spans go: `otlp`, `kafka` or `none`; `""` where nothing says so."""
        return self.exporter or ("kafka" if self.kafka_brokers else "otlp" if self.endpoint else "")

    def says_where(self, environ: Mapping[str, str] = os.environ) -> bool:
        """Tell whether it is ours to send: an address of OpenTelemetry's variables is its exporters' too."""
        otel = [environ.get(name) for name in self.__dataclass_fields__["endpoint"].metadata["otel"]]
        return self.sends in {"kafka", "none"} or bool(self.exporter) or self.endpoint not in {"", *otel}


def _with_conventions(found: Settings, environ: Mapping[str, str]) -> Settings:
    """Add what OpenTelemetry's variables say in other words than ours."""
    says = environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "").lower()
    if says in {"false", "no_content"} and PREFIX + "SEND_CONTENT" not in environ:
        return replace(found, send_content="off")
    return found


def _find(name: str, otel: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, str]:
    for variable in (PREFIX + name.upper(), *otel):
        if text := environ.get(variable, "").strip():
            return variable, text
    return "", ""


def _read(text: str, default: Any, *, words: bool) -> Any:
    """Return the value of a variable, of the type of the default. Raises ValueError for what has none."""
    if isinstance(default, bool):
        if text.lower() not in YES | NO:
            raise ValueError(f"{text!r} is neither true nor false")
        return text.lower() in YES
    if isinstance(default, int | float):
        return type(default)(text)
    if isinstance(default, str):
        return text
    if words:
        return tuple(word.strip() for word in text.split(",") if word.strip())
    return _patterns(text)


def _patterns(text: str) -> tuple[str, ...]:
    """Return the texts of a JSON list; a text that is none is one pattern, which may begin with a bracket too."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return tuple(map(str, found)) if isinstance(found, list) else (text,)
