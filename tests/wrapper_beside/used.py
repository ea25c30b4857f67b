"""What an application calls of each client while others watch too, and what the provider answers to it.

Streams are read by the kind of client that they came from, for those of other instrumentations look like both kinds.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from providers.said import Failure, Said
from wrapper_driving import got

__all__ = ["Used", "used"]

MODELS = {"openai": "gpt-4o-2024-08-06", "anthropic": "claude-sonnet-4-5-20250929", "google-genai": "gemini-2.5-flash"}
MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES}
TOLD: dict[str, Any] = {**CHAT, "stream_options": {"include_usage": True}}
RESPONSE: dict[str, Any] = {"model": "gpt-4o", "input": "What is the capital of France?"}
MESSAGE: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": MESSAGES}
CONTENT: dict[str, Any] = {"model": "gemini-2.5-flash", "contents": "What is the capital of France?"}
CALL = ("look", {"city": "Paris"})
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "capital", "schema": {"type": "object", "properties": {}}}}
ID = re.compile("answer-[0-9a-f]{32}")
REFUSED = Failure(400, "invalid_request", "Bad request")


@dataclass(frozen=True)
class Used:
    """One call, of a client of a kind: sync or async."""

    sdk: str
    way: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.sdk}/{self.way}/{self.kind}"

    async def result(self, address: str, which: str) -> str:
        """Return in words what the call gives the application, or raises; ``which`` "native": the SDK tells as well."""
        said = await self._said(address, which)
        return ID.sub("ID", said)

    @property
    def modes(self) -> Any:
        """The module that makes clients of its SDK."""
        return import_module(f"wrapper_{self.sdk.replace('-', '_')}_modes")

    async def _said(self, address: str, which: str) -> str:
        client = self.modes.client_of(self.kind, which, address, **({} if "google" in self.sdk else {"max_retries": 0}))
        try:
            return repr(await WAYS[self.sdk][self.way](client, self.kind))
        except Exception as error:  # noqa: BLE001 -- which one it is, is what is asked
            return repr(error)
        finally:
            await got(client.close())

    def turn(self, of: str) -> Said | Failure:
        """Return what is answered, with counts and an id of its own; ``of`` is part of that."""
        if self.way == "failing":
            return REFUSED
        number = list(WAYS[self.sdk]).index(self.way) + (10 if self.kind == "async" else 0)
        read, more = (100 + number, 50 + number) if self.sdk == "anthropic" else (100 + number, 0)
        counts = {"input": 1000 + number, "output": 200 + number, "cache_read": read, "cache_write": more}
        if self.sdk != "anthropic":
            counts["reasoning"] = 30 + number
        has_tool = {"tool": CALL, "finish": "tool"} if self.way == "tools" else {}
        return Said("{}", self.response_id(of), MODELS[self.sdk], **counts, **has_tool)  # type: ignore[arg-type]

    def response_id(self, of: str) -> str:
        """Return the id of its answer: as long as any other's."""
        return "answer-" + hashlib.sha256(f"{of}/{self.name}".encode()).hexdigest()[:32]


def used(*sdks: str) -> list[Used]:
    """Return all calls of some clients."""
    return [Used(sdk, way, kind) for sdk in sdks for way in WAYS[sdk] for kind in ("sync", "async")]


async def read(stream: Any, kind: str) -> list[Any]:
    """Return what a stream gives."""
    return [each async for each in stream] if kind == "async" else list(stream)


async def final(manager: Any, kind: str, name: str) -> Any:
    """Return what the helper of a stream makes of it all, by the method ``name``."""
    if kind == "async":
        async with manager as stream:
            return await getattr(stream, name)()
    with manager as stream:
        return getattr(stream, name)()


async def chat(client: Any, _kind: str) -> Any:
    return await got(client.chat.completions.create(**CHAT))


async def chat_stream(client: Any, kind: str) -> Any:
    return await read(await got(client.chat.completions.create(**TOLD, stream=True)), kind)


async def chat_raw(client: Any, _kind: str) -> Any:
    return (await got(client.chat.completions.with_raw_response.create(**CHAT))).parse()


async def chat_parsed(client: Any, _kind: str) -> Any:
    return await got(client.chat.completions.parse(**CHAT, response_format=FORMAT))


async def chat_helper(client: Any, kind: str) -> Any:
    return await final(client.chat.completions.stream(**TOLD), kind, "get_final_completion")


async def chat_tools(client: Any, _kind: str) -> Any:
    return await got(client.chat.completions.create(**CHAT, tools=[TOOL]))


async def embeddings(client: Any, _kind: str) -> Any:
    return await got(client.embeddings.create(model="text-embedding-3-small", input="one"))


async def responses(client: Any, _kind: str) -> Any:
    return await got(client.responses.create(**RESPONSE))


async def responses_stream(client: Any, kind: str) -> Any:
    return await read(await got(client.responses.create(**RESPONSE, stream=True)), kind)


async def message(client: Any, _kind: str) -> Any:
    return await got(client.messages.create(**MESSAGE))


async def message_stream(client: Any, kind: str) -> Any:
    return await read(await got(client.messages.create(**MESSAGE, stream=True)), kind)


async def message_helper(client: Any, kind: str) -> Any:
    return await final(client.messages.stream(**MESSAGE), kind, "get_final_message")


async def message_beta(client: Any, _kind: str) -> Any:
    return await got(client.beta.messages.create(**MESSAGE, betas=["context-1m-2025-08-07"]))


async def content(client: Any, _kind: str) -> Any:
    return await got(client.models.generate_content(**CONTENT))


async def content_stream(client: Any, kind: str) -> Any:
    return await read(await got(client.models.generate_content_stream(**CONTENT)), kind)


WAYS: dict[str, dict[str, Callable[[Any, str], Awaitable[Any]]]] = {
    "openai": {
        "chat": chat,
        "stream": chat_stream,
        "raw": chat_raw,
        "parsed": chat_parsed,
        "helper": chat_helper,
        "tools": chat_tools,
        "embeddings": embeddings,
        "responses": responses,
        "responses-stream": responses_stream,
        "failing": chat,
    },
    "anthropic": {
        "message": message,
        "stream": message_stream,
        "helper": message_helper,
        "beta": message_beta,
        "tools": message,
        "failing": message,
    },
    "google-genai": {"content": content, "stream": content_stream, "tools": content, "failing": content},
}
