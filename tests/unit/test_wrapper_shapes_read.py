"""What bodies say in particular: defaults that say nothing, streams that were left, requests that are no calls."""

from types import SimpleNamespace
from typing import Any

import pytest

from spanpulse._clients._openai import OPENAI
from spanpulse._clients._providers import provider_at
from spanpulse._clients._watcher import Watcher
from spanpulse._shapes import CHAT_COMPLETIONS, COMPLETIONS, GENERATE_CONTENT, MESSAGES, RESPONSES, Shape
from watching import Watched


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://h/a.png?page=2&size=9", "https://h/a.png?page=2&size=9"),
        ("https://h/a.png?X-Amz-Credential=A&X-Amz-Signature=b", "https://h/a.png"),
        ("https://h/a.png?se=2&sig=b%3D", "https://h/a.png"),
        ("https://h/a.png?access_token=b", "https://h/a.png"),
        ("https://h/a.png#access_token=b", "https://h/a.png"),
        ("https://h/a.png?n=1&%73ig=b", "https://h/a.png"),
        ("https://h/a.png;jsessionid=b?n=1", "https://h/a.png"),
        ("https://h/a.png?password=b", "https://h/a.png"),
        ("https://h/a.png?code=b", "https://h/a.png"),
        ("https://u:p@ss@h/a.png", "https://h/a.png"),
        ("https://u:p;key=b@h/a.png", "https://h/a.png"),
        ("https://h/a.png?n=a@b#page", "https://h/a.png?n=a@b#page"),
        ("https://u:p@h/a@b.png", "https://h/a@b.png"),
        ("gs://bucket/a.png", "gs://bucket/a.png"),
    ],
)
def test_what_lets_anybody_read_is_no_part_of_an_address(address: str, told: str) -> None:
    content = [{"type": "image_url", "image_url": {"url": address}}]
    (said,) = CHAT_COMPLETIONS.read_request({"messages": [{"role": "user", "content": content}]}).messages
    assert said["parts"] == [{"type": "uri", "modality": "image", "uri": told}]
    source = {"type": "image", "source": {"type": "url", "url": address}}
    (said,) = MESSAGES.read_request({"messages": [{"role": "user", "content": [source]}]}).messages
    assert said["parts"] == [{"type": "uri", "modality": "image", "uri": told}]


def test_a_null_in_a_later_event_takes_no_tokens_back() -> None:
    usage = {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 1}
    later = {"output_tokens": 9, "input_tokens": None, "cache_read_input_tokens": None}
    events = [{"type": "message_start", "message": {"usage": usage}}, {"type": "message_delta", "usage": later}]
    told = MESSAGES.read_answer(MESSAGES.join(events)).attributes
    assert told["gen_ai.usage.input_tokens"] == 10
    assert told["gen_ai.usage.output_tokens"] == 9


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"service_tier": "auto", "n": 1}, {}),
        ({"service_tier": "flex", "n": 2}, {"openai.request.service_tier": "flex", "gen_ai.request.choice.count": 2}),
        ({"stop": "END"}, {"gen_ai.request.stop_sequences": ["END"]}),
        ({"max_tokens": 5, "max_completion_tokens": 0}, {"gen_ai.request.max_tokens": 0}),
    ],
)
def test_defaults_of_a_chat_say_nothing(body: dict[str, Any], told: dict[str, Any]) -> None:
    assert CHAT_COMPLETIONS.read_request(body).attributes == {"openai.api.type": "chat_completions", **told}


def test_a_response_that_was_left_has_what_was_said_once_and_no_finish_reason() -> None:
    done = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "one"}]}
    events = [
        {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
        {"type": "response.output_text.delta", "output_index": 0, "delta": "one"},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.output_text.delta", "output_index": 1, "delta": "tw"},
    ]
    told = RESPONSES.read_answer(RESPONSES.join(events))
    assert told.attributes == {"gen_ai.response.id": "resp_1"}
    assert [part["content"] for said in told.messages for part in said["parts"]] == ["one", "tw"]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("get", "/chat/completions"),  # those that were stored
        ("post", "/responses/resp_1/cancel"),
        ("post", "/files"),
    ],
)
def test_requests_that_are_no_calls_begin_none(method: str, url: str) -> None:
    watched = Watched()
    watcher = Watcher(OPENAI, watched.tracer, watched.telling)
    assert watcher.begin(SimpleNamespace(), SimpleNamespace(url=url, method=method)) is None


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("openrouter.ai", "openrouter"),
        ("API.MISTRAL.AI", "mistral_ai"),
        ("api.x.ai", "x_ai"),
        ("me.services.ai.azure.com", "azure.ai.inference"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("api.x.ai.example.com", "mine"),
        ("", "mine"),
    ],
)
def test_who_answers_is_told_by_the_end_of_the_host(host: str, provider: str) -> None:
    assert provider_at(host, "mine") == provider


