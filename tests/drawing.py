"""Spans of every kind as Hypothesis draws them, for the laws of usage attribution; and where a log is cut."""

from hypothesis import strategies as st

from builders import BASE_NS, Span

MS = 1_000_000
IDS = (None, None, "chatcmpl-7h70001", "msg_01XFDUDYJgAACzvnptvVoYEL", "chatcmpl-417", "")
CUTS = st.lists(st.integers(0, 30), max_size=12)


@st.composite
def a_span(draw: st.DrawFn, span: int, ring: bool) -> Span:
    kind = draw(st.sampled_from(["llm", "llm", "llm", "embedding", "agent", "tool", "other"]))
    start = BASE_NS + draw(st.sampled_from([0, 3, 8, 400, 995, 1004, 1006, 2100])) * MS
    texts = st.sampled_from([None, None, None, "a", "b", ""])
    return Span(
        span,
        parent=draw(st.integers(0, 9 if ring else span)),
        trace=draw(st.sampled_from([1, 2 + (5 << 64)])),
        tenant=draw(st.sampled_from(["one", "one", "two"])),
        kind=kind,
        status=draw(st.sampled_from(["unset", "error"])),
        rank=draw(st.integers(0, 3)) if kind in ("llm", "embedding") else 0,
        start=start,
        end=start + draw(st.sampled_from([0, 2, 7, 100, 3000])) * MS,
        time_to_first_token_ns=draw(st.sampled_from([None, None, None, MS, 9 * MS, 1001 * MS])),
        provider=draw(st.sampled_from([None, "openai", "azure.ai.openai", "anthropic"])),
        request_model=draw(st.sampled_from([None, "m", "m", "n"])),
        resource=draw(st.sampled_from(["{}", "{}", '{"a":1}'])),
        response_id=draw(st.sampled_from(IDS)),
        input_tokens=draw(st.sampled_from([None, 0, 7])),
        output_tokens=draw(st.sampled_from([None, 5])),
        user_id=draw(texts),
        session_id=draw(texts),
        prompt_name=draw(texts),
        prompt_version=draw(texts),
    )
