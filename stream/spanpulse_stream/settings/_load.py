"""Read settings from command line, environment and spanpulse.toml, and remember where each came from.

The order of preference: command line, `SPANPULSE_*` variables, the TOML file, the default. An unknown key or a
bad value anywhere is a `SettingsError` that names it. Secrets are never part of a message.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource

from spanpulse_stream.settings._model import EXPECTED, Settings

__all__ = ["Loaded", "SettingsError", "load_settings"]

PREFIX = "SPANPULSE_"
NOT_SETTINGS = frozenset({"SPANPULSE_CONFIG", "SPANPULSE_REQUIRE"})
OF_APPLICATIONS = frozenset(
    f"SPANPULSE_{name}"
    for name in (
        *("DISABLED", "SKIP", "EXPORTER", "ENDPOINT", "PROTOCOL", "API_KEY", "HEADERS", "COMPRESSION", "TIMEOUT"),
        *("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY", "KAFKA_TOPIC", "SERVICE_NAME", "ENVIRONMENT"),
        *("SEND_CONTENT", "CONTENT_LENGTH", "MASK_PATTERNS", "FLUSH_EVERY", "QUEUE_BYTES", "SPILL_DIR", "SPILL_BYTES"),
        *("EXIT_TIMEOUT", "THREADS", "BAGGAGE", "EXPERIMENTS", "EXPERIMENTS_EVERY"),
    )
)
"""Variables that the wrapper reads in the applications that send here; both may run in one shell."""
DEFAULT_FILE = Path("spanpulse.toml")


class SettingsError(Exception):
    """The configuration cannot be used; the message names the key, its source and what is wrong."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Effective settings; ``sources`` maps each field to `command line`, a variable, a file or `default`."""

    settings: Settings
    sources: dict[str, str]


class _Environment(EnvSettingsSource):
    """pydantic-settings' reader of variables, with comma lists beside JSON for tuples."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Read a complex value: JSON where it starts with a bracket, else a list separated by commas."""
        if isinstance(value, str) and not value.lstrip().startswith(("[", "{")):
            return [item.strip() for item in value.split(",") if item.strip()]
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            message = (
                f"environment: {PREFIX}{field_name.upper()} is no JSON list; separate its values by commas instead"
            )
            raise SettingsError(message) from None


def load_settings(
    overrides: Mapping[str, object] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Return the effective settings.

    ``overrides`` are command-line values (None means not given). ``file`` defaults to the file that
    SPANPULSE_CONFIG names, else ./spanpulse.toml where it exists. Raises SettingsError.
    """
    env = os.environ if environ is None else environ
    layers: list[tuple[str, dict[str, Any]]] = [
        *_file_layer(file, env),
        *_environment_layers(env),
        ("command line", {key: value for key, value in (overrides or {}).items() if value is not None}),
    ]
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, "default")
    for source, layer in layers:
        _check_filled(source, layer)
        values.update(layer)
        sources.update(dict.fromkeys(layer, source))
    try:
        return Loaded(Settings(**values), sources)
    except ValidationError as error:
        raise SettingsError(_explain(error, sources)) from None


def _file_layer(file: Path | None, env: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    named = file or (Path(env["SPANPULSE_CONFIG"]) if env.get("SPANPULSE_CONFIG") else None)
    path = named or DEFAULT_FILE
    if named is None and not path.exists():
        return []
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{path}: {reason}") from None
    for key in content:
        if key not in Settings.model_fields:
            raise SettingsError(f"{path}: unknown key {key!r}{_hint(key)}")
    return [(str(path), content)]


def _environment_layers(env: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    for name in env:
        key = name[len(PREFIX) :].lower()
        known = name.upper() in NOT_SETTINGS | OF_APPLICATIONS or key in Settings.model_fields
        if name.upper().startswith(PREFIX) and not known:
            raise SettingsError(f"environment: unknown variable {name}{_hint(key, PREFIX)}")
    reader = _Environment(_schema(), env_prefix=PREFIX)
    reader.env_vars = {name.lower(): value for name, value in env.items()}
    layers = []
    for key, field in Settings.model_fields.items():
        value, _, is_complex = reader.get_field_value(field, key)
        if value is not None:
            decoded = reader.prepare_field_value(key, field, value, is_complex)
            layers.append((f"{PREFIX}{key.upper()}", {key: decoded}))
    return layers


def _check_filled(source: str, layer: Mapping[str, object]) -> None:
    """Raise SettingsError for what another value would be made of: an empty path is the working folder, true is 1."""
    for key, value in layer.items():
        if value == "":
            raise SettingsError(f"{key} (from {source}) is empty; leave it out for the default")
        if isinstance(value, bool):
            raise SettingsError(f"{key} (from {source}) is {str(value).lower()}; no setting is a switch")


def _schema() -> type[BaseSettings]:
    """Return a settings class with the model's fields, as pydantic-settings' readers expect one."""
    return type("_Schema", (BaseSettings, Settings), {"model_config": {"frozen": False}})


def _explain(error: ValidationError, sources: Mapping[str, str]) -> str:
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        key = str(item["loc"][0]) if item["loc"] else "settings"
        lines.append(f"{key} (from {sources.get(key, 'settings')}): {_said(key, item)}{_hint(key)}")
    return "\n".join(lines)


def _said(key: str, item: ErrorDetails) -> str:
    """Return what is wrong with a value, in words where the field has some for what its text must be."""
    of_text = item["type"] in {"string_pattern_mismatch", "too_short", "too_long"}
    return f"must be {EXPECTED[key]}" if of_text and key in EXPECTED else item["msg"]


def _hint(key: str, prefix: str = "") -> str:
    if key in Settings.model_fields:
        return ""
    close = difflib.get_close_matches(key, Settings.model_fields, n=1)
    return f"; did you mean {prefix}{close[0].upper() if prefix else close[0]}?" if close else ""
