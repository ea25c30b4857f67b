"""What the imitated providers answer: one answer a marker such as ``[chat]`` in the last thing that was said.

Counts are as a provider has them: ``input`` includes what was read from or written to a cache, ``output`` includes
reasoning. The numbers are odd on purpose, so that a count that ends up in the wrong column shows.
"""

import re
from dataclasses import dataclass

__all__ = ["ANSWERS", "MODELS", "Answer", "answer_to", "said"]


@dataclass(frozen=True)
class Answer:
    text: str | None
    input: int = 0  # tokens
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    finish: str = "stop"  # stop, length, tool
    tool: tuple[str, dict] | None = None  # name and arguments
    status: int = 200


ANSWERS = {
    "chat": Answer("The capital of France is Paris.", 101, 23),
    "stream": Answer("Streaming answer: one two three four five six seven.", 202, 45),
    "nousage": Answer("Stream without usage at its end.", 212, 47),
    "tool": Answer(None, 303, 17, finish="tool", tool=("get_weather", {"city": "Paris"})),
    "tool-result": Answer("It is 21 degrees and sunny in Paris.", 340, 31),
    "cached": Answer("Forty-two, after long thought.", 1500, 300, cache_read=1024, reasoning=192),
    "written": Answer("From a long and cached prompt.", 3298, 88, cache_read=2048, cache_write=1200),
    "turn1": Answer("Hello Alice, nice to meet you.", 404, 12),
    "turn2": Answer("Your name is Alice.", 450, 14),
    "prompt": Answer("Dear customer, thank you for writing.", 606, 66),
    "rag": Answer("Refunds are possible within 30 days.", 505, 55),
    "unicode": Answer('Grüße aus Köln 🎉, 日本語\nsecond line "quoted" \\ backslash\ttab', 77, 33),
    "long": Answer("and so on " * 40, 901, 400, finish="length"),
    "err429": Answer(None, status=429),
    "err500": Answer(None, status=500),
}

MODELS = {  # the dated name a provider answers with
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "o3-mini": "o3-mini-2025-01-31",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}


def said(content: str | list | None) -> str:
    """Return the text of a message's content, which is a string or a list of parts."""
    if isinstance(content, list):
        return " ".join(said(part.get("text")) for part in content if isinstance(part, dict))
    return content or ""


def answer_to(messages: list[dict]) -> Answer:
    """Return the answer to a conversation: by what its last message is, a tool's result, or by its last marker."""
    last = messages[-1]
    parts = last.get("content")
    kinds = {part.get("type") for part in parts} if isinstance(parts, list) else set()
    if last.get("role") == "tool" or last.get("type") == "function_call_output" or "tool_result" in kinds:
        return ANSWERS["tool-result"]
    marks = [mark for message in messages for mark in re.findall(r"\[([\w-]+)\]", said(message.get("content")))]
    return ANSWERS[[mark for mark in marks if mark in ANSWERS][-1]]
