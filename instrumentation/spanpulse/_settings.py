"""What an application may set, read from `SPANPULSE_*` and OpenTelemetry's own `OTEL_*` variables.

Each field of `Settings` is the variable `SPANPULSE_` and its name in capitals; where OpenTelemetry has a variable for
the same, that one counts when ours is absent. Guarantee: a variable that cannot be read is named in one warning and
its default is used, as OpenTelemetry asks for; where it was to say which texts leave, none do. What is given to a
function and cannot be used raises instead. Secrets are in no repr.
"""

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Final

from spanpulse._log import say_once

__all__ = ["LONGEST_S", "Settings"]

PREFIX: Final = "SPANPULSE_"
YES, NO = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}
MIB: Final = 1 << 20
LONGEST_S: Final = 86_400.0  # of a wait: clocks and sockets take no number of seconds that is too large
WHERE: Final = ("exporter", "endpoint", "kafka_brokers")
PRIVATE: Final = {"send_content", "mask_patterns"}  # what somebody tried to say with these has to be no default


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
            value, choices = _of_type(each.name, getattr(self, each.name), each.default), each.metadata["choices"]
            object.__setattr__(self, each.name, value)
            if choices and value not in choices:
                raise ValueError(f"{each.name} is {value!r}; it may be {', '.join(map(repr, filter(None, choices)))}")
            if isinstance(value, int | float) and not isinstance(value, bool) and not 0 < value < math.inf:
                raise ValueError(f"{each.name} is {value}; it must be above 0, and finite")
            if isinstance(each.default, float):
                object.__setattr__(self, each.name, min(value, LONGEST_S))
        for pattern in self.mask_patterns:
            _check_pattern(pattern)
        object.__setattr__(self, "api_key", self.api_key.strip())  # a file that it is read from ends with a line
        if not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ValueError("api_key has characters that no header takes")
        object.__setattr__(self, "flush_every", min(self.flush_every, 0.5))  # alerts depend on it

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ, **given: Any) -> "Settings":
        """Return the settings of an environment; ``given`` ones, where not None, come first.

        Raises ValueError for a given one that cannot be used, TypeError for one that does not exist.
        """
        found, unread = cls(), set[str]()
        for each in fields(cls):
            variable, text = _find(each.name, each.metadata["otel"], environ)
            if not variable:
                continue
            try:
                found = replace(found, **{each.name: _read(text, each)})
            except ValueError as error:
                unread.add(each.name)
                instead = "is unusable, so that no texts leave" if each.name in PRIVATE else "is ignored"
                say_once(f"{variable} {instead}: {'it cannot be read' if each.metadata['secret'] else error}")
        given = {name: value for name, value in given.items() if value is not None}
        if PRIVATE & unread - given.keys():
            given["send_content"] = "off"
        return replace(_with_conventions(found, environ, given), **given)

    @property
    def sends(self) -> str:
        """Where spans go: `otlp`, `kafka` or `none`; `""` where nothing says so."""
        return self.exporter or ("kafka" if self.kafka_brokers else "otlp" if self.endpoint else "")

    def says_where(self, environ: Mapping[str, str] = os.environ) -> bool:
        """Tell whether it is ours to send: an address of OpenTelemetry's variables is its exporters' too."""
        otel = [environ.get(name) for name in self.__dataclass_fields__["endpoint"].metadata["otel"]]
        return self.sends in {"kafka", "none"} or bool(self.exporter) or self.endpoint not in {"", *otel}


def _with_conventions(found: Settings, environ: Mapping[str, str], given: Mapping[str, Any]) -> Settings:
    """Add what OpenTelemetry's variables say in other words than ours."""
    says = environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "").lower()
    if says in {"false", "no_content"} and PREFIX + "SEND_CONTENT" not in environ:
        found = replace(found, send_content="off")
    says_where = any(PREFIX + name.upper() in environ or name in given for name in WHERE)
    if environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none" and not says_where:
        found = replace(found, exporter="none")
    return found


def _find(name: str, otel: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, str]:
    for variable in (PREFIX + name.upper(), *otel):
        if text := environ.get(variable, "").strip():
            return variable, text
    return "", ""


def _read(text: str, setting: "Field[Any]") -> Any:
    """Return the value of a variable, of the type of the default. Raises ValueError for what has none."""
    default = setting.default
    if isinstance(default, bool):
        if text.lower() not in YES | NO:
            raise ValueError(f"{text!r} is neither true nor false")
        return text.lower() in YES
    if isinstance(default, int | float):
        return _number(text, type(default))
    if isinstance(default, str):
        return next((each for each in setting.metadata["choices"] if each.lower() == text.lower()), text)
    if setting.metadata["words"]:
        return tuple(word.strip() for word in text.split(",") if word.strip())
    return _patterns(text)


def _number(text: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{text!r} is no {'whole ' if kind is int else ''}number") from None


def _patterns(text: str) -> tuple[str, ...]:
    """Return the texts of a JSON list; a text that is none is one pattern, which may begin with a bracket too."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return tuple(map(str, found)) if isinstance(found, list) else (text,)


def _of_type(name: str, value: Any, default: Any) -> Any:
    """Return a value, of the type of the default. Raises ValueError for one of another type; it may be a secret."""
    if isinstance(default, tuple) and isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return tuple(value)
    wanted = (int, float) if isinstance(default, float) else type(default)
    if isinstance(default, str) and isinstance(value, os.PathLike):
        value = os.fspath(value)
    is_one = isinstance(value, wanted) and isinstance(value, bool) == isinstance(default, bool)
    if not is_one or isinstance(default, tuple):
        kind = "a list of texts" if isinstance(default, tuple) else f"of type {type(default).__name__}"
        raise ValueError(f"{name} must be {kind}, not {type(value).__name__}")
    return value


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"mask_patterns: {pattern!r} is no regular expression: {error}") from None
