"""LlamaIndex: an LLM, a RAG query engine and an agent, seen by OpenInference or by LlamaIndex's own OpenTelemetry.

CAPTURE_WITH=otel takes llama-index-observability-otel instead of OpenInference.
"""

import asyncio
import os

import _scenario
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.workflow import Context
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI
from llama_index.observability.otel import LlamaIndexOpenTelemetry
from openinference.instrumentation import using_attributes
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

DOCUMENTS = ["Refund policy: refunds within 30 days of purchase.", "Shipping takes 5 business days."]


def messages(prompt: str) -> list[ChatMessage]:
    return [ChatMessage(role="system", content="You are a terse assistant."), ChatMessage(role="user", content=prompt)]


def llm(model: str = "gpt-4o-mini", **options) -> OpenAI:
    return OpenAI(model=model, max_retries=0, **options)


def embedder() -> OpenAIEmbedding:
    return OpenAIEmbedding(model="text-embedding-3-small")


def chat():
    llm(temperature=0.2, max_tokens=300).chat(messages(f"[chat] {_scenario.QUESTION}"))


def complete():
    llm().complete(f"[chat] {_scenario.QUESTION}")


def read(model: OpenAI, prompt: str) -> dict:
    first = _scenario.FirstChunks()
    for chunk in model.stream_chat(messages(prompt)):
        if chunk.delta:
            first.chunk()
    return first.said()


def stream_usage():
    return read(llm(additional_kwargs={"stream_options": {"include_usage": True}}), "[stream] Count for me.")


def stream_nousage():
    return read(llm(), "[nousage] Count for me.")


def cached_reasoning():
    llm("o3-mini").chat(messages("[cached] Think hard."))


def tools():
    def get_weather(city: str) -> str:
        """Return the weather of a city."""
        return _scenario.WEATHER

    async def ask():
        agent = FunctionAgent(tools=[get_weather], llm=llm(), streaming=False, name="weather")
        await agent.run("[tool] Weather in Paris?", ctx=Context(agent))

    asyncio.run(ask())


def rag():
    """Three calls: two embeddings (the documents, the question) and the answer."""
    index = VectorStoreIndex.from_documents([Document(text=text) for text in DOCUMENTS], embed_model=embedder())
    index.as_query_engine(llm=llm(), similarity_top_k=2).query("[rag] What is the refund policy?")
    return {"retrieval_query": "[rag] What is the refund policy?", "retrieval_documents": DOCUMENTS}


def embeddings():
    embedder().get_text_embedding_batch(["first text to embed", "second text"])


def err429():
    llm().chat(messages("[err429] boom"))


def err500_stream():
    return read(llm(), "[err500] boom")


def multi_turn():
    first = ChatMessage(role="user", content="[turn1] Hi, I am Alice.")
    with using_attributes(session_id="sess-9f31", user_id="user-alice-17"):
        answer = llm().chat([first])
        llm().chat([first, answer.message, ChatMessage(role="user", content="[turn2] What is my name?")])
    return {"user_id": "user-alice-17", "session_id": "sess-9f31", "user_session_how": "using_attributes"}


SCENARIOS = [
    chat,
    complete,
    stream_usage,
    stream_nousage,
    cached_reasoning,
    tools,
    rag,
    embeddings,
    err429,
    err500_stream,
    multi_turn,
]

if __name__ == "__main__":
    if os.environ.get("CAPTURE_WITH") == "otel":
        LlamaIndexOpenTelemetry(
            span_exporter=OTLPSpanExporter(), service_name_or_resource="capture"
        ).start_registering()
    else:
        LlamaIndexInstrumentor().instrument(tracer_provider=_scenario.provider())
    _scenario.main(
        {each.__name__: each for each in SCENARIOS},
        ["llama-index-core", "llama-index-llms-openai", "openinference-instrumentation-llama-index"],
    )
