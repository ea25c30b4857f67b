"""Embedded mode: everything in one process, on one data folder."""

from spanpulse_stream.embedded._database import open_database, run_query
from spanpulse_stream.embedded._folder import DataFolder, FolderUnusable
from spanpulse_stream.embedded._log import open_log
from spanpulse_stream.embedded._process import EmbeddedProcess, Progress
from spanpulse_stream.embedded._reach import exporter_variables, here
from spanpulse_stream.embedded._runtime import give_back_memory, settle, tame_memory

__all__ = [
    "DataFolder",
    "EmbeddedProcess",
    "FolderUnusable",
    "Progress",
    "exporter_variables",
    "give_back_memory",
    "here",
    "open_database",
    "open_log",
    "run_query",
    "settle",
    "tame_memory",
]
