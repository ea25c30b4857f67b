"""What a span is where nobody says it, and what older versions of emitters called things."""

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from making_spans import CHAT, NOW, SECOND, one

TOOL = {"gen_ai.tool.name": "f"}
OPENLLMETRY = "opentelemetry.instrumentation"


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        (TOOL, "tool"),
        (TOOL | {"gen_ai.tool.call.id": "c1", "gen_ai.request.model": "m", "gen_ai.system": "openai"}, "tool"),
        (TOOL | {"gen_ai.request.model": "m", "gen_ai.system": "openai"}, "llm"),
        ({"mcp.method.name": "tools/call"}, "tool"),
        ({"mcp.method.name": "tools/list"}, "other"),
        (TOOL | {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}, "llm"),
        ({"gen_ai.tool.call.id": "c1"}, "other"),
    ],
)
def test_a_tool_is_one_by_its_name_or_its_protocol(attributes: dict[str, Any], kind: str) -> None:
    for scope in ("app", "mcp", "pydantic-ai"):
        assert one(attributes, scope).one("kind") == kind
    assert (
        one(attributes).attributes().items()
        >= {key: value for key, value in attributes.items() if "tool" in key or "mcp" in key}.items()
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("agent run", "agent"),
        ("running tool", "tool"),
        ("running 2 tools", "tool"),
        ("preparing model request params", "other"),
    ],
)
def test_older_pydantic_ai_says_what_a_span_is_by_its_name(name: str, kind: str) -> None:
    tokens = {"model_name": "gpt-4o", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 9}
    got = one(tokens, "pydantic-ai", name=name)
    assert (got.one("kind"), got.one("input_tokens")) == (kind, None)


@pytest.mark.parametrize(
    ("scope", "name", "attributes", "kind"),
    [
        (f"{OPENLLMETRY}.chromadb", "chroma.query", {"db.system": "chroma", "db.operation": "query"}, "retrieval"),
        (f"{OPENLLMETRY}.chromadb", "chroma.add", {"db.system": "chroma", "db.operation": "add"}, "other"),
        (f"{OPENLLMETRY}.chromadb", "chroma.query.segment._query", {"db.system": "chroma"}, "other"),
        (f"{OPENLLMETRY}.pinecone", "pinecone.query", {}, "retrieval"),
        (f"{OPENLLMETRY}.pinecone", "pinecone.upsert", {"db.system": "Pinecone"}, "other"),
        ("app", "Pinecone.query", {"db.system": "Pinecone"}, "retrieval"),
        ("app", "milvus.search", {"db.system.name": "milvus"}, "retrieval"),
        ("app", "anything", {"db.system": "weaviate", "db.operation.name": "near_text"}, "retrieval"),
        ("app", "qdrant.search", {"db.system": "qdrant", "db.operation": "upsert"}, "other"),
        ("app", "query", {"db.system": "postgresql", "db.operation": "query"}, "other"),
    ],
)
def test_a_query_to_a_vector_store_is_a_retrieval(scope: str, name: str, attributes: dict[str, Any], kind: str) -> None:
    got = one(attributes, scope, name=name)
    assert (got.one("kind"), got.attributes()) == (kind, attributes)


def test_an_image_is_no_call_of_a_language_model_unless_tokens_are_there() -> None:
    asked = {"gen_ai.operation.name": "image_generation", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m"}
    assert one(asked).rows("kind", "usage_status", "operation") == [("other", None, "image_generation")]
    assert one(asked | {"gen_ai.usage.input_tokens": 9}).one("kind") == "llm"


def test_the_oldest_names_of_openllmetry() -> None:
    said = {
        "llm.request.type": "chat",
        "llm.vendor": "OpenAI",
        "llm.request.model": "gpt-4o",
        "llm.response.model": "gpt-4o-2024-08-06",
        "llm.usage.prompt_tokens": 10,
        "llm.usage.completion_tokens": 5,
    }
    chunk = Span.Event(name="llm.content.completion.chunk", time_unix_nano=NOW - 2 * SECOND + 300_000_000)
    got = one(said, f"{OPENLLMETRY}.openai", events=[chunk])
    assert got.rows("kind", "provider", "request_model", "response_model") == [
        ("llm", "openai", "gpt-4o", "gpt-4o-2024-08-06")
    ]
    assert got.rows("input_tokens", "output_tokens", "stream") == [(10, 5, 1)]
    assert got.one("time_to_first_token_ns") == pytest.approx(300_000_000, abs=500)


def test_cached_tokens_under_an_older_name_of_openinference() -> None:
    said = {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 100}
    got = one(said | {"llm.token_count.prompt_details.cache_input": 60}, "openinference.instrumentation.openai")
    assert got.rows("input_tokens", "cache_read_tokens") == [(100, 60)]


@pytest.mark.parametrize(
    ("milliseconds", "read"), [(1000.0, SECOND), (1000.9, SECOND), (1001.5, None), (7000.0, None), (999.0, 999 * 10**6)]
)
def test_a_first_token_after_the_end_is_noted(milliseconds: float, read: int | None) -> None:
    got = one(CHAT | {"ai.response.msToFirstChunk": milliseconds})
    assert got.one("time_to_first_token_ns") == read
    assert got.one("anomalies") == ([] if read else ["first_token_out_of_range"])
    assert ("ai.response.msToFirstChunk" in got.attributes()) == (read is None)
