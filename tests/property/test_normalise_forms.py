"""What the kernel says about a JSON text is what orjson and plain Python say, whatever the text."""

from typing import Any

import numpy as np
import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spanpulse_stream.normalise._forms import Form
from spanpulse_stream.normalise._pool import Pool
from spanpulse_stream.normalise._schema import are_messages

SEEDS = (
    '[{"role":"user","parts":[{"type":"text","content":"a\\n\\u00e9 \\\\ b"}]}]',
    ' [ {"role" : "system" , "parts" : [ ] , "name" : null } , {"role":"x","parts":[-2.5e+3,true,null,{}]}]\n',
    '[{"content":1,"id":"3"} , {"content":{"role":"a","parts":[]}}]',
    '[{"parts":[{"role":"u","parts":[]}],"role":"system"}]',
    '[{"role":1,"parts":[]},{"role":"u","parts":{}}]',
    "[1,[],{}]",
    "[]",
    "{}",
)
PIECES = [
    *'[]{}",:\\0123.eE+-tfnu ax\n\té\x7f',
    *("true", "null", '"role"', '"parts"', '"content"', "\\u12", "\\ud83d"),
]


def truth(text: bytes) -> Form | None:
    """Return what holds of a text; None if it is no JSON."""
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    form = Form(0)
    if are_messages(value) and value:
        form |= Form.MESSAGES | (Form.SYSTEM_FIRST if value[0]["role"] == "system" else Form(0))
    if isinstance(value, list) and value and all(isinstance(each, dict) and "content" in each for each in value):
        form |= Form.DOCUMENTS
    return form


def seen(texts: list[bytes]) -> list[Form]:
    lengths = [len(text) for text in texts]
    offsets = np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64)
    pool = Pool(np.frombuffer(b"".join(texts), np.uint8))
    return [Form(form) for form in pool.forms(offsets, np.array(lengths, np.int32)).tolist()]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return a text that is JSON, or nearly."""
    text = list(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text[at : at + draw(st.integers(0, 2))] = draw(st.lists(st.sampled_from(PIECES), max_size=2))
    return "".join(text).encode()


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text(max_size=12)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "parts", "content", "id"]) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


def check(text: bytes, form: Form) -> None:
    true = truth(text)
    if true is None:
        assert form == 0, "no JSON at all"
        return
    assert not form & (Form.MESSAGES | Form.DOCUMENTS) & ~true, "only what is true"
    if form & Form.MESSAGES:
        assert form & Form.SYSTEM_FIRST == true & Form.SYSTEM_FIRST


@settings(max_examples=400, deadline=None)
@given(st.lists(mutated(), min_size=1, max_size=12))
@example([b'[{"role":"system","role":"user","parts":[]}]'])
@example([b'[{"role":"a","parts":[]}', b"]"])
@example([b'[{"role":"a","parts":[01]}]', b'[{"role":"a","parts":[-]}]', b'[{"role":"a","parts":[1.]}]'])
@example([b"[" * 100 + b"]" * 100])
def test_a_flag_that_is_set_is_true(texts: list[bytes]) -> None:
    for text, form in zip(texts, seen(texts), strict=True):
        check(text, form)


@settings(max_examples=200, deadline=None)
@given(st.lists(json_values, min_size=1, max_size=5), st.booleans())
def test_ordinary_json_is_told_completely(values: list[Any], wide: bool) -> None:
    texts = [orjson.dumps(value, option=orjson.OPT_INDENT_2 if wide else 0) for value in values]
    for text, form in zip(texts, seen(texts), strict=True):
        true = truth(text)
        assert true is not None
        if true & Form.MESSAGES:
            assert form == true
        else:
            assert form & (Form.MESSAGES | Form.DOCUMENTS) == true


def test_messages_are_told() -> None:
    assert seen([text.encode() for text in SEEDS]) == [truth(text.encode()) for text in SEEDS]
