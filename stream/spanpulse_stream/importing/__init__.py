"""Files into the log: OTLP as the Collector writes it, CSV and Parquet, each chunk appended exactly once.

`Source` is a file, `Reading` says how it is read and makes its chunks, `import_file` hands them to a target: the
process that runs on the data folder (`RunningTarget`), or its log where none runs (`LogTarget`). `Importer` and
`import_routes` are what receives them there.
"""

from spanpulse_stream.importing._accept import BACKLOG_BYTES, ChunkRefused, Importer
from spanpulse_stream.importing._chunk import Chunk, ChunkDamaged, Request, pack_chunk, unpack_chunk
from spanpulse_stream.importing._columns import Column, Mapping, MappingWanted, NoSuchColumn
from spanpulse_stream.importing._detect import FORMATS, Format
from spanpulse_stream.importing._errors import BadPiece, FileEmpty, ImportFailed, TargetFailed, Torn
from spanpulse_stream.importing._fields import IGNORED
from spanpulse_stream.importing._judge import Judged, judge
from spanpulse_stream.importing._reading import Options, Reading
from spanpulse_stream.importing._routes import import_routes
from spanpulse_stream.importing._rows import Row
from spanpulse_stream.importing._run import Consent, Outcome, import_file
from spanpulse_stream.importing._source import STDIN, Source
from spanpulse_stream.importing._target import LogTarget, RunningTarget, Stopped, Target

__all__ = [
    "BACKLOG_BYTES",
    "FORMATS",
    "IGNORED",
    "STDIN",
    "BadPiece",
    "Chunk",
    "ChunkDamaged",
    "ChunkRefused",
    "Column",
    "Consent",
    "FileEmpty",
    "Format",
    "ImportFailed",
    "Importer",
    "Judged",
    "LogTarget",
    "Mapping",
    "MappingWanted",
    "NoSuchColumn",
    "Options",
    "Outcome",
    "Reading",
    "Request",
    "Row",
    "RunningTarget",
    "Source",
    "Stopped",
    "Target",
    "TargetFailed",
    "Torn",
    "import_file",
    "import_routes",
    "judge",
    "pack_chunk",
    "unpack_chunk",
]
