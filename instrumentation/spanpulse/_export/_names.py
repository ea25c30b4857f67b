"""Which attributes of other instrumentations hold what was said, by the names that emitters give them.

Below the first parts that emitters of model calls use, everything is content but names, ids, models, reasons to finish
and usage; so what a new version adds under a new name is content too. Not guaranteed: contents under names that an
application chose.
"""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final

__all__ = ["Kind", "is_content_event", "is_plain", "kind_of"]


class Kind(IntEnum):
    """What the name of an attribute tells about its text."""

    OTHER = 0
    """No content; addresses and keys in it are masked all the same."""
    STATED = 1
    """What the pipeline joins by, and the application says itself: it stays as it is."""
    PLAIN = 2
    """A name, id, type or reason of an emitter: no content where it is short, see `is_plain`."""
    CONTENT = 3
    """Content."""
    SECRET = 4
    """What lets somebody in: none of it leaves."""


EMITTERS: Final = (
    r"(?:agentops|ai|anthropic|autogen|braintrust|claude_code|codex|crewai|dify|dspy|embedding|galileo|gen_ai|haystack"
    r"|honeyhive|langchain|langfuse|langsmith|litellm|lk|llamaindex|llm|lmnr|logfire|mcp|metadata|mlflow|openai|opik"
    r"|promptflow|pydantic_ai|reranker|retrieval|semantic_kernel|smolagents|strands|traceloop|weave|input|output|message"
    r"|message_content|image|audio|document|tool|tool_call|gcp\.vertex\.agent|gcp\.gen_ai|google\.genai|spring\.ai)\."
    r"|(?:genkit:|lk_|crew_)"
)
ALONE: Final = (
    r"(?:all_messages|all_messages_events|final_result|request_data|response_data|tool_arguments|tool_response|events"
    r"|model_request_parameters|user_prompt|inputs?|outputs?|prompt|completion|messages|instructions|system_prompt|tools"
    r"|embeddings|docs|documents|combined_chunk_content|metadata|hidden_params|raw_gen_ai_request|db\.query\.text"
    r"|db\.statement)$"
)
STATED: Final = (
    r"spanpulse\.|(?:user|enduser|session|gen_ai\.(?:user|conversation|response|tool\.call|data_source|agent)"
    r"|service\.instance)\.id$|gen_ai\.(?:prompt|agent|tool|operation|provider|evaluation)\.(?:name|version)$"
    r"|gen_ai\.(?:request|response)\.model$|feature_flag\.(?:key|context\.id|result\.variant)$"
)
# Whatever stands in front of them: `llm.request.model`, `ai.model.id`, `llm.user`, `ai.response.finishReason`.
PLAIN: Final = (
    r"(?:^|[._:])(?:\w+_)?(?:ids?|name|model|type|role|version|kind|provider|system|vendor|status|stream|format|score|label"
    r"|finish_reasons?|stop_reason|service_tier|system_fingerprint|mime_type|environment|operation|api_base|encoding_formats"
    r"|reasoning_effort|span_kind|time|timestamp|duration|user|level|tags|path|key|transport|protocol|public|release)$"
    r"|(?:Id|Type|Name|Version|Reason|Level|format)$|trace\.(?:user|session)$"
    r"|[._](?:usage|token_count|cost)[._][\w.]+$|[._](?:time_to_first_\w+|ttft|is_streaming|msToFirstChunk|score\.value)$"
)
USAGE: Final = r"(?:^|[._])(?:usage|usage\.(?:raw|details)|usage_details|usage_object|cost_details|tokenUsage)$"
# Below these the application names what it passes: a part called `name` tells something too.
FREE: Final = (
    r"(?:traceloop\.(?:prompt\.template_variables|association\.properties)|mcp\.request\.argument|hidden_params|metadata"
    r"|llm\.(?:invocation_parameters|prompt_template\.variables)|tool\.parameters|ai\.telemetry\.metadata"
    r"|gen_ai\.tool\.(?:call\.)?(?:arguments|args|result|input|output|parameters)|ai\.toolCall\.(?:args|input|output)"
    r"|langfuse\..*(?:metadata|parameters|put))\b|.*\.(?:arguments|metadata)\."
)
# What is known all the same below those.
KNOWN: Final = (
    r"metadata\.(?:user_agent|team_(?:id|alias)|user_api_key_(?:hash|alias|(?:user|org|team|project|end_user)_(?:id|alias)))$"
    r"|traceloop\.association\.properties\.(?:(?:user|session|thread|chat)[._]id|langgraph_node|ls_\w+)$"
    r"|ai\.telemetry\.metadata\.(?:userId|user_id|sessionId|session_id|threadId|promptName|promptVersion)$"
    r"|langfuse\.observation\.metadata\.(?:finish_reason|status|id|service_tier)$"
)
LETS_IN: Final = (
    r"(?:http|rpc)\.(?:request|response|grpc\.request|grpc\.response|connect_rpc\.\w+)\.(?:header|metadata)\."
    r"(?:(?:proxy[-_])?authorization|(?:set[-_])?cookie|[\w-]*(?:api[-_]?key|token|secret|password|signature)[\w-]*)$"
)
EVENT: Final = (
    r"(?:gen_ai|llm\.content|mlflow\.chunk)\.|(?:step|workflow)\.output\b"
    r"|(?:LLM|Embedding|SparseEmbedding|Query|Retrieval|ReRank|Synthesize|GetResponse|Agent|StreamChat|SpanDrop)\w*Event\b"
)

_CONTENT = re.compile(f"{EMITTERS}|{ALONE}", re.IGNORECASE)
_STATED, _USAGE, _PLAIN, _FREE, _KNOWN, _EVENT = (
    re.compile(pattern) for pattern in (STATED, USAGE, PLAIN, FREE, KNOWN, EVENT)
)
_SECRET = re.compile(LETS_IN, re.IGNORECASE)
_WORD = re.compile(r"\"?[\w.:/@+-]{0,128}\"?")


@lru_cache(maxsize=4096)
def kind_of(name: str) -> Kind:
    """Return what the name of an attribute tells about its text."""
    if _STATED.match(name) or _USAGE.search(name):
        return Kind.STATED
    if not _CONTENT.match(name):
        return Kind.SECRET if _SECRET.match(name) else Kind.OTHER
    plain = _KNOWN.match(name) if _FREE.match(name) else _PLAIN.search(name)
    return Kind.PLAIN if plain else Kind.CONTENT


def is_content_event(name: str) -> bool:
    """Tell whether a span event tells of contents: then its attributes are content too, but for names and ids."""
    return _EVENT.match(name) is not None


def is_plain(text: str) -> bool:
    """Tell whether a text is one word of at most 128 characters, as names and ids are."""
    return _WORD.fullmatch(text) is not None
