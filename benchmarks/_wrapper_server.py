"""A server on loopback that answers model requests, and takes exports: what the wrapper's cost is measured at.

    python benchmarks/_wrapper_server.py        prints its port

Answers are bytes made beforehand, so that the server costs little and always the same. They come at once, or after the
milliseconds that a request asks for (`x-thinks-ms`), as a model takes its time.
"""

import asyncio
import json
import time

CHUNKS = 20
TEXT = "The quick brown fox jumps over the lazy dog. " * 12


def completion() -> bytes:
    """Return an answer of chat completions, about 1 KB."""
    message = {"role": "assistant", "content": TEXT, "refusal": None}
    return json.dumps(
        {
            "id": "chatcmpl-Bench0000000000000000000000",
            "object": "chat.completion",
            "created": 1_750_000_000,
            "model": "gpt-5-2025-08-07",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": {"prompt_tokens": 120, "completion_tokens": 130, "total_tokens": 250},
        }
    ).encode()


def events() -> bytes:
    """Return a stream of `CHUNKS` chunks with its usage at the end."""
    common = {"id": "chatcmpl-Bench", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-2025-08-07"}
    piece = TEXT[: len(TEXT) // CHUNKS]
    made = [
        {**common, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        for _ in range(CHUNKS - 1)
    ]
    made.append({**common, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 120, "completion_tokens": 130, "total_tokens": 250}
    made.append({**common, "choices": [], "usage": usage})
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in made) + b"data: [DONE]\n\n"


def answer(kind: str, body: bytes) -> bytes:
    """Return an HTTP response."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


WHOLE = answer("application/json", completion())
STREAM = answer("text/event-stream", events())
TAKEN = answer("application/x-protobuf", b"")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of a connection."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(size)
            if thinks := head.partition(b"x-thinks-ms:")[2].partition(b"\r\n")[0]:
                time.sleep(int(thinks) / 1e3)  # noqa: ASYNC251 -- a loop's own timers are a millisecond coarse
            if b"/v1/traces" in head or b"/v1/logs" in head:
                writer.write(TAKEN)
            else:
                writer.write(STREAM if b'"stream":true' in body.replace(b" ", b"") else WHOLE)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
