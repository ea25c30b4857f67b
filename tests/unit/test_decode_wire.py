"""The corners of the wire format, each against protobuf: merging, last occurrence, unknown fields, damage."""

import struct

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from oracle import KEYS, assert_equal, expect, varint
from spanpulse_stream.decode import KeyTable, Limits, Malformed, check, decode_logs, decode_spans, decode_value
from spanpulse_stream.decode._keys import _hash, _mix
from spanpulse_stream.decode._memory import PADDING, Buffer


def field(number: int, content: bytes, width: int = 0) -> bytes:
    return varint(number << 3 | 2) + varint(len(content), width) + content


def number(field_number: int, value: int, width: int = 0) -> bytes:
    return varint(field_number << 3) + varint(value & (1 << 64) - 1, width)


def group(field_number: int, content: bytes) -> bytes:
    return varint(field_number << 3 | 3) + content + varint(field_number << 3 | 4)


def traces(*spans: bytes, resource: bytes = b"", scope: bytes = b"") -> bytes:
    return field(1, resource + field(2, scope + b"".join(field(2, span) for span in spans)))


def attribute(value: bytes, key: bytes = b"key") -> bytes:
    return field(9, field(1, key) + field(2, value))


def nested(depth: int, pairs: bool) -> bytes:
    value = number(3, 7)
    for _ in range(depth - 1):
        value = field(6, field(1, field(2, value))) if pairs else field(5, field(1, value))
    return value


GOOD = field(5, b"good") + attribute(field(1, b"value"))
A, B = field(5, field(1, field(1, b"a"))), field(5, field(1, field(1, b"b")))
PAIR = field(6, field(1, field(1, b"k") + field(2, number(3, 1))))
TAIL = number(6, 2)

ACCEPTED = {
    "empty_span": b"",
    "empty_attribute": field(9, b""),
    "empty_value": attribute(b""),
    "empty_key": attribute(number(3, 1), b""),
    "zero_is_not_absent": attribute(number(3, 0)) + attribute(number(2, 0)) + attribute(b"\x21" + bytes(8)),
    "empty_string_and_bytes": attribute(field(1, b"")) + attribute(field(7, b"")),
    "empty_array_and_list": attribute(field(5, b"")) + attribute(field(6, b"")),
    "bytes_that_are_no_text": attribute(field(7, b"\xff\xfe")),
    "negative_int": attribute(number(3, -1)) + attribute(number(3, -(1 << 63))),
    "bits_above_64": attribute(b"\x18" + b"\xff" * 9 + b"\x7f") + attribute(b"\x18" + b"\x80" * 9 + b"\x02"),
    "bool_of_any_bit": attribute(b"\x10" + varint(1 << 40)) + attribute(b"\x10" + b"\x80" * 9 + b"\x02"),
    "nan": attribute(b"\x21" + struct.pack("<d", float("nan"))),
    "overlong_value": number(6, 2, 10),
    "overlong_length": field(5, b"name", 5),
    "overlong_tag": varint(6 << 3, 5) + b"\x02",
    "enum_is_cut_to_32_bits": number(6, 1 << 32 | 3),
    "negative_enum": number(6, -1),
    "unknown_enum": number(6, 77) + field(15, number(3, 300)),
    "last_scalar_wins": field(5, b"a") + field(5, b"b") + number(6, 1) + number(6, 2),
    "last_member_wins": attribute(number(3, 1) + field(1, b"s") + number(2, 1)),
    "last_value_wins": field(9, field(1, b"key") + field(2, number(3, 1)) + field(2, field(1, b"s"))),
    "empty_value_after_another": field(9, field(2, field(1, b"s")) + field(2, b"") + field(1, b"key")),
    "last_key_wins": field(9, field(1, b"a") + field(1, b"key")),
    "arrays_merge": attribute(A + B),
    "arrays_merge_over_values": field(9, field(1, b"key") + field(2, A) + field(2, B) + field(2, A)),
    "many_merges": attribute(A + B) + attribute(PAIR + PAIR) + attribute(A + B + B),
    "a_member_between_clears": attribute(A + number(3, 1) + B),
    "another_wire_type_between_does_not": attribute(A + number(5, 1) + B),
    "arrays_merge_inside": attribute(field(5, field(1, A + B) + field(1, A + field(1, b"x") + B))),
    "pairs_merge_inside": attribute(field(6, field(1, field(1, b"k") + field(2, A) + field(2, B)))),
    "string_index_clears": attribute(field(1, b"s") + number(8, 1)) + attribute(A + number(8, 1) + B),
    "repeated_key_in_a_list": attribute(PAIR + field(6, field(1, field(1, b"k") + field(2, field(1, b"2"))))),
    "status_merges": field(15, field(2, b"m")) + field(15, number(3, 2)),
    "status_last_in_span": field(5, b"n") + field(15, field(2, b"m")),
    "short_and_long_ids": field(1, b"abc") + field(2, b"0123456789") + field(4, b"x"),
    "id_set_then_cleared": field(1, bytes(range(16))) + field(1, b""),
    "id_set_right_last": field(1, b"abc") + field(1, bytes(range(16))) + field(2, b"\xff" * 8),
    "unknown_fields": number(99, 1) + field(98, b"\xff") + b"\xb1\x06" + bytes(8) + b"\xb5\x06" + bytes(4) + TAIL,
    "unknown_group": group(99, field(5, b"\xff") + group(5, b"\x00\x01") + number(6, 9)) + TAIL,
    "group_of_a_known_field": group(9, number(1, 1)) + group(31, b"") + TAIL,
    "highest_field": varint(0xFFFFFFF8) + b"\x00" + TAIL,
    "other_wire_types": number(5, 1) + field(6, b"x") + number(9, 5) + b"\x2d" + bytes(4) + b"\x49" + bytes(8) + TAIL,
    "unknown_in_attribute": field(9, number(9, 1) + field(1, b"key") + group(4, b"") + field(2, number(3, 1))),
    "unknown_in_value": attribute(number(20, 1) + number(3, 1) + group(9, number(3, 5)) + b"\x15" + bytes(4)),
    "value_before_key": field(9, field(2, number(3, 1)) + field(1, b"key")),
    "non_ascii": field(5, "délai 東京 🙂 ".encode() * 9) + attribute(field(1, "ü".encode()), "é".encode()),
    "nul_in_text": field(5, b"a\0b"),
    "highest_character": field(5, b"\xf4\x8f\xbf\xbf"),
    "event": field(11, field(2, b"e") + b"\x09" + bytes(range(8)) + field(3, field(1, b"key"))),
    "link": field(13, field(1, bytes(range(16))) + field(2, b"x") + field(4, field(1, b"a"))),
    "deepest_array": attribute(nested(32, pairs=False)),
    "deepest_pairs": field(11, field(3, field(2, nested(32, pairs=True)))),
    "deepest_groups": b"".join([b"\xa3\x06" * 97, b"\xa4\x06" * 97]),
}

