"""Telling a span what its call said: attributes by the GenAI conventions, content by policy."""

import json
import re
from collections.abc import Callable
from typing import Any

from opentelemetry.trace import Status, StatusCode

from spanpulse._calls._body import Collected, read_events, read_json, read_usage
from spanpulse._calls._call import Call
from spanpulse._log import say_once
from spanpulse._privacy import Content, mask_known
from spanpulse._shapes import Attribute, Json, Told, public_address

__all__ = ["tell"]

NS = 1e9
LONGEST_ERROR = 500  # characters
LONGEST_CODE = 100
ADDRESS = re.compile(r"https?://[^\s'\"<>]+")
CODE = re.compile(r"(?a:[\w.:/-]+)")
STOPS = "gen_ai.request.stop_sequences"
NO_CONTENT = Content()


def tell(call: Call, content: Content | None, breathe: Callable[[], object] = lambda: None) -> dict[str, Attribute]:
    """Set the attributes of a call that has ended, and return them. Without ``content`` no texts leave.

    ``breathe`` is called between steps, none of which takes longer than a text, or an answer, is long.
    """
    asked = call.shape.read_request(read_json(call.request))
    breathe()
    answered = _answer(call)
    breathe()
    told = {key: _sent(value) for key, value in (asked.attributes | answered.attributes).items()}
    if isinstance(stops := told.get(STOPS), list):  # the application's own words, and no content by the conventions
        told[STOPS] = [_sound((content or NO_CONTENT).text(stop)) for stop in stops]
    if call.is_stream:
        told["gen_ai.request.stream"] = True
        if call.first_ns:
            told["gen_ai.response.time_to_first_chunk"] = (call.first_ns - call.started_ns) / NS
    if call.error:
        told["error.type"] = call.error
    elif "error.type" in told:
        told["error.type"] = _code(told["error.type"])
    if "error.type" in told:
        call.span.set_status(Status(StatusCode.ERROR, _words(call, content) or str(told["error.type"])))
    call.span.set_attributes(told)
    if content is not None and call.span.is_recording():
        _set_texts(call, asked, answered, content, breathe)
    return told


def _words(call: Call, content: Content | None) -> str:
    """Return what leaves of an error's words, for an error may repeat what it was asked, or a key."""
    if content is None:
        return ""
    words = ADDRESS.sub(lambda found: public_address(found[0]), call.words)
    return _sound(content.text(mask_known(words))[:LONGEST_ERROR])


def _answer(call: Call) -> Told:
    answer = call.answer
    is_cut = isinstance(answer, Collected) and answer.cut
    parts = answer.parts() if isinstance(answer, Collected) else [answer]
    if call.is_stream and parts[0].lstrip()[:1] != b"{":  # else nothing streamed, or somebody has put it together
        return _streamed(call, parts, is_cut)
    if is_cut:
        return _whole(call, read_usage(parts[-1]) | read_usage(parts[0]))
    is_vectors = call.usage_only and isinstance(answer, bytes)
    return _whole(call, read_usage(parts[0]) if is_vectors else read_json(parts[0], call.encoding))


def _streamed(call: Call, parts: list[bytes], is_cut: bool) -> Told:
    events = list(read_events(parts, call.encoding))
    joined = call.shape.join(events)
    if is_cut and not joined.get("usage"):  # the last event, which has it, may be as long as the whole answer
        joined["usage"] = read_usage(parts[-1]).get("usage")
    told = call.shape.read_answer(joined)
    for event in events:
        if ("error" in event or event.get("type") == "error") and "error.type" not in told.attributes:
            told.note("error.type", _failure(event))
    return told


def _whole(call: Call, answer: Json) -> Told:
    told = call.shape.read_answer(answer)
    told.note("error.type", _failure(answer))  # servers in front of others answer so with the status of a success
    return told


def _failure(said: Json) -> str | None:
    """Return the provider's code of an event, or answer, that is an error: an object or text in it, or itself."""
    failed = said.get("error")
    if isinstance(failed, dict) and failed:
        return _code(failed.get("code") or failed.get("type"))
    return _code(said.get("code")) if failed or said.get("type") == "error" else None


def _code(said: Any) -> str:
    """Return a code if it is a word: a sentence may repeat what was asked, and no two calls would fail alike."""
    code = str(said)[:LONGEST_CODE] if isinstance(said, str | int) else ""
    return code if CODE.fullmatch(code) else "error"


def _set_texts(call: Call, asked: Told, answered: Told, content: Content, breathe: Callable[[], object]) -> None:
    """Set the texts of both sides; what a mask or the depth of a value makes impossible is left out."""
    said: dict[str, list[Json]] = {
        "gen_ai.input.messages": asked.messages,
        "gen_ai.output.messages": answered.messages,
        "gen_ai.system_instructions": asked.instructions,
        "gen_ai.tool.definitions": asked.tools,
    }
    for key, value in said.items():
        try:
            if value:
                breathe()
                call.span.set_attribute(key, _dumped(content.value(value)))
        except Exception as error:  # noqa: BLE001 -- tokens and the other texts are told
            say_once(f"texts of a call could not be read, and are left out ({type(error).__name__})")


def _dumped(value: Any) -> str:
    return _sound(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _sent(value: Attribute) -> Attribute:
    if isinstance(value, list):
        return [_sound(each) for each in value]
    return _sound(value) if isinstance(value, str) else value


def _sound(text: str) -> str:
    """Return a text that UTF-8 can hold: for another an application's exporter would lose a whole batch."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
