"""Which attributes and span events hold what was said or passed to a tool, by the names that emitters give them.

Within the namespaces of emitters everything is content but what is known to be harmless: names, ids, models, reasons
to finish, usage. So what a new version adds under a new name is content too. Other namespaces hold none.
Not guaranteed: contents under names that an application chose.
"""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["ROOTS", "Kind", "is_content_event", "is_number", "is_word", "kind_of", "kinds_of", "mentions_content"]


class Kind(IntEnum):
    """What the name of an attribute tells about its value."""

    OTHER = 0
    """No content, whatever it says."""
    CONTENT = 1
    """Content, whatever it says."""
    UNKNOWN = 2
    """Content unless it is a number or a boolean."""
    NAMED = 3
    """Content unless it is a number or one word: what should be a name, an id, a type or a role."""


_ROOTS: Final = (
    "agentops|ai|anthropic|autogen|braintrust|claude_code|codex|crewai|dify|dspy|embedding|galileo|gen_ai|haystack"
    "|honeyhive|langchain|langfuse|langsmith|litellm|lk|llamaindex|llm|lmnr|logfire|mcp|metadata|mlflow|openai|opik"
    "|promptflow|pydantic_ai|reranker|retrieval|semantic_kernel|smolagents|strands|traceloop|weave"
)
ROOTS: Final = frozenset(_ROOTS.split("|"))
"""First parts of names below which everything is an emitter's."""

_NAMESPACES: Final = (
    rf"({_ROOTS}|input|output|message|message_content|image|audio|document|tool|tool_call"
    r"|gcp\.vertex\.agent|gcp\.gen_ai|google\.genai|spring\.ai)\.|genkit:|lk_|crew_|(metadata|hidden_params|raw_gen_ai_request)$"
)

# One line an emitter, or a few that name things alike.
_CONTENTS: Final = (
    r"gen_ai\.(prompt|completion|input|output|system_instructions|system\.instructions|content|choice|memory\."
    r"|embeddings\.input|retrieval\.|task\.(input|output)|event\.content|tool\.(call\.(arguments|result)|definitions"
    r"|description|input|output|message|args|parameters|result)|agent\.description|request\.messages"
    r"|(user|assistant|system)\.message|evaluation\.(explanation|reasoning))"
    r"|(input|output|message|retrieval|reranker|embedding|document|tool|tool_call)\."
    r"|llm\.(input|output|prompt|tools|function_call|request\.functions|completions|choices|content)"
    r"|llm\.(?!token_count)[\w-]+\.(messages|choices|system|contents?|candidates|input|output|tools|functions|prompt"
    r"|instructions)$"
    r"|ai\.(prompt|response\.(text|object|toolCalls|reasoning|files)|result\.|toolCall\.(args|result|input|output)"
    r"|values?$|embeddings?$|schema|settings\.output)"
    r"|traceloop\.(entity\.(input|output)|prompt\.template)|langfuse\.(trace|observation)\.(input|output)"
    r"|mlflow\.(span(Inputs|Outputs)|trace(Inputs|Outputs)|chunk|chat)"
    r"|gcp\.vertex\.agent\.(tool_call_args|tool_response|data|llm_request|llm_response)"
    r"|mcp\.request\.argument\.|db\.(query\.text|statement)|logfire\.msg"
    r"|lk\.(user_input|user_transcript|input_text|instructions|chat_ctx|response\.(text|function_calls)"
    r"|function_tool\.(arguments|output))"
    r"|(all_messages|all_messages_events|pydantic_ai\.all_messages|final_result|request_data|response_data"
    r"|tool_arguments|tool_response|events|model_request_parameters|user_prompt|inputs?|outputs?|prompt|completion"
    r"|messages|instructions|system_prompt|tools|embeddings|docs|documents|combined_chunk_content)$"
)