def chunk(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


def parts_of_stream(*events: dict[str, Any]) -> list[dict[str, Any]]:
    (said,) = CHAT_COMPLETIONS.read_answer(CHAT_COMPLETIONS.join(events)).messages
    parts: list[dict[str, Any]] = said["parts"]
    return parts


def test_calls_of_tools_that_share_an_index_are_kept_apart() -> None:
    calls = [{"index": 0, "id": name, "function": {"name": name, "arguments": f'"{name}"'}} for name in "ab"]
    wanted = [{"type": "tool_call", "id": name, "name": name, "arguments": name} for name in "ab"]
    assert parts_of_stream(*(chunk(tool_calls=[call]) for call in calls)) == wanted
    assert parts_of_stream(chunk(tool_calls=[{**call, "index": None} for call in calls])) == wanted


def test_a_call_of_a_tool_whose_pieces_have_other_ids_is_one() -> None:
    pieces = [{"index": 0, "id": f"call_{n}", "function": {"arguments": piece}} for n, piece in enumerate('{"a":1}')]
    pieces[0]["function"]["name"] = "look"  # type: ignore[index]
    (part,) = parts_of_stream(*(chunk(tool_calls=[piece]) for piece in pieces))
    assert part == {"type": "tool_call", "id": "call_0", "name": "look", "arguments": {"a": 1}}


@pytest.mark.parametrize(
    ("message", "deltas", "wanted"),
    [
        (
            {"function_call": {"name": "look", "arguments": "{}"}},
            [{"function_call": {"name": "look", "arguments": "{"}}, {"function_call": {"arguments": "}"}}],
            [{"type": "tool_call", "id": None, "name": "look", "arguments": {}}],
        ),
        (
            {"audio": {"id": "a", "data": "AAAA", "transcript": "hi you"}},
            [
                {"audio": {"id": "a", "transcript": "hi "}},
                {"audio": {"data": "AAAA"}},
                {"audio": {"transcript": "you"}},
            ],
            [{"type": "blob", "modality": "audio", "transcript": "hi you"}],
        ),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                    {"type": "text", "text": "hello"},
                ]
            },
            [
                {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
                {"content": [{"type": "text", "text": "hel"}]},
                {"content": "lo"},
            ],
            [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "hello"}],
        ),
    ],
    ids=["function", "audio", "parts"],
)
def test_what_some_servers_say_is_told_whole_and_streamed(
    message: dict[str, Any], deltas: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> None:
    (said,) = CHAT_COMPLETIONS.read_answer({"choices": [{"message": message}]}).messages
    assert said["parts"] == parts_of_stream(*(chunk(**delta) for delta in deltas)) == wanted


@pytest.mark.parametrize(
    "last",
    [
        {"choices": [], "usage": {"prompt_tokens": 3, "prompt_cache_hit_tokens": 2}},
        {"choices": [], "x_groq": {"usage": {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}}},
        {"choices": [{"index": 0, "delta": {}, "usage": {"prompt_tokens": 3, "cached_tokens": 2}}]},
    ],
)
@pytest.mark.parametrize("shape", [CHAT_COMPLETIONS, COMPLETIONS])
def test_tokens_are_found_where_servers_put_them(shape: Shape, last: dict[str, Any]) -> None:
    told = shape.read_answer(shape.join([chunk(content="hi"), last, {"choices": [], "usage": None}])).attributes
    assert told["gen_ai.usage.input_tokens"] == 3
    assert told["gen_ai.usage.cache_read.input_tokens"] == 2


@pytest.mark.parametrize("shape", [CHAT_COMPLETIONS, COMPLETIONS, MESSAGES, RESPONSES, GENERATE_CONTENT])
def test_what_the_conventions_call_a_double_is_one(shape: Shape) -> None:
    body: dict[str, Any] = {
        "temperature": 1,
        "top_p": 1,
        "top_k": 5,
        "max_tokens": 9,
        "frequency_penalty": 0,
        "seed": 7,
    }
    google = {"temperature": 1, "topP": 1, "topK": 5, "maxOutputTokens": 9, "frequencyPenalty": 0, "seed": 7}
    told = shape.read_request({**body, "max_output_tokens": 9, "generationConfig": google}).attributes
    doubles = {"temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty"}
    kinds = {name.removeprefix("gen_ai.request."): type(value) for name, value in told.items() if "request" in name}
    assert kinds.keys() >= {"temperature", "top_p", "max_tokens"}
    assert all(kind is (float if name in doubles else int) for name, kind in kinds.items())


def test_a_response_tells_what_was_written_to_the_cache_and_what_was_thought() -> None:
    thought = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
    usage = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 5}}
    told = RESPONSES.read_answer({"output": [thought], "usage": usage})
    assert told.attributes["gen_ai.usage.cache_write.input_tokens"] == 5
    assert told.messages[0]["parts"] == [{"type": "reasoning", "content": "hm"}]


