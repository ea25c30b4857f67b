"""The messages of a request's calls, as JSON in OpenTelemetry's schema: what each call was asked and what it said.

An agent's later calls carry what came before: its own calls of tools and what the tools returned.
"""

import json
from typing import Final

from spanpulse_stream.traffic.day._request import Call, Failure
from spanpulse_stream.traffic.day._story import TOOL
from spanpulse_stream.traffic.day._texts import Talk

__all__ = ["Conversation", "as_json"]

Message = dict[str, object]

COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
SYSTEM: Final = {
    "answer-question": "Answer from the articles below and name the one you used. Say so when they do not answer.",
    "suggest-next": "Suggest two short questions that the reader may ask next. Answer in JSON.",
    "draft-reply": "Draft a friendly reply for a colleague to send. Promise nothing that is not in the handbook.",
    "classify-intent": "Name the intent of the message. Answer in JSON with intent and confidence.",
    "resolve-ticket": "You are Halden's support agent. Use tools to find facts; never guess the state of an order.",
    "summarise-document": "Summarise the document in at most five sentences.",
    "translate-summary": "Translate the text into German, French or Spanish and change nothing else.",
}


def as_json(value: object) -> str:
    """Return compact JSON with letters as they are."""
    return COMPACT.encode(value)


class Conversation:
    """What is said in one request, in the order of its steps."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._before: list[Message] = []

    def system(self, call: Call) -> str:
        """Return the system instructions of a call."""
        return as_json([_text(SYSTEM[call.prompt])])

    def asked(self, call: Call) -> str:
        """Return the input messages of a call."""
        text, before = self._talk.question, self._before if call.prompt == "resolve-ticket" else []
        if call.prompt == "answer-question":
            text += "\n\nArticles:\n\n" + self._talk.article()
        elif call.prompt in {"summarise-document", "translate-summary"}:
            text = self._talk.article()
        return as_json([{"role": "user", "parts": [_text(text)]}, *before])

    def said(self, call: Call, call_id: str) -> str:
        """Return the output message of a call; ``call_id`` names the tool call that it asks for, if it does."""
        if call.calls_tool:
            tool = call.calls_tool
            part: Message = {"type": "tool_call", "id": call_id, "name": tool, "arguments": self.arguments(tool)}
            self._before.append({"role": "assistant", "parts": [part]})
            return as_json([{"role": "assistant", "parts": [part], "finish_reason": "tool_call"}])
        return as_json([{"role": "assistant", "parts": [_text(self._written(call))], "finish_reason": "stop"}])

    def arguments(self, tool: str) -> Message:
        """Return what a tool is called with."""
        more: Message = {"fields": ["state", "lines"]} if tool == TOOL else {}
        return {"order": self._talk.order, **more}

    def used(self, tool: str, call_id: str, failure: Failure | None) -> Message:
        """Return the result of a tool; the calls after it are told, also of a failure."""
        result: Message = {"error": failure.message} if failure else self._talk.result(tool)
        self._before.append(
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": result}]}
        )
        return result

    def _written(self, call: Call) -> str:
        texts = {
            "suggest-next": self._talk.next_questions,
            "draft-reply": self._talk.draft,
            "classify-intent": self._talk.intent,
            "translate-summary": self._talk.translated,
        }
        write = texts.get(call.prompt)
        return write() if write else self._talk.answer(call.style)


def _text(content: str) -> Message:
    return {"type": "text", "content": content}
