"""Digests of response ids: different ids have different ones, also those that providers number one after the other."""

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from spanpulse_stream.usage._digest import response_digests, text_hash

TENANT = np.uint64(text_hash("default"))


def digests(ids: list[str], traces: NDArray[np.uint64] | None = None) -> NDArray[np.uint64]:
    of_one = np.zeros((len(ids), 2), np.uint64)
    return response_digests(pa.array(ids), np.full(len(ids), TENANT), of_one if traces is None else traces)


def assert_distinct(ids: list[str]) -> None:
    """Each half alone tells the ids apart: 64 bits for thousands of ids."""
    found = digests(ids)
    for half in range(2):
        assert len(np.unique(found[:, half])) == len(set(ids))


@pytest.mark.parametrize("prefix", range(0, 33, 3))
@pytest.mark.parametrize("pattern", ["{:d}", "{:06d}", "{:08x}", "{0:04x}-{0:04x}", "{:d}-completion"])
def test_counters_differ(prefix: int, pattern: str) -> None:
    assert_distinct(["r" * prefix + pattern.format(number) for number in range(5000)])


def in_base(number: int, base: int, digits: int) -> str:
    figures = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join(figures[number // base**place % base] for place in reversed(range(digits)))


@pytest.mark.parametrize("base", [2, 10, 16, 36, 62])
@pytest.mark.parametrize("prefix", ["", "resp_", "chatcmpl-"])
@pytest.mark.parametrize("widths", [(3, 4, 4), (8, 4, 4), (4, 8, 8), (8, 8, 8)])
def test_ids_of_several_counters_differ(base: int, prefix: str, widths: tuple[int, int, int]) -> None:
    """Of machine, thread and call: what differs may lie at the end of several words."""
    each = 40
    assert_distinct(
        [
            prefix + "".join(in_base(number, base, digits) for number, digits in zip(numbers, widths, strict=True))
            for numbers in itertools.product(range(each), repeat=3)
        ]
    )


@pytest.mark.parametrize("places", [(7, 15), (7, 15, 23), (6, 7, 14), (0, 8, 16), (3, 7, 11, 15)])
def test_ids_that_differ_at_the_same_place_of_several_words_differ(places: tuple[int, ...]) -> None:
    letters = "0123456789abcdefghijklmnopqrstuv" if len(places) <= 3 else "0123456789ab"
    ids = []
    for chosen in itertools.product(letters, repeat=len(places)):
        text = ["r"] * 24
        for place, letter in zip(places, chosen, strict=True):
            text[place] = letter
        ids.append("".join(text))
    assert_distinct(ids)


@pytest.mark.parametrize("length", [*range(1, 18), 24, 29, 32, 40])
def test_ids_that_differ_in_one_byte_differ(length: int) -> None:
    base = bytes(random.Random(length).randrange(1, 128) for _ in range(length))
    near = [base[:at] + bytes([value]) + base[at + 1 :] for at in range(length) for value in range(1, 128)]
    assert_distinct([each.decode("ascii") for each in near])


def test_a_longer_id_differs_from_its_beginning() -> None:
    assert_distinct(["0" * length for length in range(1, 200)] + ["\0" * length for length in range(1, 200)])


def test_an_empty_id_is_none_and_no_other_is() -> None:
    found = digests(["", "a"])
    assert found[0].tolist() == [0, 0]
    assert found[1].all()


def test_a_short_number_names_a_call_in_its_trace_alone() -> None:
    traces = np.array([[1, 1], [1, 2]], np.uint64)
    short, long = (digests([text] * 2, traces) for text in ("chatcmpl-417", "chatcmpl-9f3a52c1e07b"))
    assert short[0].tolist() != short[1].tolist()
    assert long[0].tolist() == long[1].tolist()
