"""SQL expressions that make readable text of messages, whether they came with the span or later in logs.

Messages are JSON lists of the OTel GenAI schema; the text is that of all text parts, one a line. Not guaranteed:
text of parts of any other type (tool calls, images).
"""

__all__ = ["finish_reasons", "late_messages", "readable_text"]

CONTENT = "JSONExtractString(part, 'content')"
PARTS = "arrayFilter(part -> JSONExtractString(part, 'type') = 'text', JSONExtractArrayRaw(message, 'parts'))"


def late_messages(direction: str) -> str:
    """Return an aggregate over rows of `span_texts`: one JSON list of a span's messages, NULL where there are none."""
    of_direction = f"direction = '{direction}' AND messages != '[]'"
    rows = f"arraySort(groupArrayIf((log_offset, ordinal, position, messages), {of_direction}))"
    inner = f"arrayMap(row -> substring(row.4, 2, length(row.4) - 2), {rows})"
    return f"if(countIf({of_direction}) = 0, NULL, concat('[', arrayStringConcat({inner}, ','), ']'))"


def readable_text(direction: str, database: str) -> str:
    """Return the text of a row of `span_rows` AS s, its own or else the late one; NULL where it has none."""
    messages = f"if(isNotNull(s.{direction}_messages), s.{direction}_messages, {_late(direction, database)})"
    parts = f"arrayMap(part -> {CONTENT}, {PARTS})"
    lists = f"arrayMap(message -> {parts}, JSONExtractArrayRaw(assumeNotNull({messages})))"
    return f"if(isNull({messages}), NULL, nullIf(arrayStringConcat(arrayFlatten({lists}), '\\n'), ''))"


def finish_reasons(database: str) -> str:
    """Return the finish reasons of a row of `span_rows` AS s; those of late output where a model call has none."""
    messages = f"JSONExtractArrayRaw(assumeNotNull({_late('output', database)}))"
    reasons = f"arrayMap(message -> JSONExtractString(message, 'finish_reason'), {messages})"
    late = f"CAST(arrayFilter(reason -> reason NOT IN ('', 'error'), {reasons}), 'Array(LowCardinality(String))')"
    return f"if(notEmpty(s.finish_reasons) OR s.kind != 'llm', s.finish_reasons, {late})"


def _late(direction: str, database: str) -> str:
    return f"dictGet('{database}.late_texts', '{direction}', (toString(s.tenant), s.trace_id, s.span_id))"
