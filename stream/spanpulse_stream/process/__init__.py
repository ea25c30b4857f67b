"""What the processes of both modes have in common: kernels, memory, the web port, the metrics of batches, addresses."""

from spanpulse_stream.process._database import query_limits, retention
from spanpulse_stream.process._kernels import warm_up
from spanpulse_stream.process._reach import exporter_variables, here
from spanpulse_stream.process._recorder import Recorder
from spanpulse_stream.process._runtime import (
    allow_files,
    give_back_memory,
    map_large_blocks,
    settle,
    tame_memory,
)
from spanpulse_stream.process._stored import Stored
from spanpulse_stream.process._versions import versions_now
from spanpulse_stream.process._web import Lag, Surroundings, WebPort

__all__ = [
    "Lag",
    "Recorder",
    "Stored",
    "Surroundings",
    "WebPort",
    "allow_files",
    "exporter_variables",
    "give_back_memory",
    "here",
    "map_large_blocks",
    "query_limits",
    "retention",
    "settle",
    "tame_memory",
    "versions_now",
    "warm_up",
]
