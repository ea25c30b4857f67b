"""Exports without the paths of the machine that made them, as in stack traces; all else stays byte for byte."""

from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["Anonymous"]

REQUESTS = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}


class Anonymous:
    def __init__(self, names: dict[Path, str]) -> None:
        """Take what to call each folder; a folder is also replaced where it is reached through a link."""
        both = {str(path): f"<{name}>" for folder, name in names.items() for path in (folder, folder.resolve())}
        self._names = sorted(both.items(), key=lambda item: -len(item[0]))

    def __call__(self, signal: str, body: bytes) -> bytes:
        """Return the export with every path in a text replaced."""
        if not any(path.encode() in body for path, _ in self._names):
            return body
        request = REQUESTS[signal].FromString(body)
        self._walk(request)
        return request.SerializeToString()

    def _walk(self, message) -> None:
        for field, value in message.ListFields():
            if field.type == field.TYPE_STRING:
                setattr(message, field.name, self._replaced(value))
            elif field.type == field.TYPE_MESSAGE:
                for each in value if field.is_repeated else [value]:
                    self._walk(each)

    def _replaced(self, text: str) -> str:
        for path, name in self._names:
            text = text.replace(path, name)
        return text