def test_a_response_that_failed_without_a_code_failed() -> None:
    event = {"type": "response.failed", "response": {"status": "failed", "error": {"message": "no"}}}
    assert RESPONSES.read_answer(RESPONSES.join([event])).attributes["error.type"] == "failed"


def test_code_that_google_runs_is_told_and_a_signature_is_no_text() -> None:
    parts: list[dict[str, Any]] = [
        {"thoughtSignature": "AAAA", "executableCode": {"language": "PYTHON", "code": "1+1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
        {"toolCall": {"id": "t", "toolType": "GOOGLE_SEARCH_WEB", "args": {"q": "x"}}},
        {"text": "", "thoughtSignature": "AAAA"},
        {"text": "two"},
    ]
    events = [{"candidates": [{"content": {"parts": [part]}}]} for part in parts]
    for body in (GENERATE_CONTENT.join(events), {"candidates": [{"content": {"parts": parts}}]}):
        (said,) = GENERATE_CONTENT.read_answer(body).messages
        code, result, search, text = said["parts"]
        assert (code["type"], code["name"], code["arguments"]["code"]) == ("tool_call", "code_execution", "1+1")
        assert (result["type"], result["response"]["output"]) == ("tool_call_response", "2")
        assert (search["name"], search["arguments"]) == ("GOOGLE_SEARCH_WEB", {"q": "x"})
        assert text == {"type": "text", "content": "two"}


@pytest.mark.parametrize("prompt", [7, {"a": 1}, True, None])
def test_a_prompt_of_no_known_kind_takes_nothing_with_it(prompt: Any) -> None:
    told = COMPLETIONS.read_request({"model": "m", "prompt": prompt, "n": 2})
    assert told.attributes == {"gen_ai.request.model": "m", "gen_ai.request.choice.count": 2}
    assert not told.messages


FUNCTION: dict[str, Any] = {"name": "look", "parameters": {"properties": {"token": {"type": "string"}}}}


@pytest.mark.parametrize(
    ("shape", "tool", "told"),
    [
        (
            RESPONSES,
            {
                "type": "mcp",
                "server_label": "crm",
                "server_url": "https://u:p@h/mcp?api_key=opaque",
                "authorization": "opaque",
                "headers": {"x-org": "opaque"},
                "allowed_tools": ["look"],
            },
            {"type": "mcp", "server_label": "crm", "server_url": "https://h/mcp", "allowed_tools": ["look"]},
        ),
        (
            GENERATE_CONTENT,
            {
                "mcpServers": [
                    {"name": "a", "streamableHttpTransport": {"url": "https://h/", "headers": {"a": "opaque"}}}
                ]
            },
            {"mcpServers": [{"name": "a", "streamableHttpTransport": {"url": "https://h/"}}]},
        ),
        (GENERATE_CONTENT, {"googleMaps": {"authConfig": {"apiKey": "opaque"}}}, {"googleMaps": {}}),
        (GENERATE_CONTENT, {"functionDeclarations": [FUNCTION]}, {"functionDeclarations": [FUNCTION]}),
        (CHAT_COMPLETIONS, {"type": "function", "function": FUNCTION}, {"type": "function", "function": FUNCTION}),
        (MESSAGES, {"name": "web_fetch", "max_content_tokens": 5}, {"name": "web_fetch", "max_content_tokens": 5}),
        (MESSAGES, {"input_schema": {"api_key": {}}, "secret": "opaque"}, {"input_schema": {"api_key": {}}}),
    ],
)
def test_what_lets_a_provider_in_is_no_part_of_a_tool(shape: Shape, tool: dict[str, Any], told: dict[str, Any]) -> None:
    assert shape.read_request({"tools": [tool]}).tools == [told]


def test_a_definition_without_end_takes_nothing_with_it() -> None:
    deep: Any = "x"
    for _ in range(5_000):
        deep = {"a": [deep]}
    told = CHAT_COMPLETIONS.read_request({"model": "m", "tools": [deep, 7]})
    assert told.attributes["gen_ai.request.model"] == "m"
    assert told.tools[1] == 7
