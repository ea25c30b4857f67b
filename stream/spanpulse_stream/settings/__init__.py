"""Configuration: one typed model, read from the command line, `SPANPULSE_*` variables and spanpulse.toml."""

from spanpulse_stream.settings._load import Loaded, SettingsError, load_settings
from spanpulse_stream.settings._model import Settings

__all__ = ["Loaded", "Settings", "SettingsError", "load_settings"]
