"""Guards around the calls of real SDKs, whole and streamed, synchronous and not; what they did are scores."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from pydantic import BaseModel

import wrapper_anthropic_modes as anthropic_modes
import wrapper_google_genai_modes as google_modes
import wrapper_openai_modes as openai_modes
from normalising import as_list, normalised
from providers.said import Failure, Said
from providers.server import Providers
from spanpulse import checks
from spanpulse._guard import Guard, GuardBlocked, guard
from wrapper_driving import got, read
from wrapper_recorded import recorded

MAIL = "ada@example.org"
TEXT = f"You can write to {MAIL} or call, and then wait for an answer."
LEFT = TEXT.replace(MAIL, "<EMAIL>")
ASKED = f"Who is {MAIL}?"
USER = [{"role": "user", "content": ASKED}]

Call = Callable[[Any, bool], tuple[Callable[..., Any], dict[str, Any]]]


def chat(client: Any, stream: bool) -> tuple[Any, dict[str, Any]]:
    return client.chat.completions.create, {"model": "m", "messages": USER, "stream": stream}


def responses(client: Any, stream: bool) -> tuple[Any, dict[str, Any]]:
    return client.responses.create, {"model": "m", "input": ASKED, "stream": stream}


def completions(client: Any, stream: bool) -> tuple[Any, dict[str, Any]]:
    return client.completions.create, {"model": "m", "prompt": ASKED, "stream": stream}


def messages(client: Any, stream: bool) -> tuple[Any, dict[str, Any]]:
    return client.messages.create, {"model": "m", "max_tokens": 9, "messages": USER, "stream": stream}


def generate(client: Any, stream: bool) -> tuple[Any, dict[str, Any]]:
    method = client.models.generate_content_stream if stream else client.models.generate_content
    return method, {"model": "m", "contents": ASKED}


CLIENTS: dict[str, tuple[Any, Call]] = {
    "chat": (openai_modes.client_of, chat),
    "responses": (openai_modes.client_of, responses),
    "completions": (openai_modes.client_of, completions),
    "anthropic": (anthropic_modes.client_of, messages),
    "google": (google_modes.client_of, generate),
}
WAYS = [(name, kind, stream) for name in CLIENTS for kind in ("sync", "async") for stream in (False, True)]


def used(way: tuple[str, str, bool], address: str, around: Guard | None) -> str:
    """Return all that a call answers, written out."""
    name, kind, stream = way
    make, call = CLIENTS[name]

    async def using() -> str:
        client: Any = make(kind, "", address)
        if name == "google":
            client = client.client if kind == "sync" else client.client.aio
        method, asked = call(client, stream)
        result = await got(method(**asked) if around is None else around.call(method, **asked))
        items = await read(result) if stream else [result]
        await got(client.aclose() if hasattr(client, "aclose") else client.close())
        return "\n".join(each.model_dump_json(exclude_none=True) for each in items)

    return asyncio.run(using())


def said_in(dumped: str) -> str:
    """Return the answer's text in what `used` wrote."""
    pieces = []
    for line in dumped.splitlines():
        item = json.loads(line)
        kind = item.get("type", "")
        if "candidates" in item:
            pieces += [part.get("text", "") for part in item["candidates"][0]["content"]["parts"]]
        elif item.get("choices"):
            choice = item["choices"][0]
            pieces.append(
                (choice.get("message") or choice.get("delta") or choice).get("content") or choice.get("text") or ""
            )
        elif kind == "response.output_text.delta":
            pieces.append(item["delta"])
        elif kind == "content_block_delta":
            pieces.append(item["delta"].get("text", ""))
        elif kind == "message":
            pieces += [part["text"] for part in item["content"]]
        elif item.get("object") == "response":
            pieces += [part["text"] for each in item["output"] for part in each.get("content", ())]
    return "".join(pieces)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_what_violates_nothing_is_what_the_sdk_answers(providers: Providers, way: tuple[str, str, bool]) -> None:
    address = providers.answers("same", Said("Nothing, to see here."))
    plain = used(way, address, None)
    assert "Nothing," in plain
    for action in ("block", "mask", "flag"):
        assert used(way, address, guard(input=[harmless], output=[checks.pii(["iban"])], on_violation=action)) == plain  # type: ignore[arg-type]