REJECTED = {
    "tag_of_six_bytes": (varint(6 << 3, 6) + b"\x02", "invalid_varint"),
    "tag_of_33_bits": (varint(1 << 32 | 6 << 3) + b"\x02", "invalid_varint"),
    "length_of_six_bytes": (field(5, b"name", 6), "invalid_varint"),
    "length_of_32_bits": (b"\x2a\x80\x80\x80\x80\x08", "invalid_varint"),
    "value_of_eleven_bytes": (number(6, 2, 11), "invalid_varint"),
    "field_zero": (b"\x00\x00", "invalid_tag"),
    "wire_type_six": (b"\x36", "wrong_wire_type"),
    "wire_type_seven_in_group": (b"\xa3\x06\x37\xa4\x06", "wrong_wire_type"),
    "lone_end_group": (b"\x2c", "unbalanced_group"),
    "crossed_groups": (b"\xa3\x06\xab\x06\xa4\x06\xac\x06", "unbalanced_group"),
    "open_group": (b"\xa3\x06", "truncated"),
    "open_group_in_attribute": (field(9, b"\x4b"), "truncated"),
    "group_closed_outside": (field(9, b"\x4b") + b"\x4c", "truncated"),
    "cut_tag": (b"\x80", "truncated"),
    "cut_varint": (b"\x30\x80", "truncated"),
    "cut_fixed64": (b"\x39" + bytes(7), "truncated"),
    "cut_fixed32": (b"\x85\x01" + bytes(3), "truncated"),
    "cut_length": (b"\x2a", "truncated"),
    "cut_text": (b"\x2a\x02a", "truncated"),
    "attribute_beyond_span": (b"\x4a\x05\x0a\x01a", "truncated"),
    "value_beyond_attribute": (field(9, b"\x0a\x01k\x12\x05\x0a\x01a"), "truncated"),
    "text_beyond_value": (field(9, b"\x0a\x01k\x12\x03\x0a\x02a"), "truncated"),
    "double_beyond_value": (field(9, b"\x0a\x01k\x12\x03\x21\x00\x00") + bytes(8), "truncated"),
    "bad_name": (field(5, b"\xff"), "invalid_utf8"),
    "bad_name_overwritten": (field(5, b"\xff") + field(5, b"n"), "invalid_utf8"),
    "bad_key": (attribute(number(3, 1), b"\x80"), "invalid_utf8"),
    "bad_text": (attribute(field(1, b"0123456789\xc3")), "invalid_utf8"),
    "bad_text_in_array": (attribute(field(5, field(1, field(1, b"\xed\xa0\x80")))), "invalid_utf8"),
    "bad_text_in_pairs": (attribute(field(6, field(1, field(1, b"\xc0\x80")))), "invalid_utf8"),
    "bad_text_overwritten": (attribute(field(1, b"\xe0\x80\x80") + number(3, 1)), "invalid_utf8"),
    "bad_text_after_a_number": (attribute(number(3, 1) + field(1, b"\xff")), "invalid_utf8"),
    "bad_text_after_a_double": (attribute(b"\x21" + bytes(8) + field(1, b"\xff")), "invalid_utf8"),
    "bad_text_after_a_text": (attribute(field(1, b"s") + field(1, b"\xff")), "invalid_utf8"),
    "bad_key_after_a_value": (field(9, field(1, b"k") + field(2, number(3, 1)) + field(1, b"\xff")), "invalid_utf8"),
    "bad_status": (field(15, field(2, b"\xf4\x90\x80\x80")), "invalid_utf8"),
    "bad_state_of_link": (field(13, field(3, b"\xf0\x80\x80\x80")), "invalid_utf8"),
    "bad_event": (field(11, field(2, b"\xe2\x82")), "invalid_utf8"),
    "groups_too_deep": (b"".join([b"\xa3\x06" * 98, b"\xa4\x06" * 98]), "too_deep"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_span_that_protobuf_reads(name: str) -> None:
    body = traces(GOOD, ACCEPTED[name], GOOD)
    assert expect(body, "traces").accepted_whole
    assert assert_equal([traces(GOOD), body, traces(GOOD)], "traces") == 0


@pytest.mark.parametrize("name", REJECTED)
def test_a_span_that_protobuf_refuses_is_rejected_alone(name: str) -> None:
    span, reason = REJECTED[name]
    body = traces(GOOD, span, GOOD)
    assert not expect(body, "traces").accepted_whole
    assert assert_equal([body], "traces") == 1
    decoded = decode_spans([b"", body], KEYS)
    (piece,) = decoded.rejected
    assert (piece.message, piece.ordinal, piece.reason) == (1, 1, reason)
    assert bytes(decoded.data[piece.offset : piece.offset + piece.length]) == span
    assert decoded.ordinal.tolist() == [0, 2]


FRAMING = {
    "empty": b"",
    "no_resource_parts": field(7, b"x"),
    "no_scope_parts": field(1, b""),
    "resource_after_spans": field(1, field(2, field(2, GOOD)) + field(1, field(1, field(1, b"a")))),
    "resources_merge": traces(GOOD, resource=field(1, field(1, field(1, b"a"))) + field(1, field(1, field(1, b"key")))),
    "scope_after_spans": field(1, field(2, field(2, GOOD) + field(1, field(1, b"name")))),
    "scopes_merge": traces(GOOD, scope=field(1, field(1, b"name")) + field(1, field(2, b"1.0") + field(3, b""))),
    "several_parts": traces(GOOD, resource=field(1, field(1, b""))) + traces(b"", GOOD) + field(1, field(2, b"") * 2),
    "spans_in_two_scopes": field(1, field(2, field(2, GOOD)) + field(2, field(2, b"") + field(1, field(1, b"s")))),
    "entity_refs": traces(GOOD, resource=field(1, field(3, field(1, b"u") + field(3, b"id")))),
    "unknown_fields": field(
        1, number(9, 1) + group(4, field(2, b"\xff")) + field(2, field(2, GOOD) + field(9, b"\xff"))
    ),
    "deprecated_library_spans": field(1, field(1000, b"\xff\xff")),
    "schema_urls": field(1, field(3, b"url") + field(2, field(2, GOOD) + field(3, b"url"))),
    "merged_array_in_resource": traces(GOOD, resource=field(1, field(1, field(1, b"a") + field(2, A + B)))),
}

BROKEN_FRAMING = {
    "cut": (traces(GOOD)[:-1], "truncated"),
    "span_beyond_scope": (field(1, field(2, b"\x12\x05ab")), "truncated"),
    "scope_beyond_resource": (field(1, b"\x12\x05ab"), "truncated"),
    "bad_resource_text": (traces(GOOD, resource=field(1, field(1, field(1, b"\xff")))), "invalid_utf8"),
    "bad_entity_text": (traces(GOOD, resource=field(1, field(3, field(4, b"\xff")))), "invalid_utf8"),
    "bad_scope_text": (traces(GOOD, scope=field(1, field(2, b"\xff"))), "invalid_utf8"),
    "bad_schema_url": (field(1, field(3, b"\xff")), "invalid_utf8"),
    "field_zero": (traces(GOOD) + b"\x00\x00", "invalid_tag"),
    "end_group": (traces(GOOD) + b"\x0c", "unbalanced_group"),
    "random_text": (b"hello, this is no protobuf", "wrong_wire_type"),
    "json": (b'{"resourceSpans": []}', "unbalanced_group"),
}


@pytest.mark.parametrize("name", FRAMING)
def test_framing_that_protobuf_reads(name: str) -> None:
    assert expect(FRAMING[name], "traces").accepted_whole
    assert assert_equal([FRAMING[name], traces(GOOD), FRAMING[name]], "traces") == 0


@pytest.mark.parametrize("name", BROKEN_FRAMING)
def test_broken_framing_rejects_the_message_whole(name: str) -> None:
    body, reason = BROKEN_FRAMING[name]
    assert assert_equal([traces(GOOD), body, traces(GOOD)], "traces") == 1
    with pytest.raises(Malformed) as caught:
        check(body, "traces")
    if name not in {"random_text", "json"}:
        assert caught.value.reason == reason


LOG_BODIES = {
    "absent": b"",
    "text": field(5, field(1, b"text")),
    "merged": field(5, A) + field(5, B),
    "last_wins": field(5, A) + field(5, number(3, 4)),
    "pairs": field(5, PAIR),
    "other_wire_type": number(5, 1) + b"\x09" + bytes(range(8)),
}


@pytest.mark.parametrize("name", LOG_BODIES)
def test_a_log_record(name: str) -> None:
    record = LOG_BODIES[name] + number(2, -9) + field(3, b"WARN") + field(12, b"event") + field(6, field(1, b"key"))
    assert assert_equal([traces(record, record)], "logs") == 0


def test_a_broken_log_record_is_rejected_alone() -> None:
    assert assert_equal([traces(field(3, b"\xff"), field(12, b"e"), field(5, field(1, b"\xff")))], "logs") == 2


def test_text_is_checked_at_every_length_and_place() -> None:
    for size in range(40):
        for place in range(size + 1):
            good = b"a" * place + "é".encode() + b"b" * (size - place)
            bad = b"a" * place + b"\xe9" + b"b" * (size - place)
            assert assert_equal([traces(field(5, good), field(5, bad), field(5, b"x" * size))], "traces") == 1


def test_limits_reject_what_is_beyond_them() -> None:
    limits = Limits(max_attributes=2, max_depth=3, max_events=1, max_links=1, max_records=8)
    one = attribute(number(3, 1))
    spans = [one * 2, one * 3, field(11, one) * 2, field(13, b"") * 2, field(11, field(3, b"") * 3)]
    spans.append(attribute(nested(4, pairs=False)))
    decoded = decode_spans([traces(*spans)], KEYS, limits)
    assert [(piece.ordinal, piece.reason) for piece in decoded.rejected] == [
        (1, "too_many_attributes"),
        (2, "too_many_events"),
        (3, "too_many_links"),
        (4, "too_many_attributes"),
        (5, "too_deep"),
    ]
    assert decoded.ordinal.tolist() == [0]
    for body in (
        traces(*spans, b""),
        field(1, b"") * 9,
        field(1, field(2, b"") * 8),
        traces(resource=field(1, field(1, b"") * 2) + field(1, field(1, b""))),
        traces(scope=field(1, field(3, b"") * 3)),
    ):
        with pytest.raises(Malformed, match="too_many"):
            check(body, "traces", limits)
    assert check(field(1, b"") * 8, "traces", limits).records == 0
    assert check(traces(scope=field(1, field(3, b"") * 2)), "traces", limits).records == 0


def test_the_depth_limit_counts_one_value_not_its_neighbours() -> None:
    span = attribute(nested(3, pairs=False)) * 4
    assert check(traces(span), "traces", Limits(max_depth=3)).rejected == []


def test_a_limit_below_one_is_an_error() -> None:
    with pytest.raises(ValueError, match="max_events=0"):
        Limits(max_events=0)


def test_more_records_than_expected_of_the_size() -> None:
    bodies = [traces(*[b""] * 5000), traces(GOOD, b"\x00\x00"), traces(*[b""] * 3)]
    decoded = decode_spans(bodies, KEYS)
    assert decoded.count == 5004
    assert decoded.message.tolist() == [0] * 5000 + [1] + [2] * 3
    assert decoded.ordinal.tolist() == [*range(5000), 0, 0, 1, 2]
    assert [(piece.message, piece.ordinal) for piece in decoded.rejected] == [(1, 1)]


def test_no_bodies() -> None:
    decoded = decode_spans([], KEYS)
    assert (decoded.count, decoded.messages, decoded.rejected) == (0, 0, [])
    assert decoded.attributes.start.tolist() == [0]
    assert decode_logs([], KEYS).count == 0


def test_merging_many_parts_takes_linear_room() -> None:
    decoded = decode_spans([traces(attribute(A * 20_000))], KEYS)
    assert len(decoded.data) < 400_000
    value = decoded.attributes.value
    read = decode_value(decoded.data, value.kind[0], value.offset[0], value.length[0], value.number[0])
    assert read == ["a"] * 20_000


def test_the_data_cannot_be_written() -> None:
    for span in (GOOD, attribute(A + B)):
        assert not decode_spans([traces(span)], KEYS).data.flags.writeable


def test_what_a_message_of_real_classes_gives() -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="chat", trace_id=bytes(range(16)))
    span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 42
    decoded = decode_spans([request.SerializeToString()], KEYS)
    assert decoded.trace_id.tolist() == [[0x0001020304050607, 0x08090A0B0C0D0E0F]]
    assert decoded.id_lengths.tolist() == [[16, 0, 0]]
    assert decoded.attributes.key.tolist() == [KEYS.index["gen_ai.usage.input_tokens"]]
    assert decoded.attributes.value.number.tolist() == [42]


def test_known_keys_are_found_and_no_others() -> None:
    known = [*(f"gen_ai.key.{index}" for index in range(700)), *("k" * size for size in range(70)), "schlüssel"]
    keys = KeyTable(known)
    near = [key + "x" for key in known] + [key[:-1] + "\0" for key in known if key] + ["K", "gen_ai.key.700"]
    decoded = decode_spans(
        [traces(b"".join(attribute(b"", key.encode()) for key in known + near))], keys, Limits(max_attributes=5000)
    )
    expected = [keys.index.get(key, -1) for key in known + near]
    assert decoded.attributes.key.tolist() == expected
    assert decoded.attributes.key.tolist()[: len(known)] == list(range(len(known)))
    assert len(keys) == len(known)


def test_a_key_with_the_hash_of_another_is_not_taken_for_it() -> None:
    known = b"gen_ai.usage.key"
    first, second = (int.from_bytes(known[at : at + 8], "little", signed=True) for at in (0, 8))
    for attempt in range(100_000):
        # A key's first word leads to a state; the second word can undo the difference of two states.
        other = f"{attempt:08d}"[::-1].encode()
        difference = _mix(16, first) ^ _mix(16, int.from_bytes(other, "little"))
        twin = other + (second ^ difference).to_bytes(8, "little", signed=True)
        if twin.isascii():
            break
    assert twin.isascii()
    memory = np.frombuffer(known + twin + bytes(PADDING), np.uint8)
    assert _hash(Buffer.of(memory), 0, 16) == _hash(Buffer.of(memory), 16, 16)
    keys = KeyTable([known.decode()])
    decoded = decode_spans([traces(attribute(b"", twin) + attribute(b"", known))], keys)
    assert decoded.attributes.key.tolist() == [-1, 0]


def test_a_table_without_keys() -> None:
    assert decode_spans([traces(GOOD)], KeyTable([])).attributes.key.tolist() == [-1]


def test_a_key_given_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="twice"):
        KeyTable(["a", "b", "a"])
