"""Exports without the paths of the machine that made them, as in stack traces; all else stays byte for byte."""

from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

__all__ = ["Anonymous"]

REQUESTS = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}


class Anonymous:
    def __init__(self, names: dict[Path, str]) -> None:
        """Take what to call each folder; a folder is also replaced where it is reached through a link."""
        both = {str(path): f"<{name}>" for folder, name in names.items() for path in (folder, folder.resolve())}
        self._names = sorted(both.items(), key=lambda item: -len(item[0]))

    def __call__(self, signal: str, body: bytes) -> bytes:
        """Return the export with every path replaced; raises ValueError if one is left that is no attribute."""
        if not self._told(body):
            return body
        request = REQUESTS[signal].FromString(body)
        self._walk(request)
        body = request.SerializeToString()
        if self._told(body):
            raise ValueError("a path of this machine is left outside the attributes")
        return body

    def _told(self, body: bytes) -> bool:
        return any(path.encode() in body for path, _ in self._names)

    def _walk(self, message) -> None:
        if isinstance(message, AnyValue) and message.WhichOneof("value") == "string_value":
            for path, name in self._names:
                message.string_value = message.string_value.replace(path, name)
            return
        for field, value in message.ListFields():
            if field.type == field.TYPE_MESSAGE:
                for each in value if hasattr(value, "__len__") else [value]:
                    self._walk(each)