def harmless(_text: str) -> None:
    return None


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_masks_reach_the_provider_and_the_application(providers: Providers, way: tuple[str, str, bool]) -> None:
    address = providers.answers("mask", Said(TEXT))
    around = guard(input=[checks.pii()], output=[checks.pii()], on_violation="mask")
    left = used(way, address, around)
    (asked,) = providers.asked("mask")
    assert b"Who is <EMAIL>?" in asked.body
    assert MAIL.encode() not in asked.body
    assert said_in(left) == LEFT
    assert MAIL not in left


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_what_is_blocked_is_not_sent_or_not_handed_on(providers: Providers, way: tuple[str, str, bool]) -> None:
    address = providers.answers("block", Said(TEXT))
    with pytest.raises(GuardBlocked, match="the input"):
        used(way, address, guard(input=[checks.pii()]))
    assert not providers.asked("block")
    with pytest.raises(GuardBlocked, match="the output"):
        used(way, address, guard(output=[checks.pii()]))
    assert len(providers.asked("block")) == 1


def test_an_error_of_the_provider_stays_what_it_is(providers: Providers) -> None:
    address = providers.answers("error", Failure(400, "bad", "no"))
    with pytest.raises(openai_modes.openai.BadRequestError):
        used(("chat", "sync", True), address, guard(output=[checks.pii()], on_violation="mask"))


class Capital(BaseModel):
    city: str


def test_structured_outputs_are_looked_at_in_the_end(providers: Providers) -> None:
    around = guard(output=[checks.model(Capital), checks.json_schema(Capital.model_json_schema())])
    for stream in (False, True):
        for name in CLIENTS:
            address = providers.answers("form", Said('{"city": "Paris"}'))
            assert said_in(used((name, "sync", stream), address, around)) == '{"city": "Paris"}'
            address = providers.answers("form", Said('{"town": "Paris"}'))
            with pytest.raises(GuardBlocked) as caught:
                used((name, "sync", stream), address, around)
            assert [each.check for each in caught.value.findings] == ["model", "json_schema"]


def test_arguments_of_tools_are_looked_at(providers: Providers) -> None:
    said = Said(tool=("send", {"to": MAIL}), finish="tool")
    for name in ("chat", "responses", "anthropic"):
        for stream in (False, True):
            left = used(
                (name, "sync", stream),
                providers.answers("tool", said),
                guard(output=[checks.pii()], on_violation="mask"),
            )
            assert MAIL not in left
            assert "<EMAIL>" in left


def test_results_are_scores_of_the_stream(providers: Providers) -> None:
    around = guard(input=[checks.length(max=100)], output=[checks.pii()], on_violation="mask", name="support")
    with recorded() as found:
        used(("chat", "sync", True), providers.answers("scores", Said(TEXT)), around)
        spans = [found.one("guard support")]
    read_again = normalised([encode_spans(spans).SerializeToString()])
    assert not read_again.rejected
    assert read_again.one("kind") == "other"
    assert read_again.one("anomalies") == []
    scores = read_again.columns.scores
    assert scores is not None
    names = ("name", "evaluator", "evaluator_version", "label", "value", "request_model", "explanation")
    rows = zip(*(as_list(getattr(scores, name)) for name in names), strict=True)
    assert list(rows) == [
        ("length", "spanpulse.guard.input", "1", "pass", 0.0, "m", None),
        ("pii", "spanpulse.guard.output", "1", "fail", 1.0, "m", "1 EMAIL"),
    ]
    assert read_again.attributes()["spanpulse.guard.output.action"] == "mask"
