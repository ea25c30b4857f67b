"""A server on the loopback interface that imitates OpenAI and Anthropic, and an OTLP collector, and notes all it saw.

What it answered is the truth that the spans of an emitter are held against. It imitates formats and timing, not
models, limits or authentication; every key is accepted and none is kept.
"""

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import wire_anthropic
import wire_openai
from answers import MODELS, Answer, answer_to

__all__ = ["Imitation"]

FIRST_CHUNK_S = 0.40
CHUNK_S = 0.03
ANSWER_S = 0.10


@dataclass
class Imitation:
    """What was answered and exported since `begin`."""

    scenario: str = ""
    calls: list[dict] = field(default_factory=list)
    exports: dict[str, list[bytes]] = field(default_factory=lambda: {"traces": [], "logs": []})
    _count: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __enter__(self) -> str:
        """Start to serve; returns the address."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"seen": self}))
        Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def begin(self, scenario: str) -> None:
        """Forget what was; ``scenario`` becomes a part of response ids, so that no two captures share one."""
        self.scenario, self._count = scenario, 0
        self.calls, self.exports = [], {"traces": [], "logs": []}

    def identity(self, prefix: str) -> str:
        with self._lock:
            self._count += 1
            return f"{prefix}{self.scenario}-{self._count}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: Imitation

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that ends may leave its connections open
            super().handle()

    def do_POST(self) -> None:
        body = self._body()
        signal = self.path.rsplit("/", 1)[-1]
        if signal in self.seen.exports:
            self.seen.exports[signal].append(body)
            self._send(200, b"", "application/x-protobuf")
        elif signal == "metrics":
            self._send(200, b"", "application/x-protobuf")
        elif self.path.endswith("/embeddings"):
            self._embed(json.loads(body))
        else:
            self._call(json.loads(body))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _embed(self, asked: dict) -> None:
        texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        call = self._note("openai", "embeddings", asked, texts)
        call |= {"response_model": asked["model"], "response_id": None, "finish_reason": None}
        call |= {"input_tokens": 8 * len(texts), "output_tokens": 0, "usage_sent": True}
        self._json(200, wire_openai.embeddings(texts, asked["model"]))

    def _call(self, asked: dict) -> None:
        model = MODELS.get(asked["model"], asked["model"])
        stream = bool(asked.get("stream"))
        api = {"completions": "chat.completions"}.get(self.path.rsplit("/", 1)[-1], self.path.rsplit("/", 1)[-1])
        messages = asked["input"] if api == "responses" else asked["messages"]
        messages = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        call = self._note("anthropic" if api == "messages" else "openai", api, asked, messages)
        answer = answer_to(messages)
        if answer.status != 200:
            return self._fail(answer.status, asked["model"], call)
        usage = (
            not stream or api != "chat.completions" or bool((asked.get("stream_options") or {}).get("include_usage"))
        )
        prefix = {"chat.completions": "chatcmpl-", "responses": "resp_", "messages": "msg_"}[api]
        identity = self.seen.identity(prefix)
        whole, events = _answers(api, answer, model, identity, usage=usage)
        _note_answer(call, answer, whole, usage=usage)
        return self._stream(events, call, api) if stream else self._json(200, whole, ANSWER_S)

    def _note(self, provider: str, api: str, asked: dict, messages: list) -> dict:
        call = {
            "path": self.path.split("?")[0].lstrip("/"),
            "provider": provider,
            "api": api,
            "request_model": asked["model"],
            "streaming": bool(asked.get("stream")),
            "input_messages": messages,
            "is_error": False,
        }
        if asked.get("system") or asked.get("instructions"):
            call["system"] = asked.get("system") or asked.get("instructions")
        self.seen.calls.append(call)
        return call

    def _fail(self, status: int, model: str, call: dict) -> None:
        body, code, message = (
            wire_anthropic.error(status) if call["provider"] == "anthropic" else wire_openai.error(status, model)
        )
        kind = {429: "RateLimitError", 500: "InternalServerError"}[status]
        call |= {"is_error": True, "http_status": status, "error_code": code, "error_class": kind}
        call["error_message"] = message
        self._json(status, body)

    def _json(self, status: int, body: dict, delay: float = 0.0) -> None:
        time.sleep(delay)
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, events: Iterator[dict], call: dict, api: str) -> None:
        start = time.monotonic()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        time.sleep(FIRST_CHUNK_S)
        call["server_ttfc_s"] = round(time.monotonic() - start, 4)
        for place, event in enumerate(events):
            name = f"event: {event['type']}\n" if "type" in event else ""
            numbered = {**event, "sequence_number": place} if api == "responses" else event
            self._chunk(f"{name}data: {json.dumps(numbered)}\n\n".encode())
            time.sleep(CHUNK_S)
        if api == "chat.completions":
            self._chunk(b"data: [DONE]\n\n")
        call["server_duration_s"] = round(time.monotonic() - start, 4)
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()


def _answers(api: str, answer: Answer, model: str, identity: str, *, usage: bool) -> tuple[dict, Iterator[dict]]:
    """Return the answer whole and as the events of a stream."""
    if api == "messages":
        whole = wire_anthropic.message(answer, model, identity)
        return whole, wire_anthropic.message_stream(answer, model, identity)
    if api == "responses":
        return wire_openai.response(answer, model, identity), wire_openai.response_stream(answer, model, identity)
    return wire_openai.chat(answer, model, identity), wire_openai.chat_stream(answer, model, identity, usage=usage)


def _note_answer(call: dict, answer: Answer, whole: dict, *, usage: bool) -> None:
    """Note what the answer says, in the provider's own words and counts."""
    anthropic = call["provider"] == "anthropic"
    wire = wire_anthropic if anthropic else wire_openai
    call |= {
        "response_model": whole["model"],
        "response_id": whole["id"],
        "finish_reason": "completed" if call["api"] == "responses" else wire.FINISH[answer.finish],
        "output_text": answer.text,
        "tool_calls": answer.tool and [{"id": wire.CALL_ID, "name": answer.tool[0], "arguments": answer.tool[1]}],
        "input_tokens": answer.input - (answer.cache_read + answer.cache_write if anthropic else 0),
        "output_tokens": answer.output,
        "cache_read_tokens": answer.cache_read,
        "cache_creation_tokens": answer.cache_write,
        "reasoning_tokens": answer.reasoning,
        "usage_sent": usage,
    }
    if anthropic:
        call["input_tokens_excludes_cache"] = True
