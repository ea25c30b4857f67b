"""Load for measurements: requests of generated spans that cost the sender next to nothing.

A request is encoded once; later only ids, times, users and response ids are overwritten in place, and with
``unique`` all texts as well. Spans are about 1.7 KB, 60 % of them model calls, 512 a request, five to a trace.
Every span's text differs within the pool of bodies (about 17,000 spans); with ``unique`` none ever repeats.
"""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spanpulse_stream.traffic._encode import CLIENT, SERVER, SpanRecord, Value, encode_span, request
from spanpulse_stream.traffic._language import U8, Writer
from spanpulse_stream.traffic._plan import MODELS, PROMPTS, SERVICES
from spanpulse_stream.traffic._walk import places

__all__ = ["LoadGenerator"]

I64 = NDArray[np.int64]

SPANS: Final = 512
PER_TRACE: Final = 5
TEMPLATES: Final = 4
POOL: Final = 32
NUMBERS: Final = np.arange(SPANS)
ROOTS: Final = np.minimum(NUMBERS // PER_TRACE * PER_TRACE + PER_TRACE - 1, SPANS - 1)
"""The root of each span's trace: its last span, as children end first."""
IS_ROOT: Final = NUMBERS == ROOTS
HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
TEXT: Final = re.compile(rb"~{2,}")
RESPONSE_ID: Final = re.compile(rb"#{24}")
USER: Final = re.compile(rb"@{4}")
QUESTION: Final = 320
ANSWER: Final = 880
DOCUMENT: Final = 260


@dataclass(frozen=True, slots=True)
class _Slots:
    """Where things stand in a body: index of the first byte of each trace id, span id, time, and text."""

    trace: I64
    span: I64
    parent: I64
    start: I64
    end: I64
    response: I64
    user: I64
    text: I64
    text_size: I64


class LoadGenerator:
    """Makes request bodies without end; the same seed and times give the same bodies."""

    def __init__(self, seed: int = 1, *, unique: bool = False) -> None:
        self._unique = unique
        self._rng = np.random.default_rng(seed)
        self._writer = Writer(seed)
        templates = [_template(self._rng) for _ in range(TEMPLATES)]
        self._bodies = [np.frombuffer(templates[n % TEMPLATES], np.uint8).copy() for n in range(POOL)]
        self._slots = [_slots(template) for template in templates]
        self._next = 0
        for number, body in enumerate(self._bodies):
            self._rewrite(body, self._slots[number % TEMPLATES])

    @property
    def spans_per_request(self) -> int:
        """Spans in each body."""
        return SPANS

    @property
    def calls_per_request(self) -> int:
        """Model calls among them."""
        return int(self._slots[0].response.size)

    @property
    def bytes_per_span(self) -> float:
        """Mean size of an encoded span in bytes, its share of the request's frame included."""
        return sum(body.size for body in self._bodies) / len(self._bodies) / SPANS

    def request(self, now: int) -> bytes:
        """Return the next ExportTraceServiceRequest; its spans end within the 2 s before ``now`` (ns)."""
        body, slots = self._bodies[self._next % POOL], self._slots[self._next % TEMPLATES]
        self._next += 1
        if self._unique and self._next > POOL:
            self._rewrite(body, slots)
        self._renumber(body, slots)
        self._date(body, slots, now)
        return body.tobytes()

    def texts(self) -> bytes:
        """Return about a megabyte of the texts alone."""
        return b"".join(self._texts(number) for number in range(TEMPLATES))

    def _texts(self, number: int) -> bytes:
        slots, body = self._slots[number], self._bodies[number]
        return b"".join(body[at : at + size].tobytes() for at, size in zip(slots.text, slots.text_size, strict=True))

    def _rewrite(self, body: U8, slots: _Slots) -> None:
        self._writer.fill(body, slots.text, slots.text_size)

    def _renumber(self, body: U8, slots: _Slots) -> None:
        spans = self._rng.integers(1, 256, (SPANS, 8), np.uint8)
        traces = self._rng.integers(1, 256, (SPANS, 16), np.uint8)
        _put(body, slots.trace, traces[ROOTS])
        _put(body, slots.span, spans)
        _put(body, slots.parent, spans[ROOTS[~IS_ROOT]])
        _put(body, slots.response, HEX[self._rng.integers(0, 16, (slots.response.size, 24), np.uint8)])
        _put(body, slots.user, HEX[self._rng.integers(0, 10, (slots.user.size, 4), np.uint8)])

    def _date(self, body: U8, slots: _Slots, now: int) -> None:
        end = now - self._rng.integers(0, 2 * 10**9, SPANS)
        start = end - self._rng.lognormal(20.3, 0.8, SPANS).astype(np.int64)
        _put(body, slots.start, start.astype("<i8")[:, None].view(np.uint8))
        _put(body, slots.end, end.astype("<i8")[:, None].view(np.uint8))


def _put(body: U8, at: I64, values: U8) -> None:
    body[at[:, None] + np.arange(values.shape[1])] = values


def _slots(template: bytes) -> _Slots:
    found = list(places(template, "traces"))
    ids = [at for kind, at, size in found if kind == "id" and size == 8]
    times = [at for kind, at, _ in found if kind == "time"]
    of_span, of_parent = _split_ids(ids)
    texts = list(TEXT.finditer(template))
    return _Slots(
        trace=np.array([at for kind, at, size in found if kind == "id" and size == 16]),
        span=of_span,
        parent=of_parent,
        start=np.array(times[0::2]),
        end=np.array(times[1::2]),
        response=np.array([match.start() for match in RESPONSE_ID.finditer(template)]),
        user=np.array([match.start() for match in USER.finditer(template)]),
        text=np.array([match.start() for match in texts]),
        text_size=np.array([len(match[0]) for match in texts]),
    )


def _split_ids(ids: list[int]) -> tuple[I64, I64]:
    """Tell span ids from parent ids: a span has both, one after the other, a root has the first only."""
    first = np.cumsum(np.where(IS_ROOT, 1, 2)) - np.where(IS_ROOT, 1, 2)
    places_ = np.array(ids)
    return places_[first], places_[first[~IS_ROOT] + 1]


def _template(rng: np.random.Generator) -> bytes:
    service = SERVICES[int(rng.integers(len(SERVICES)))]
    resource = {
        "service.name": service,
        "service.instance.id": rng.bytes(8).hex(),
        "service.version": "2.3.1",
        "deployment.environment.name": "production",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.45.2",
    }
    spans = [_span(rng, number) for number in range(SPANS)]
    return request(resource, ("spanpulse.load", "1.0.0"), spans)


def _span(rng: np.random.Generator, number: int) -> bytes:
    if IS_ROOT[number]:
        name, kind, attributes = "POST /v1/answer", SERVER, _root_attributes()
    elif number % PER_TRACE == 3:
        name, kind, attributes = "retrieval handbook", CLIENT, _retrieval_attributes()
    else:
        kind, attributes = CLIENT, _call_attributes(rng)
        name = f"chat {attributes['gen_ai.request.model']}"
    parent = b"" if IS_ROOT[number] else b"\1" * 8
    return encode_span(SpanRecord(b"\1" * 16, b"\1" * 8, parent, name, kind, 1, 2, attributes))


def _root_attributes() -> dict[str, Value]:
    return {
        "http.request.method": "POST",
        "http.route": "/v1/answer",
        "http.response.status_code": 200,
        "url.path": "/v1/answer",
        "url.scheme": "https",
        "server.address": "answers.example.com",
        "server.port": 443,
        "network.protocol.version": "1.1",
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
        "client.address": "192.0.2.17",
        "user.id": "user-@@@@",
        "session.id": "session-@@@@",
    }


def _retrieval_attributes() -> dict[str, Value]:
    documents = ",".join(
        f'{{"id":"doc-{rank}","score":0.{9 - rank},"content":"{"~" * DOCUMENT}"}}' for rank in range(4)
    )
    return {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.data_source.id": "handbook",
        "gen_ai.retrieval.query.text": "~" * 90,
        "gen_ai.retrieval.documents": f"[{documents}]",
        "db.system.name": "postgresql",
        "server.address": "vectors.example.com",
    }


def _call_attributes(rng: np.random.Generator) -> dict[str, Value]:
    model = MODELS[int(rng.choice(len(MODELS), p=[each.share for each in MODELS]))]
    tokens = int(rng.integers(200, 8000))
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": model.provider,
        "gen_ai.request.model": model.request_model,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 2048,
        "gen_ai.request.stream": True,
        "gen_ai.response.id": "resp-" + "#" * 24,
        "gen_ai.response.model": model.response_model,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": float(rng.lognormal(-0.7, 0.5)),
        "gen_ai.usage.input_tokens": tokens,
        "gen_ai.usage.output_tokens": int(rng.integers(20, 900)),
        "gen_ai.usage.cache_read.input_tokens": tokens // 256 * 128 if model.caches else 0,
        "gen_ai.prompt.name": PROMPTS[int(rng.integers(len(PROMPTS)))],
        "spanpulse.prompt.version": str(rng.integers(1, 4)),
        "spanpulse.experiment.answer-style": "concise" if rng.random() < 0.5 else "control",
        "user.id": "user-@@@@",
        "session.id": "session-@@@@",
        "gen_ai.input.messages": _message("user", QUESTION),
        "gen_ai.output.messages": _message("assistant", ANSWER),
    }


def _message(role: str, size: int) -> str:
    return f'[{{"role":"{role}","parts":[{{"type":"text","content":"{"~" * size}"}}]}}]'
