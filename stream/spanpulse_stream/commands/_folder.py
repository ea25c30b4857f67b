"""The settings of a command that works on a data folder, and on nothing else.

Where the settings name a cluster, such a command would answer out of a folder of this machine, often an empty one: an
erasure that found nothing, a rebuild without days. It is refused, unless the folder is named. Not guaranteed: that a
folder that is named is the one that was meant.
"""

from pathlib import Path

from spanpulse_stream.commands._run import CommandError
from spanpulse_stream.settings import Settings, load_settings

__all__ = ["folder_settings"]


def folder_settings(data: Path | None, config: Path | None, instead: str = "") -> Settings:
    """Return the settings; ``instead`` says what does the same for a cluster.

    Raises SettingsError, and CommandError where ``clickhouse_url`` is set and no folder is named.
    """
    settings = load_settings({"data": data}, file=config).settings
    if data is None and settings.clickhouse_url:
        more = f"; {instead}" if instead else ""
        raise CommandError(
            f"clickhouse_url is set, and this command knows data folders, no cluster{more}. "
            "Where a folder is meant, name it with --data"
        )
    return settings
