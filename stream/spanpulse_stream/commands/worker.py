"""Process what is in Kafka and write it to ClickHouse: a process of a cluster."""

from spanpulse_stream.commands._roles import Config, ReadyFile, Web, serve_role
from spanpulse_stream.commands._run import run_command
from spanpulse_stream.settings import load_settings

__all__ = ["run"]


def run(arguments: list[str]) -> int:
    """Run `spanpulse worker`."""
    return run_command("worker", _worker, arguments)


def _worker(web: Web = None, ready_file: ReadyFile = None, config: Config = None) -> int:
    """Process what is in Kafka and write it to ClickHouse, until SIGTERM."""
    return serve_role(load_settings({"web": web}, file=config).settings, "WorkerProcess", ready_file)
