"""What a process of this environment would do: settings, clients that are watched, texts that leave, and where to.

Guarantee: each client is tried as an application would have it, by importing and watching it, and left as it was; no
secret is told. Not guaranteed: what an application says in `spanpulse.instrument(...)`; it comes before all this.
"""

import difflib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from spanpulse._commands._step import Step, failed, fine, noted
from spanpulse._log import LOG
from spanpulse._settings import PREFIX, Settings

__all__ = ["check_clients", "check_content", "check_destination", "check_sampling", "check_settings", "check_spill"]

INSTRUMENTORS: Final = "opentelemetry_instrumentor"  # the group of entry points
ALIKE: Final = 0.93
SERVERS: Final = {"SPANPULSE_API_KEYS", "SPANPULSE_QUOTA_BYTES"}  # like settings of ours, and none
CONTENT: Final = {
    "masked": "leave masked: keys, addresses, card, account and phone numbers are replaced",
    "full": "leave as they are, keys and addresses in them too",
    "off": "do not leave: spans have names, models, tokens and times alone",
}


def check_settings(given: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> tuple[Step, Settings | None]:
    """Read settings; None where they cannot be used, or where nothing is to be done."""
    with _warnings() as warnings:
        try:
            settings = Settings.read(environ, **given)
        except ValueError as error:
            return failed("settings", str(error), "give it another value"), None
    warnings += _misspelt(environ)
    names = sorted(_set_by(environ) | {name for name, value in given.items() if value is not None})
    if settings.disabled:
        said = "SPANPULSE_DISABLED or OTEL_SDK_DISABLED is set"
        return failed("settings", said, "unset it, or nothing is instrumented"), None
    if warnings:
        return failed("settings", "; ".join(warnings), "correct the variable"), settings
    return fine("settings", ", ".join(names) or "none is set, all have their defaults"), settings


def check_clients(settings: Settings) -> list[Step]:
    """Watch each client that is installed, and leave it as it was."""
    from spanpulse._clients import CLIENTS, unknown_clients  # noqa: PLC0415 -- not for `spanpulse --help`

    others = _other_instrumentors()
    found = [
        _client(name, version(name), module, adapter, settings, [each for each in others if _is_for(each, name)])
        for name, (module, adapter) in CLIENTS.items()
        if _is_installed(name)
    ]
    if unknown := unknown_clients(settings.skip):
        found.insert(0, noted("skip", f"SPANPULSE_SKIP names {unknown}", "correct the variable"))
    none = f"none of {', '.join(CLIENTS)} is installed here"
    return found or [noted("clients", none, "run this where the application runs, in its environment")]


def check_content(settings: Settings) -> Step:
    """Tell what becomes of texts."""
    length = "" if settings.send_content == "off" else f"; at most {settings.content_length:,} characters of each"
    patterns = f"; {len(settings.mask_patterns)} patterns of your own" if settings.mask_patterns else ""
    return fine("content", f"texts {CONTENT[settings.send_content]}{length}{patterns}")


def check_spill(settings: Settings) -> list[Step]:
    """Tell whether the folder for what memory cannot hold takes files; nothing where there is to be none."""
    if not settings.spill_dir:
        return []
    folder = Path(settings.spill_dir)
    there = next(each for each in (folder, *folder.absolute().parents) if os.path.exists(each))  # noqa: PTH110 -- never raises
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return [failed("spill", f"no files can be written to {folder}", "correct SPANPULSE_SPILL_DIR, or its rights")]
    return [fine("spill", f"{folder} takes what memory cannot hold, {settings.spill_bytes:,} bytes at most")]


def check_sampling(environ: Mapping[str, str] = os.environ) -> list[Step]:
    """Tell of a sampler that keeps not all; nothing where all are kept."""
    name, share = (environ.get(f"OTEL_TRACES_SAMPLER{end}", "").strip().lower() for end in ("", "_ARG"))
    if name == "always_off":
        return [failed("sampling", "OTEL_TRACES_SAMPLER is always_off: nothing is sent", "unset it")]
    if name.endswith(("always_off", "traceidratio")):
        of = f" of {share or 'all'}" if name.endswith("ratio") else ""
        return [noted("sampling", f"OTEL_TRACES_SAMPLER is {name}{of}: spans of what it does not keep are not sent")]
    return []


def check_destination(settings: Settings) -> Step:
    """Tell where spans go."""
    from spanpulse._export._choose import base_of  # noqa: PLC0415

    if settings.sends == "none":
        return failed("destination", "SPANPULSE_EXPORTER is none: nothing is sent", "set it to otlp or kafka")
    if settings.sends == "kafka":
        if not settings.kafka_brokers:
            return failed("destination", "Kafka without brokers", "set SPANPULSE_KAFKA_BROKERS=host:port,host:port")
        said = f"Kafka at {settings.kafka_brokers}, topic {settings.kafka_topic}, {settings.kafka_security_protocol}"
        return fine("destination", said)
    try:
        base = base_of(settings.endpoint)
    except ValueError as error:
        return failed("destination", str(error), "correct SPANPULSE_ENDPOINT")
    kind = "OTLP over gRPC" if settings.protocol == "grpc" else "OTLP over HTTP"
    key = "with a key" if settings.api_key or settings.headers else "without a key"
    return fine("destination", f"{kind} to {_plain(base)}, {key}")


def _plain(base: str) -> str:
    """Return an address without what it may say of a user."""
    parts = urlsplit(base)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Give the list of what spanpulse warns of meanwhile; it is not logged."""
    found: list[str] = []

    class Taken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            found.append(record.getMessage())
            return False

    taken = Taken()
    LOG.addFilter(taken)
    try:
        yield found
    finally:
        LOG.removeFilter(taken)


def _set_by(environ: Mapping[str, str]) -> set[str]:
    known = {name for each in fields(Settings) for name in (PREFIX + each.name.upper(), *each.metadata["otel"])}
    return known & {name for name, value in environ.items() if value.strip()}


def _misspelt(environ: Mapping[str, str]) -> list[str]:
    """Return variables that are nearly a setting; the others of this prefix are the server's."""
    known = [PREFIX + each.name.upper() for each in fields(Settings)]
    strange = sorted(name for name in environ if name.startswith(PREFIX) and name not in {*known, *SERVERS})
    alike = {name: difflib.get_close_matches(name, known, 1, ALIKE) for name in strange}
    return [f"{name} is no setting: {meant[0]} is" for name, meant in alike.items() if meant]


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _client(name: str, number: str, module: str, adapter: str, settings: Settings, others: list[str]) -> Step:
    step, said = f"client {name}", f"{name} {number}"
    if name in settings.skip:
        return noted(step, f"{said} is left alone, as SPANPULSE_SKIP says")
    try:
        _try_to_watch(module, adapter, settings)
    except Exception as error:  # noqa: BLE001 -- a client of any shape
        return noted(
            step,
            f"{said} cannot be watched ({type(error).__name__}: {error}); it works as without spanpulse",
            "use another version of it, and tell the authors of spanpulse of this one",
        )
    if others:
        said += f" is watched, unless {', '.join(others)} watches it: then spanpulse steps aside"
        return noted(step, said, "use one of them, and the other not at all")
    return fine(step, f"{said} is watched")


def _try_to_watch(module: str, adapter: str, settings: Settings) -> None:
    from spanpulse._state import State  # noqa: PLC0415

    undo = import_module(adapter).watch_client(import_module(module), State(settings, None))
    undo()


def _other_instrumentors() -> list[str]:
    """Return the distributions that bring instrumentors, by the convention of OpenTelemetry."""
    found = {each.dist.name for each in entry_points(group=INSTRUMENTORS) if each.dist is not None}
    return sorted(found)


def _is_for(distribution: str, client: str) -> bool:
    plain = distribution.replace("_", "-")
    return any(plain.endswith(f"instrumentation-{client}{end}") for end in ("", "-v2"))