# Texts only: numbers and booleans are harmless without being named.
_HARMLESS: Final = (
    r"gen_ai\.(operation\.name|provider\.name|system|request\.(model|type|user|id|service_tier|encoding_formats"
    r"|reasoning_effort|stream|is_stream)|response\.(id|model|finish_reasons?|service_tier|system_fingerprint)"
    r"|usage(\.(raw|details))?|user|agent\.(id|name|version|call\.id)|conversation\.id|data_source\.id|output\.type"
    r"|token\.type|tool\.(name|type|call\.id)|prompt\.(name|version)|task\.(id|name|status|parent\.id)|is_streaming"
    r"|workflow\.(name|nodes|edges)|evaluation\.(name|label|score(\.(label|value))?)|memory\.store\.(id|name)"
    r"|openai\.(api_base|(request|response)\.(service_tier|system_fingerprint))|user\.id|sdk\.version|environment"
    r"|application_name|client\.(token\.usage|operation\.\w+))"
    r"|llm\.(provider|system|model_name|user|is_streaming|finish_reason|request\.(type|model|model_name)"
    r"|response\.(id|model|model_name|finish_reason|stop_reason)|prompt_template\.(name|version)"
    r"|[\w-]+\.(id|model|object|role|type|usage|user|status|service_tier|stop_reason|system_fingerprint))"
    r"|embedding\.model_name|reranker\.model_name|(input|output)\.mime_type"
    r"|metadata\.(usage_object|user_agent|team_(id|alias)|user_api_key_(hash|alias|spend|request_route"
    r"|(user|org|team|project|end_user)_(id|alias|email)))"
    r"|ai\.(operationId|model\.(id|provider)|response\.(id|model|finishReason|timestamp)|toolCall\.(id|name)"
    r"|request\.headers\.user-agent|telemetry\.functionId|telemetry\.metadata\.(userId|user_id|sessionId|session_id"
    r"|threadId|promptName|promptVersion|tags))"
    r"|langfuse\.(user\.id|session\.id|environment|release|version|internal\..*|trace\.(name|tags|public)"
    r"|observation\.(type|level|model\.name|usage_details|cost_details|completion_start_time|prompt\.(name|version)"
    r"|metadata\.(finish_reason|status|id|service_tier)))"
    r"|traceloop\.(span\.kind|entity\.(name|path|version)|workflow\.name|prompt\.(key|version|version_name|version_hash"
    r"|template_name)|association\.properties\.(user_id|user\.id|session_id|session\.id|thread_id|chat_id"
    r"|langgraph_node|ls_(model_name|model_type|provider|integration)))"
    r"|mlflow\.(spanType|llm\.(provider|model)|message\.format|chat\.tokenUsage|trace\.(user|session)|traceRequestId"
    r"|spanFunctionName|spanLogLevel)"
    r"|logfire\.(span_type|level_num|tags|metrics|exception\.fingerprint|pending_parent_id)"
    r"|lk\.(agent_name|agent_label|job_id|room_name|participant_id|participant_identity)"
    r"|gcp\.vertex\.agent\.(session_id|invocation_id|event_id)|llamaindex\.(run_id|step\.(name|input_event))"
    r"|anthropic\.(request\.id|message\.(id|stop_reason)|response\.service_tier)"
    r"|openai\.(api\.type|(request|response)\.(service_tier|system_fingerprint))|litellm\.(call_id|provider\.model)"
    r"|mcp\.(method\.name|session\.id|protocol\.version|tool\.name|transport)"
)
_NAMED: Final = r"[._](name|id|type|mime_type|role|score|version|count|finish_reason|format|kind)$"
# Below these the application names what it passes: a part called `name` tells something too.
_FREE: Final = (
    r"(traceloop\.(prompt\.template_variables|association\.properties)|mcp\.request\.argument|llm\.invocation_parameters"
    r"|gen_ai\.tool\.(call\.)?(arguments|args|result|input|output|parameters)|metadata|hidden_params|tool\.parameters"
    r"|llm\.prompt_template\.variables|ai\.telemetry\.metadata|ai\.toolCall|langfuse\..*(metadata|parameters|put))\b"
    r"|.*\.(arguments|metadata)\."
)
_EVENT: Final = (
    r"((gen_ai|llm\.content|mlflow\.chunk)\.|(step|workflow)\.output\b"
    r"|(LLM|Embedding|SparseEmbedding|Query|Retrieval|ReRank|Synthesize|GetResponse|Agent|StreamChat|SpanDrop)\w*Event\b)"
)
_MENTION: Final = (
    rf"""["']\s*((?i:{_ROOTS}|input|output|message|image|audio|document|tool|lk_|gcp\.|google\.|spring|genkit|crew_"""
    r"|hidden_params|raw_gen_ai|db\.|all_messages|final_result|request_data|response_data|events|model_request|user_prompt"
    rf"|prompt|completion|instructions|system_prompt|docs|combined_chunk)|{_EVENT})|\\u"
)
_NUMBER: Final = r"^(true|false|-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?)?$"
_WORD: Final = r"^\"?[\w.:/@+-]{0,128}\"?$"

_NAMESPACE_RE, _CONTENT_RE, _HARMLESS_RE, _FREE_RE = (
    re.compile(pattern, re.IGNORECASE) for pattern in (_NAMESPACES, _CONTENTS, _HARMLESS, _FREE)
)
_NAMED_RE, _EVENT_RE, _WORD_RE = map(re.compile, (_NAMED, _EVENT, _WORD))


@lru_cache(maxsize=8192)
def kind_of(key: str) -> Kind:
    """Return what the name of an attribute tells about its value."""
    key = key.strip()
    content = _CONTENT_RE.match(key) is not None
    if _HARMLESS_RE.fullmatch(key) or not (content or _NAMESPACE_RE.match(key)):
        return Kind.OTHER
    if _NAMED_RE.search(key) and not _FREE_RE.match(key):
        return Kind.NAMED
    return Kind.CONTENT if content else Kind.UNKNOWN


def kinds_of(keys: pa.Array) -> NDArray[np.int8]:
    """Return `kind_of` for every key."""
    coded = keys.dictionary_encode()
    kinds = np.array([kind_of(key) for key in coded.dictionary.to_pylist()], np.int8)
    return kinds[coded.indices.to_numpy()] if len(keys) else np.zeros(0, np.int8)


def is_number(texts: pa.Array) -> pa.Array:
    """Return which texts are a number, a boolean or empty."""
    return pc.match_substring_regex(texts, _NUMBER)


def is_word(texts: pa.Array) -> pa.Array:
    """Return which texts are one word of at most 128 characters, as names and ids are."""
    return pc.match_substring_regex(texts, _WORD)


def is_content_event(name: str) -> bool:
    """Return whether all attributes of the span event of this name are contents."""
    return _EVENT_RE.match(name) is not None


def mentions_content(texts: pa.Array) -> pa.Array:
    """Return which JSON texts may have a key or a value that names contents; a text that is not true has none."""
    return pc.match_substring_regex(texts, _MENTION)
