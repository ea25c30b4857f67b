"""Structured logs by the standard library: one JSON object a line, or text for a person on a terminal.

Whatever repeats is thinned: a message template is shown `BURST` times in `PER_SECONDS`, then counted, and the
count stands in its next line. Keys are masked, long messages cut, and libraries speak from WARNING upwards; what
asks ClickHouse speaks from ERROR, since every attempt at a server that is away would be a line with a long address.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TextIO

__all__ = ["JsonFormatter", "RepeatLimit", "TextFormatter", "configure_logging"]

BURST = 5
PER_SECONDS = 30.0
MOST_TEMPLATES = 512
LONGEST_TEXT = 8_000
NOISY = ("aiokafka", "asyncio", "faust", "httpx", "kafka", "mode", "numba", "urllib3", "uvicorn")
# Not urllib3 itself: the other one sets that logger's level when it is loaded.
ASKING = ("clickhouse_connect", "urllib3.connectionpool")
SECRETS = re.compile(r"(?i)(\b(?:bearer\s+|(?:x-)?api[-_]key['\"]?\s*[:=]\s*['\"]?))[^\s'\",;]+")
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "repeated"}


def configure_logging(
    level: str = "info", log_format: Literal["auto", "json", "text"] = "auto", stream: TextIO | None = None
) -> None:
    """Set up the root logger of this process, once or again; ``stream`` defaults to standard error."""
    stream = stream or sys.stderr
    as_text = log_format == "text" or (log_format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if as_text else JsonFormatter())
    handler.addFilter(RepeatLimit(time.monotonic))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for names, least in ((NOISY, logging.WARNING), (ASKING, logging.ERROR)):
        for name in names:
            library = logging.getLogger(name)
            library.handlers.clear()
            library.propagate = True
            library.setLevel(max(least, root.level))
    logging.captureWarnings(capture=True)


class RepeatLimit(logging.Filter):
    """Lets a message template of a logger pass a few times per period, and counts the rest.

    ``record.repeated`` is how many were left out since the last one that passed. Errors and warnings are thinned
    too: a broker that is away logs hundreds a second.
    """

    def __init__(self, clock: Callable[[], float], burst: int = BURST, per_seconds: float = PER_SECONDS) -> None:
        super().__init__()
        self._clock = clock
        self._burst = burst
        self._per_seconds = per_seconds
        self._seen: dict[tuple[str, int, str], tuple[float, int, int]] = {}  # begun, passed, left out

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the record passes."""
        template = (record.name, record.levelno, str(record.msg)[:LONGEST_TEXT])
        now = self._clock()
        begun, passed, left_out = self._seen.pop(template, (now, 0, 0))
        if now - begun >= self._per_seconds:
            begun, passed = now, 0
        shown = passed < self._burst
        if shown:
            record.repeated = left_out
            passed, left_out = passed + 1, 0
        else:
            left_out += 1
        self._seen[template] = (begun, passed, left_out)
        while len(self._seen) > MOST_TEMPLATES:
            del self._seen[next(iter(self._seen))]
        return shown


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, exception, and whatever `extra` brought."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _clean(record.getMessage()),
        }
        line.update((key, _plain(value)) for key, value in record.__dict__.items() if key not in STANDARD)
        if repeated := getattr(record, "repeated", 0):
            line["repeated"] = repeated
        if record.exc_info:
            line["exception"] = _clean(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """One line for a person: time (local), level, message, fields; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text."""
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        parts = [f"{clock} {record.levelname.lower():<7} {_clean(record.getMessage())}"]
        parts += [f"{key}={_plain(value)}" for key, value in record.__dict__.items() if key not in STANDARD]
        if repeated := getattr(record, "repeated", 0):
            parts.append(f"({repeated} more like this were left out)")
        line = " ".join(parts)
        return f"{line}\n{_clean(self.formatException(record.exc_info))}" if record.exc_info else line


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float | None) else _clean(str(value))


def _clean(text: str) -> str:
    """Mask keys and cut what is too long, keeping both ends: a traceback's last line says most."""
    text = SECRETS.sub(r"\1***", text)
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]} ... {len(text) - LONGEST_TEXT} characters left out ... {text[-half:]}"
