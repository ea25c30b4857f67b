"""Embedded mode: everything in one process, on one data folder."""

from spanpulse_stream.embedded._database import open_database, run_query
from spanpulse_stream.embedded._folder import DataFolder, FolderUnusable
from spanpulse_stream.embedded._log import open_log
from spanpulse_stream.embedded._process import EmbeddedProcess, Progress

__all__ = [
    "DataFolder",
    "EmbeddedProcess",
    "FolderUnusable",
    "Progress",
    "open_database",
    "open_log",
    "run_query",
]
