"""The exports of the corpus, and what their bytes do not hold."""

from calls import Folder
from oracle.corpus import CORPUS as FOLDER

NO_TRACE = {
    ("openai-v2-default", "responses"),
    ("openai-v2-default", "responses_stream"),
    ("openai-v2-default", "responses_tools"),
    ("openai-v2-latest-span", "responses"),
    ("openai-v2-latest-span", "responses_stream"),
    ("openai-v2-latest-span", "responses_tools"),
    ("traceloop-langchain", "embeddings"),
}
"""Scenarios of which the SDK sent nothing."""

NO_SPAN = {("google-genai", "tools_auto"): [0], ("openlit-openai", "stream_abort"): [0]}
"""Calls (their places) that have no span."""

ALL = list(range(100))

STREAMS = {"stream_usage", "stream_nousage", "stream_abort", "tools_stream", "async_parallel"}
PLAIN = {
    *("async_parallel", "cached_reasoning", "chat", "long", "multi_turn", "prompt", "rag", "tools", "unicode"),
    *("responses", "responses_tools", "embeddings", "stream_abort", "stream_nousage", "stream_usage", "tools_stream"),
}

NOT_HELD: dict[str, dict[str, set[str]]] = {
    "google-genai": {"response_model": {"embeddings"}},
    "langfuse": {
        "request_model": {*PLAIN, "responses_stream"},
        "response_id": PLAIN - {"embeddings"},
        "finish_reason": PLAIN - STREAMS - {"responses", "responses_tools", "embeddings"} | {"async_parallel"},
    },
    "openai-v2-default": {
        "first_token": STREAMS,
        "cache_read_tokens": {"cached_reasoning"},
        "reasoning_tokens": {"cached_reasoning"},
        # only in log events
        "finish_reason": {"async_parallel", "stream_usage", "stream_nousage", "tools_stream"},
    },
    "openai-v2-latest-span": {
        "first_token": STREAMS,
        "cache_read_tokens": {"cached_reasoning"},
        "reasoning_tokens": {"cached_reasoning"},
    },
    "openai-v2-nocontent": {"first_token": {"nocontent_stream"}, "finish_reason": {"nocontent_stream"}},
    "openlit-openai": {"reasoning_tokens": {"cached_reasoning"}},
    "traceloop-langchain": {
        "first_token": {"stream_usage"},
        "reasoning_tokens": {"cached_reasoning"},
        "response_id": {"stream_usage"},
        # the request's model stands in for the response's
        "response_model": {"stream_usage", "err429"},
    },
    "traceloop-openai": {
        "first_token": {"responses_stream"},
        # the emitter says tool_call where the provider said completed
        "finish_reason": {"responses_tools"},
    },
    "vercel-ai6": {
        # a provider that the capture made up
        "provider": {
            *("cached_reasoning", "chat", "embeddings", "err429", "err429_retries", "err500_stream", "multi_turn"),
            *("prompt", "stream_nousage", "stream_usage", "tools", "unicode"),
        },
        "response_model": {"embeddings"},
    },
}
"""What the bytes do not hold: by file, field and scenario."""


CORPUS = Folder(FOLDER, {**NO_SPAN, **dict.fromkeys(NO_TRACE, ALL)}, NOT_HELD)

ONLY_IN_LOGS = {("openai-v2-default", "finish_reason"), ("openai-v2-nocontent", "finish_reason")}
WITH_LOGS = Folder(
    FOLDER,
    CORPUS.no_span,
    {
        file: {field: names for field, names in fields.items() if (file, field) not in ONLY_IN_LOGS}
        for file, fields in NOT_HELD.items()
    },
)
"""The same where the exports of logs are read as well."""
