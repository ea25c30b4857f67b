"""Record batches have the tables' columns, and words, money and ids are what they stand for."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import in_log, llm, log_columns, span_columns
from migration_tables import column_names
from spanpulse_stream.columns import Numbers, Words
from spanpulse_stream.rows import _arrow, score_batch, span_batch, text_batch


@pytest.mark.parametrize("size", [0, 1, 3])
def test_columns_are_those_of_the_tables_in_order(size: int) -> None:
    logs = log_columns([], [])
    assert span_batch(span_columns(in_log([llm(1)] * size))).schema.names == column_names("span_rows")
    assert text_batch(logs).schema.names == column_names("span_texts")
    assert score_batch(logs).schema.names == column_names("scores")


@given(st.lists(st.integers(0, 2**64 - 1), max_size=9))
def test_ids_are_lowercase_hex_of_full_width(ids: list[int]) -> None:
    made = np.array(ids, np.uint64)
    assert _arrow.hexadecimal(made).to_pylist() == [f"{value:016x}" for value in ids]
    assert _arrow.hexadecimal(made, absent=True).to_pylist() == [f"{value:016x}" if value else None for value in ids]
    pairs = np.stack([made, made[::-1]], axis=1) if ids else np.zeros((0, 2), np.uint64)
    wanted = [f"{high:016x}{low:016x}" for high, low in pairs.tolist()]
    assert _arrow.hexadecimal(pairs).to_pylist() == wanted


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=9))
def test_money_is_exact(amounts: list[int | None]) -> None:
    numbers = Numbers(
        np.array([amount or 0 for amount in amounts], np.int64),
        np.array([amount is not None for amount in amounts], np.bool_),
    )
    wanted = [None if amount is None else Decimal(amount).scaleb(-12) for amount in amounts]
    made = _arrow.money(numbers)
    made.validate(full=True)
    assert made.to_pylist() == wanted


@given(st.lists(st.sampled_from(["", "a", "b"]), max_size=4), st.data())
def test_words_keep_their_rows_whatever_the_dictionary_repeats(values: list[str], data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(-1, len(values) - 1), max_size=8))
    words = Words(np.array(codes, np.int32), values)
    assert _arrow.named(words).to_pylist() == words.tolist()
    assert _arrow.text(words).to_pylist() == words.tolist()
    assert _arrow.present(words).to_pylist() == [value or "" for value in words.tolist()]
    for array in (_arrow.named(words), _arrow.present(words)):
        dictionary = array.dictionary.to_pylist()
        assert len(dictionary) == len(set(dictionary))


def test_batches_are_valid_arrow() -> None:
    batch = span_batch(span_columns(in_log([llm(1, finish_reasons=["stop"]), llm(2)])))
    batch.validate(full=True)
    assert isinstance(batch["finish_reasons"], pa.ListArray)
    assert batch["finish_reasons"].to_pylist() == [["stop"], []]
