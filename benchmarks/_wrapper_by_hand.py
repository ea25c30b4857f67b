"""Spans as an application writes them itself with OpenTelemetry's SDK: what the wrapper's cost is measured beside.

Attributes and content are set in the application's thread, as the conventions have them; nothing is masked. The SDK's
batch processor encodes and sends them.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind

__all__ = ["ByHand"]

NS = 1e9


class ByHand:
    """Makes spans, while `on`."""

    def __init__(self, address: str) -> None:
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{address}/v1/traces")))
        self._tracer = self.provider.get_tracer("by hand")
        self.on = False

    @contextmanager
    def call(self, messages: list[dict[str, str]]) -> Iterator["Told"]:
        """Give a span around a call; one that does nothing while this is off."""
        if not self.on:
            yield NOTHING
            return
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5",
            "server.address": "127.0.0.1",
        }
        with self._tracer.start_as_current_span("chat gpt-5", kind=SpanKind.CLIENT, attributes=attributes) as span:
            told = InSpan(span)
            yield told
            asked = [_message(each["role"], each["content"]) for each in messages]
            span.set_attribute("gen_ai.input.messages", json.dumps(asked))
            told.end()


class Told:
    """Hears what a call answers."""

    def whole(self, answer: Any) -> None:
        """Hear of a whole answer."""

    def chunk(self, chunk: Any) -> None:
        """Hear of a chunk."""


NOTHING = Told()


class InSpan(Told):
    """Tells a span what a call answered."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._began = time.time_ns()
        self._first = 0
        self._texts: list[str] = []
        self._reason = ""

    def whole(self, answer: Any) -> None:
        """Tell a whole answer."""
        choice = answer.choices[0]
        self._texts.append(choice.message.content)
        self._note(answer, choice.finish_reason)

    def chunk(self, chunk: Any) -> None:
        """Tell a chunk."""
        self._first = self._first or time.time_ns()
        if chunk.choices:
            choice = chunk.choices[0]
            self._texts.append(choice.delta.content or "")
            self._reason = choice.finish_reason or self._reason
        if chunk.usage:
            self._note(chunk, self._reason)

    def end(self) -> None:
        """Tell what is known at the end."""
        said = [_message("assistant", "".join(self._texts))]
        self._span.set_attribute("gen_ai.output.messages", json.dumps(said))
        if self._first:
            self._span.set_attribute("gen_ai.response.time_to_first_chunk", (self._first - self._began) / NS)

    def _note(self, answer: Any, reason: str) -> None:
        self._span.set_attributes(
            {
                "gen_ai.response.id": answer.id,
                "gen_ai.response.model": answer.model,
                "gen_ai.response.finish_reasons": [reason],
                "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
                "gen_ai.usage.output_tokens": answer.usage.completion_tokens,
            }
        )


def _message(role: str, said: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": said}]}
