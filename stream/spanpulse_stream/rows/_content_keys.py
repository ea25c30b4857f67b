"""Which attributes and span events hold what was said or passed to a tool, by the names that emitters give them.

The patterns are read by RE2 and by `re` alike. Not guaranteed: contents under names that an application chose.
"""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["holding_content", "holds_content", "is_content_event", "mentions_content"]

# One line an emitter, or a few that name things alike; a name matches from its start.
_NAMES: Final = (
    r"gen_ai\.(prompt|completion|input|output|system_instructions|content|choice|memory\.|embeddings\.input)"
    r"|gen_ai\.(tool\.(call\.|definitions|description|input|output|message)|agent\.description|request\.messages)"
    r"|gen_ai\.((user|assistant|system)\.message|evaluation\.explanation)"
    r"|(input|output|message|retrieval|reranker|embedding|document|tool|tool_call)\."
    r"|llm\.(input|output|prompt|tools|function_call|request\.functions|completions)"
    r"|llm\.(invocation_parameters|content\.)"
    r"|llm\.[\w-]+\.(messages|choices|system|content|input|output|tools|functions)\b"
    r"|ai\.(prompt|response\.(text|object|toolCalls|reasoning|files)|result\.|toolCall\.(args|result|input|output)"
    r"|value|values|embedding|embeddings|schema|settings\.output)"
    r"|traceloop\.(entity\.(input|output)|prompt\.template_variables)|langfuse\..*(input|output)"
    r"|mlflow\.(span(Inputs|Outputs)|trace(Inputs|Outputs)|chunk|chat)"
    r"|pydantic_ai\.all_messages|logfire\.msg"
    r"|gcp\.vertex\.agent\.(tool_call_args|tool_response|data|llm_request|llm_response)"
    r"|mcp\.request\.argument\.|db\.(query\.text|statement)|llamaindex\.step\.input_summary"
    r"|lk\.(user_input|user_transcript|input_text|instructions|chat_ctx|response\.(text|function_calls)"
    r"|function_tool\.(arguments|output))"
    r"|crewai\.(task\.(description|expected_output)|agent\.(goal|backstory)|crew\.(tasks|agents|result))"
    r"|(all_messages|all_messages_events|final_result|request_data|response_data|tool_arguments|tool_response|events"
    r'|model_request_parameters|user_prompt)($|")'
)
_CONTENT: Final = f"^({_NAMES})"
_NAMED: Final = r"[._](name|id|type|mime_type|role|score|version|count|finish_reason)$"
# Below these the application names what it passes: a part called `name` tells something too.
_FREE: Final = r"^(traceloop\.prompt\.template_variables|mcp\.request\.argument\.|gen_ai\.tool\.call\.arguments)"
_EVENT: Final = (
    r"((gen_ai|llm\.content|mlflow\.chunk)\.|(step|workflow)\.output\b"
    r"|(LLM|Embedding|SparseEmbedding|Query|Retrieval|ReRank|Synthesize|GetResponse|Agent|StreamChat|SpanDrop)\w*Event\b)"
)

_CONTENT_RE, _NAMED_RE, _FREE_RE, _EVENT_RE = map(re.compile, (_CONTENT, _NAMED, _FREE, _EVENT))


def holds_content(key: str) -> bool:
    """Return whether the attribute of this name holds contents."""
    return _CONTENT_RE.search(key) is not None and (_NAMED_RE.search(key) is None or _FREE_RE.search(key) is not None)


def holding_content(keys: pa.Array) -> pa.Array:
    """Return `holds_content` for every key."""
    named = pc.and_not(pc.match_substring_regex(keys, _NAMED), pc.match_substring_regex(keys, _FREE))
    return pc.and_not(pc.match_substring_regex(keys, _CONTENT), named)


def is_content_event(name: str) -> bool:
    """Return whether all attributes of the span event of this name are contents."""
    return _EVENT_RE.match(name) is not None


def mentions_content(texts: pa.Array) -> pa.Array:
    """Return which JSON texts may have a key or a value that names contents; a text that is not true has none."""
    return pc.match_substring_regex(texts, f'"({_NAMES}|{_EVENT})')
