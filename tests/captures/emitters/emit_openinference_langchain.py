"""OpenInference's instrumentor of LangChain, alone and (CAPTURE_WITH=openai) above its instrumentor of OpenAI."""

import os

import _scenario
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openinference.instrumentation import using_attributes
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor

TERSE = ("system", "You are a terse assistant.")
DOCUMENTS = ["Refund policy: refunds within 30 days of purchase.", "Shipping takes 5 business days."]


def model(name: str = "gpt-4o-mini", **options) -> ChatOpenAI:
    return ChatOpenAI(model=name, max_retries=0, **options)


def chat():
    model(temperature=0.2, max_tokens=300).invoke([TERSE, ("user", f"[chat] {_scenario.QUESTION}")])


def chain():
    prompt = ChatPromptTemplate([TERSE, ("user", "[chat] What is the capital of {country}?")])
    (prompt | model()).invoke({"country": "France"})


def read(prompt: str, *, usage: bool) -> dict:
    first = _scenario.FirstChunks()
    for chunk in model(stream_usage=usage).stream([TERSE, ("user", prompt)]):
        if chunk.content:
            first.chunk()
    return first.said()


def stream_usage():
    return read("[stream] Count for me.", usage=True)


def stream_nousage():
    return read("[nousage] Count for me.", usage=False)


def tools():
    def get_weather(city: str) -> str:
        """Return the weather of a city."""
        return _scenario.WEATHER

    create_agent(model(), tools=[get_weather]).invoke({"messages": [("user", "[tool] Weather in Paris?")]})


def cached_reasoning():
    model("o3-mini").invoke([TERSE, ("user", "[cached] Think hard.")])


def responses():
    model(use_responses_api=True).invoke([TERSE, ("user", f"[chat] {_scenario.QUESTION}")])


def rag():
    class Shelf(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager) -> list[Document]:
            return [Document(page_content=text, id=f"doc-{place}") for place, text in enumerate(DOCUMENTS, 1)]

    prompt = ChatPromptTemplate([("system", "Answer from context: {context}"), ("user", "{question}")])
    asked = {"context": Shelf(), "question": RunnablePassthrough()}
    (asked | prompt | model()).invoke("[rag] What is the refund policy?")
    return {"retrieval_query": "[rag] What is the refund policy?", "retrieval_documents": DOCUMENTS}


def embeddings():
    embedder = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False)
    embedder.embed_documents(["first text to embed", "second text"])


def err429():
    model().invoke([TERSE, ("user", "[err429] boom")])


def err500_stream():
    return read("[err500] boom", usage=True)


def multi_turn():
    first = ("user", "[turn1] Hi, I am Alice.")
    with using_attributes(session_id="sess-9f31", user_id="user-alice-17"):
        answer = model().invoke([first])
        model().invoke([first, answer, ("user", "[turn2] What is my name?")])
    return {"user_id": "user-alice-17", "session_id": "sess-9f31", "user_session_how": "using_attributes"}


SCENARIOS = [
    chat,
    chain,
    stream_usage,
    stream_nousage,
    tools,
    cached_reasoning,
    responses,
    rag,
    embeddings,
    err429,
    err500_stream,
    multi_turn,
]

if __name__ == "__main__":
    LangChainInstrumentor().instrument(tracer_provider=_scenario.provider())
    if os.environ.get("CAPTURE_WITH") == "openai":
        OpenAIInstrumentor().instrument(tracer_provider=_scenario.provider())
    _scenario.main(
        {each.__name__: each for each in SCENARIOS},
        ["openinference-instrumentation-langchain", "openinference-instrumentation-openai", "langchain-openai"],
    )
