"""A query on a data folder's database, whether spanpulse runs on it or not."""

from spanpulse_stream.commands._run import CommandError
from spanpulse_stream.control import ControlClient, NotRunning, RequestRefused
from spanpulse_stream.settings import Settings

__all__ = ["query_folder"]

# A running process bounds its queries itself; the answer may take a while to travel.
PATIENCE = 15.0


def query_folder(settings: Settings, query: str, output_format: str) -> bytes:
    """Return the result of one statement that reads. Raises CommandError."""
    try:
        return ControlClient(settings.data, settings.query_timeout + PATIENCE).query(query, output_format)
    except NotRunning:
        return _offline(settings, query, output_format)
    except RequestRefused as refusal:
        raise CommandError(str(refusal)) from None


def _offline(settings: Settings, query: str, output_format: str) -> bytes:
    """Open the database in this process; the import is slow and only needed here."""
    from spanpulse_sinks.clickhouse import SinkError  # noqa: PLC0415
    from spanpulse_stream.embedded import DataFolder, open_database, run_query  # noqa: PLC0415

    folder = DataFolder(settings.data.resolve())
    if not folder.database.is_dir():
        raise CommandError(f"there is no database in {settings.data}; `spanpulse up --data {settings.data}` makes one")
    try:
        with open_database(folder, settings) as database:
            return run_query(database, query, output_format)
    except (SinkError, OSError) as error:
        raise CommandError(str(error)) from None
