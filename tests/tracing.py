"""Traces to look at: of ten thousand spans, of a megabyte, with a parent that never came, of two tenants."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from making_spans import CHAT, SECOND, request, span

__all__ = ["EVENTS", "LONG", "MANY", "MESSAGES", "Cast"]

MANY = 10_000
MESSAGES = 250
EVENTS = 300
LONG = 1_000_000
MILLISECOND = 10**6
IN_A_MESSAGE = 500


@dataclass(frozen=True)
class Cast:
    """Exports, and the ids of the traces in them. All ended a minute before ``now`` but for the fresh one."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    many: bytes = field(default_factory=lambda: os.urandom(16))
    long: bytes = field(default_factory=lambda: os.urandom(16))
    orphan: bytes = field(default_factory=lambda: os.urandom(16))
    fresh: bytes = field(default_factory=lambda: os.urandom(16))
    crowded: bytes = field(default_factory=lambda: os.urandom(16))
    text: str = "needle-in-a-haystack " + "0123456789" * (LONG // 10)

    @property
    def end(self) -> int:
        """A minute ago, ns."""
        return int(self.now.timestamp() * 10**9) - 60 * SECOND

    def exports(self) -> Iterator[bytes]:
        """Return the exports of traces."""
        spans = list(self._many())
        for first in range(0, MANY, IN_A_MESSAGE):
            yield request(*spans[first : first + IN_A_MESSAGE], resource={"service.name": "many"})
        messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": self.text}]}])
        usage = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 200, "gen_ai.provider.name": "openai"}
        asked = {
            **CHAT,
            **usage,
            "gen_ai.input.messages": messages,
            "user.id": "long-winded",
            "session.id": "session-9",
        }
        yield request(self._span(self.long, 1, 0, asked, name="chat gpt-5"), resource={"service.name": "long"})
        failed = {"status": Status(code=Status.STATUS_CODE_ERROR, message="it broke"), "name": "execute_tool find"}
        tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find", "error.type": "FindFailed"}
        yield request(self._span(self.orphan, 5, 4, tool, **failed), resource={"service.name": "orphan"})
        end = int(datetime.now(UTC).timestamp() * 10**9)
        yield request(self._span(self.fresh, 1, 0, {}, end=end, name="fresh"), resource={"service.name": "fresh"})

    def crowd(self) -> bytes:
        """Return the export of a call with more messages and events than a page shows."""
        said = [{"role": "user", "parts": [{"type": "text", "content": f"message {at}"}]} for at in range(MESSAGES)]
        events = [Span.Event(name=f"event {at}", time_unix_nano=self.end) for at in range(EVENTS)]
        asked = {**CHAT, "gen_ai.input.messages": json.dumps(said)}
        return request(self._span(self.crowded, 1, 0, asked, name="crowded", events=events))

    def _many(self) -> Iterator[Span]:
        yield self._span(self.many, 1, 0, {}, name="root of many")
        for number in range(2, MANY + 1):
            moment = self.end - 2 * SECOND + number * 100_000
            yield self._span(
                self.many, number, number // 3 or 1, {}, name=f"step {number}", start=moment, end=moment + MILLISECOND
            )

    def _span(
        self, trace: bytes, number: int, parent: int, attributes: dict[str, object], *,
        start: int | None = None, end: int | None = None, **more: object,
    ) -> Span:  # fmt: skip
        ended = end or self.end
        return span(
            attributes,
            trace_id=trace,
            span_id=number.to_bytes(8, "big"),
            parent_span_id=parent.to_bytes(8, "big") if parent else b"",
            start_time_unix_nano=start or ended - 2 * SECOND,
            end_time_unix_nano=ended,
            **more,
        )
