"""Where `spanpulse import` puts what it reads: the process that runs on the data folder, or that folder's log."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from spanpulse_stream.commands._run import CommandError
from spanpulse_stream.control import ControlClient, NotRunning, RequestRefused
from spanpulse_stream.importing import Importer, LogTarget, RunningTarget, Target
from spanpulse_stream.settings import Settings

__all__ = ["find_target"]

ANSWER_WITHIN_S: Final = 90.0
WAIT_WITHIN_S: Final = 120.0
ASK_AGAIN_S: Final = 1.0
WHO: Final = "another import, or a process that starts"


def find_target(settings: Settings, say: Callable[[str], None], stopping: threading.Event, stack: ExitStack) -> Target:
    """Return the running process, or else the log, which ``stack`` closes.

    A process that starts is waited for, and so is another import that has the log.

    Raises CommandError.
    """
    client = ControlClient(settings.data, ANSWER_WITHIN_S)
    deadline, told = time.monotonic() + WAIT_WITHIN_S, False
    while True:
        if _runs(client):
            return RunningTarget(client, stopping.wait)
        found = _log_target(settings, stack)
        if isinstance(found, LogTarget):
            return found
        if time.monotonic() > deadline:
            raise CommandError(f"{found}; it neither answers nor ends: {WHO}")
        if not told:
            say(f"{found}: {WHO}; waiting until it answers or ends ...")
            told = True
        stopping.wait(ASK_AGAIN_S)


def _runs(client: ControlClient) -> bool:
    try:
        client.status()
    except NotRunning:
        return False
    except RequestRefused as refusal:
        raise CommandError(str(refusal)) from None
    return True


def _log_target(settings: Settings, stack: ExitStack) -> LogTarget | str:
    """Open the log; where another process has it, return what says so."""
    # The engine takes a second to load, and only this needs it.
    from spanpulse_sinks.clickhouse import DatabaseInUse, SinkError  # noqa: PLC0415
    from spanpulse_stream.embedded import DataFolder, FolderUnusable, open_database, open_log  # noqa: PLC0415
    from spanpulse_stream.gateway import InvalidKey, OtlpOptions  # noqa: PLC0415
    from spanpulse_stream.log import LogInUse, LogUnusable  # noqa: PLC0415

    try:
        folder = DataFolder.prepare(settings.data)
        options = OtlpOptions.from_settings(settings)
        with open_database(folder, settings) as database:
            log = open_log(folder, settings, database)
    except (LogInUse, DatabaseInUse) as used:
        return str(used)
    except (SinkError, FolderUnusable, InvalidKey, LogUnusable, OSError) as error:
        raise CommandError(str(error)) from None
    stack.callback(log.close)
    return LogTarget(Importer(log, options))
