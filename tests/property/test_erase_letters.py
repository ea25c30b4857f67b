"""An id is found in the bytes of a dead letter wherever it is a value of its own, and not inside another one."""

import json

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanpulse_stream.maintenance._erase_letters import names_user

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
WORDS = st.from_regex(r"[a-z0-9]{3,12}", fullmatch=True)
NOISE = st.binary(max_size=40)


@given(IDS, NOISE, NOISE, st.integers(0, 30))
def test_it_is_found_in_protobuf_whatever_stands_around(user: str, before: bytes, after: bytes, cut: int) -> None:
    """Also where the message is cut behind it."""
    attribute = KeyValue(key="user.id", value=AnyValue(string_value=user)).SerializeToString()
    assert names_user(before + attribute + after[:cut], user)


@given(IDS, st.booleans(), NOISE)
def test_it_is_found_in_json_however_it_is_escaped(user: str, ascii_only: bool, after: bytes) -> None:
    text = json.dumps({"attributes": [{"key": "user.id", "value": {"stringValue": user}}]}, ensure_ascii=ascii_only)
    assert names_user(b"\x00" + text.encode() + after, user)


@given(WORDS, WORDS, WORDS)
def test_a_part_of_a_longer_id_is_none(user: str, before: str, after: str) -> None:
    longer = f"{before}{user}{after}"
    assert not names_user(json.dumps({"user.id": longer, "id": f"{before}-{user}@{after}"}).encode(), user) or (
        user in (before, after) or f"{before}{after}".count(user)
    )


@given(WORDS)
def test_it_is_found_in_json_within_a_text(user: str) -> None:
    inner = json.dumps({"user_id": user})
    assert names_user(KeyValue(key="metadata", value=AnyValue(string_value=inner)).SerializeToString(), user)
    assert names_user(json.dumps({"metadata": inner}).encode(), user)
