"""What a call is told: whatever it said and however long it was, its tokens; of its texts what the policy lets out."""

import json
import os
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import INVALID_SPAN

from spanpulse._background import Background
from spanpulse._calls import Call, _body, tell
from spanpulse._calls._body import MOST_BYTES, Collected
from spanpulse._clients._openai import OPENAI
from spanpulse._clients._watcher import Watcher
from spanpulse._metrics import Metrics
from spanpulse._privacy import Content
from spanpulse._shapes import CHAT_COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, Shape
from spanpulse._telling import Telling
from wrapper_ended import ended

MASKED = Content()
IMAGE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg"
READ = 16_384  # bytes that a client takes from its socket at once


class Heard:
    """Calls that have ended."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def ended(self, call: Call) -> None:
        self.calls.append(call)

    def tell(self, call: Call) -> None:
        raise NotImplementedError


def told(
    shape: Shape, asked: Any = b"{}", said: Any = b"{}", content: Content | None = MASKED, **more: Any
) -> tuple[dict[str, Any], str]:
    """Return the attributes and the status of a call that asked and was answered so."""

    def fill(span: Any) -> None:
        call = Call(span, shape, Heard())
        call.request, call.answer = _bytes(asked), said if isinstance(said, Collected) else _bytes(said)
        for name, value in more.items():
            setattr(call, name, value)
        tell(call, content)

    span = ended(fill=fill)
    return dict(span.attributes or {}), span.status.description or ""


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def collected(body: bytes) -> Collected:
    """Return a body as a client reads it."""
    found = Collected()
    for start in range(0, len(body), READ):
        found.add(body[start : start + READ])
    return found


@pytest.mark.parametrize("content", [MASKED, None])
def test_words_to_stop_at_are_masked(content: Content | None) -> None:
    attributes, _ = told(CHAT_COMPLETIONS, {"stop": ["END", "jane.doe@example.org"]}, content=content)
    assert attributes["gen_ai.request.stop_sequences"] == ("END", "<EMAIL>")


def test_a_long_stream_that_ends_with_all_it_said_tells_its_usage() -> None:
    usage = {"input_tokens": 5, "output_tokens": 9_000, "input_tokens_details": {"cached_tokens": 1}}
    head: dict[str, Any] = {"id": "resp_1", "model": "m", "status": "in_progress"}
    events: list[Any] = [{"type": "response.created", "response": head}]
    events += [{"type": "response.output_text.delta", "output_index": 0, "delta": "word " * 20}] * 9_000
    events += [{"type": "response.completed", "response": {**head, "instructions": "i" * 200_000, "usage": usage}}]
    body = b"".join(b"data: %b\n\n" % _bytes(event) for event in events)
    assert len(body) > MOST_BYTES
    attributes, _ = told(RESPONSES, said=collected(body), is_stream=True)
    assert attributes["gen_ai.response.id"] == "resp_1"
    assert attributes["gen_ai.usage.output_tokens"] == 9_000
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 1


@pytest.mark.parametrize("whole", [False, True])
def test_a_long_answer_in_one_piece_tells_which_it_was_and_its_usage(whole: bool) -> None:
    body = _bytes(
        {"id": "resp_1", "model": "m", "output": [{"result": "A" * 2 * MOST_BYTES}], "usage": {"input_tokens": 8}}
    )
    attributes, _ = told(RESPONSES, said=body if whole else collected(body))
    wanted = {"gen_ai.response.id": "resp_1", "gen_ai.response.model": "m", "gen_ai.usage.input_tokens": 8}
    assert {name: attributes.get(name) for name in wanted} == wanted


def test_many_vectors_that_are_read_as_they_come_tell_their_usage() -> None:
    body = _bytes({"data": [0.25] * 300_000, "model": "e", "usage": {"prompt_tokens": 8}})
    attributes, _ = told(EMBEDDINGS, said=collected(body), usage_only=True)
    assert attributes["gen_ai.usage.input_tokens"] == 8


def test_an_error_s_words_are_masked_whole_and_by_own_patterns() -> None:
    heard, card = Heard(), "4111 1111 1111 1111"
    call = Call(INVALID_SPAN, CHAT_COMPLETIONS, heard)
    call.end(ValueError("x" * 486 + f" {card} of project-kestrel"))
    for content in (Content(), Content(patterns=("project-[a-z]+",))):
        _, words = told(CHAT_COMPLETIONS, content=content, error=call.error, words=call.words)
        assert words.startswith("x" * 486 + " <CARD>"[:14])
        assert len(words) <= 500
    _, words = told(
        CHAT_COMPLETIONS, content=Content(patterns=("project-[a-z]+",)), error="E", words="of project-kestrel"
    )
    assert words == "of <MASKED>"
    assert told(CHAT_COMPLETIONS, content=None, error="E", words="of project-kestrel")[1] == "E"


@pytest.mark.parametrize(
    ("shape", "asked"),
    [
        (
            CHAT_COMPLETIONS,
            {"messages": [{"role": "tool", "content": [{"type": "image_url", "image_url": {"url": IMAGE}}]}]},
        ),
        (
            CHAT_COMPLETIONS,
            {"messages": [{"content": [{"type": "image_url", "image_url": {"url": IMAGE.replace("data", "DATA")}}]}]},
        ),
        (
            RESPONSES,
            {"input": [{"type": "function_call_output", "output": [{"type": "input_image", "image_url": IMAGE}]}]},
        ),
        (MESSAGES, {"messages": [{"content": [{"type": "image", "source": {"type": "url", "url": IMAGE}}]}]}),
        (
            MESSAGES,
            {
                "messages": [
                    {
                        "content": [
                            {
                                "type": "web_fetch_tool_result",
                                "content": {
                                    "type": "web_fetch_result",
                                    "content": {"type": "document", "source": {"type": "base64", "data": IMAGE}},
                                },
                            }
                        ]
                    }
                ]
            },
        ),
    ],
    ids=["tool", "capitals", "function", "url", "fetched"],
)
def test_no_image_leaves_wherever_it_lies(shape: Shape, asked: Any) -> None:
    attributes, _ = told(shape, asked)
    assert "iVBOR" not in attributes["gen_ai.input.messages"]
    assert '"type":"blob"' in attributes["gen_ai.input.messages"]


def test_what_no_exporter_takes_is_not_told() -> None:
    asked = b'{"model": "m\\ud800", "stop": ["\\ud800"], "seed": %d, "max_tokens": %d}' % (2**70, 2**63)
    said = b'{"choices": [{"message": {"content": "hi \\ud83d"}}], "usage": {"prompt_tokens": %d}}' % 10**30
    attributes, _ = told(CHAT_COMPLETIONS, asked, said)
    json.dumps(attributes, ensure_ascii=False).encode()
    assert attributes["gen_ai.request.model"] == "m?"
    assert not {"gen_ai.request.seed", "gen_ai.request.max_tokens", "gen_ai.usage.input_tokens"} & attributes.keys()


def test_texts_that_cannot_be_masked_take_no_tokens_and_no_other_texts_with_them() -> None:
    def mask(text: str) -> str:
        return None if text == "bad" else text  # type: ignore[return-value]

    asked = {"messages": [{"content": "bad"}]}
    said = {"choices": [{"message": {"content": "good"}}], "usage": {"prompt_tokens": 3}}
    attributes, _ = told(CHAT_COMPLETIONS, asked, said, Content((mask,)))
    assert "good" in attributes["gen_ai.output.messages"]
    assert "bad" not in attributes.get("gen_ai.input.messages", "")
    assert attributes["gen_ai.usage.input_tokens"] == 3


@pytest.mark.parametrize("depth", [300, 480])
def test_a_result_within_a_result_takes_no_tokens_with_it(depth: int) -> None:
    deep = b'[{"type": "tool_result", "content": ' * depth + b'"x"' + b"}]" * depth
    asked = b'{"model": "m", "messages": [{"role": "user", "content": %b}]}' % deep
    attributes, _ = told(MESSAGES, asked, {"usage": {"input_tokens": 3}})
    assert attributes["gen_ai.usage.input_tokens"] == 3


@pytest.mark.parametrize(
    ("code", "told_as"),
    [("overloaded", "overloaded"), (502, "502"), ({"a": "secret"}, "error"), ("x" * 999, "x" * 100)],
)
def test_the_code_of_an_error_is_short(code: Any, told_as: str) -> None:
    body = b"data: %b\n\n" % _bytes({"error": {"code": code}})
    assert told(CHAT_COMPLETIONS, said=collected(body), is_stream=True)[0]["error.type"] == told_as


def test_a_custom_tool_s_input_is_told_from_a_stream() -> None:
    pieces: list[dict[str, Any]] = [
        {"id": "call_1", "custom": {"name": "run", "input": "ls "}},
        {"custom": {"input": "-l"}},
    ]
    events = [{"choices": [{"delta": {"tool_calls": [{"index": 0, **piece}]}}]} for piece in pieces]
    body = b"".join(b"data: %b\n\n" % _bytes(event) for event in events)
    attributes, _ = told(CHAT_COMPLETIONS, said=collected(body), is_stream=True)
    (said,) = json.loads(attributes["gen_ai.output.messages"])
    assert said["parts"] == [{"type": "tool_call", "id": "call_1", "name": "run", "arguments": "ls -l"}]


def test_of_two_threads_that_end_a_call_one_does() -> None:
    heard = Heard()
    calls = [Call(INVALID_SPAN, CHAT_COMPLETIONS, heard) for _ in range(20_000)]
    barrier, before = threading.Barrier(2), sys.getswitchinterval()

    def end_all() -> None:
        for start in range(0, len(calls), 100):
            barrier.wait()
            for call in calls[start : start + 100]:
                call.end()

    threads = [threading.Thread(target=end_all) for _ in range(2)]
    sys.setswitchinterval(1e-6)
    try:
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        sys.setswitchinterval(before)
    assert len(heard.calls) == len(calls)


def test_a_child_does_not_end_its_parent_s_calls() -> None:
    heard = Heard()
    call = Call(INVALID_SPAN, CHAT_COMPLETIONS, heard)
    if not (child := os.fork()):
        call.end()
        os._exit(len(heard.calls))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    call.end()
    assert heard.calls == [call]


def unsampled(masks: Callable[[str], str]) -> set[Any]:
    """Have a call told whose span is not sampled; return the attributes of the metrics."""
    reader = InMemoryMetricReader()
    metrics = Metrics(MeterProvider([reader], shutdown_on_exit=False).get_meter("test"))
    telling = Telling(Background(0.01), Content((masks,)), metrics)
    watcher = Watcher(OPENAI, TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("test"), telling)
    client = SimpleNamespace(base_url=SimpleNamespace(host="api.openai.com", port=None, scheme="https"))
    options = SimpleNamespace(url="/chat/completions", method="post", json_data={"model": "gpt"})
    call = watcher.begin(client, options)
    assert call is not None
    call.request = _bytes({"model": "gpt", "messages": [{"role": "user", "content": "hello"}]})
    call.answer = _bytes({"usage": {"prompt_tokens": 3}})
    call.ended_ns = call.started_ns + 1
    telling.tell(call)
    data = reader.get_metrics_data()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    return {frozenset((point.attributes or {}).items()) for each in scope.metrics for point in each.data.data_points}


def test_a_call_that_is_not_sampled_is_counted_like_others_and_its_texts_are_not_looked_at() -> None:
    looked: list[str] = []
    said = unsampled(lambda text: looked.append(text) or text)  # type: ignore[func-returns-value]
    assert not looked
    wanted = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "server.address": "api.openai.com"}
    assert len(said) == 2
    assert all(wanted.items() <= each for each in said)


def test_half_an_answer_is_searched_in_linear_time() -> None:
    assert _body.read_usage(b'"usage": {' * 100_000 + b"x" * MOST_BYTES) == {}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (
            "'400' for url 'https://h/v1?api_key=abc123', see https://h/400",
            "'400' for url 'https://h/v1', see https://h/400",
        ),
        ("http://user:hunter2@proxy:8080 does not answer", "http://proxy:8080 does not answer"),
    ],
)
@pytest.mark.parametrize("content", [MASKED, Content(masks=())])
def test_addresses_in_an_error_s_words_let_nobody_in(words: str, wanted: str, content: Content) -> None:
    assert told(CHAT_COMPLETIONS, content=content, error="E", words=words)[1] == wanted


CHUNK = {"id": "a", "choices": [{"index": 0, "delta": {"content": "hi"}}]}


def events(*sent: Any) -> bytes:
    return b"".join(b"data: %b\n\n" % _bytes(event) for event in sent)


@pytest.mark.parametrize(
    ("error", "told_as"),
    [
        ("overloaded by 9 calls", "error"),
        (["a"], "error"),
        ({"type": "overloaded"}, "overloaded"),
        ({"message": "a"}, "error"),
    ],
)
def test_an_error_in_the_middle_of_a_stream_is_one_whatever_it_looks_like(error: Any, told_as: str) -> None:
    attributes, status = told(CHAT_COMPLETIONS, said=collected(events(CHUNK, {"error": error})), is_stream=True)
    assert (attributes["error.type"], status) == (told_as, told_as)
    assert "hi" in attributes["gen_ai.output.messages"]


@pytest.mark.parametrize(
    ("last", "told_as"),
    [
        (b"event: error\r\ndata: upstream went away\r\n\r\n", "error"),
        (b'event: error\ndata: {"message": "upstream went away"}\n\n', "error"),
        (b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error"}}\n\n', "overloaded_error"),
        (b'event: message\ndata: {"text": "\\nevent: error\\n"}\n\n', None),
    ],
)
def test_an_event_by_the_name_of_an_error_is_one_whatever_it_says(last: bytes, told_as: str | None) -> None:
    attributes, _ = told(MESSAGES, said=collected(events({"type": "ping"}) + last), is_stream=True)
    assert attributes.get("error.type") == told_as


@pytest.mark.parametrize("error", [None, {}, False, ""])
def test_an_error_that_is_none_is_none(error: Any) -> None:
    attributes, _ = told(CHAT_COMPLETIONS, said=collected(events({**CHUNK, "error": error})), is_stream=True)
    assert "error.type" not in attributes
    assert "error.type" not in told(CHAT_COMPLETIONS, said={"choices": [], "error": error})[0]


@pytest.mark.parametrize("shape", [CHAT_COMPLETIONS, RESPONSES, MESSAGES])
def test_an_answer_that_is_an_error_is_one_though_its_status_was_a_success(shape: Shape) -> None:
    attributes, status = told(shape, said={"error": {"message": "no", "code": 502}})
    assert (attributes["error.type"], status) == ("502", "502")


@pytest.mark.parametrize("content", [MASKED, None])
@pytest.mark.parametrize("code", ["you asked for jane.doe@example.org", "jane.doe@example.org"])
def test_a_code_that_says_what_was_asked_does_not_leave(content: Content | None, code: str) -> None:
    failed = {"type": "response.failed", "response": {"status": "failed", "error": {"code": code}}}
    attributes, status = told(RESPONSES, said=collected(events(failed)), is_stream=True, content=content)
    assert (attributes["error.type"], status) == ("error", "error")
    attributes, status = told(CHAT_COMPLETIONS, said={"error": {"code": code}}, content=content)
    assert (attributes["error.type"], status) == ("error", "error")


def test_a_stream_that_was_read_before_it_could_be_watched_is_told() -> None:
    attributes, _ = told(CHAT_COMPLETIONS, said=events(CHUNK, {"usage": {"prompt_tokens": 3}}), is_stream=True)
    assert attributes["gen_ai.usage.input_tokens"] == 3
    assert "hi" in attributes["gen_ai.output.messages"]


def test_an_answer_that_came_whole_though_a_stream_was_asked_for_is_told() -> None:
    said = _bytes({"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 3}})
    for answer in (said, collected(b" \n" + said)):
        attributes, _ = told(CHAT_COMPLETIONS, said=answer, is_stream=True)
        assert attributes["gen_ai.usage.input_tokens"] == 3
        assert "hi" in attributes["gen_ai.output.messages"]
