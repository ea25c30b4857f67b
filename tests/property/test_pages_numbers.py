"""Numbers on the page: three digits that are right, never a 0 for what is not 0, never a number for what is missing."""

import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages_numbers import FORMATS, VECTORS
from spanpulse_dashboards import pages
from spanpulse_dashboards.pages import Shown

SCALES = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
UNITS = {"ms": 1e6, "s": 1e9, "min": 6e10, "h": 3.6e12, "d": 8.64e13}
POSITIVE = st.floats(1e-5, 1e14, allow_nan=False)


def close(shown: float, value: float) -> bool:
    """Whether what is shown is the value to half of its third digit."""
    return abs(shown - value) <= value * 0.00501


@pytest.mark.parametrize(
    ("kind", "value", "text"), [(kind, *pair) for kind, pairs in VECTORS.items() for pair in pairs]
)
def test_a_number_is_shown_as_written_down(kind: str, value: float | None, text: str) -> None:
    assert FORMATS[kind](value).text == text


@given(POSITIVE)
def test_a_count_reads_back_to_its_third_digit(value: float) -> None:
    match = re.fullmatch(r"([\d.,]+)([kMBT]?)", pages.count(value).text)
    assert match
    assert close(float(match[1].replace(",", "")) * SCALES[match[2]], value)


@given(st.floats(1e-6, 1e14))
def test_money_reads_back_to_its_third_digit_and_is_never_zero(value: float) -> None:
    match = re.fullmatch(r"\$([\d.,]+)([kMBT]?)", pages.money(value).text)
    assert match
    assert close(float(match[1].replace(",", "")) * SCALES[match[2]], value)


@given(st.decimals(min_value=Decimal("0.000000000001"), max_value=Decimal(10**12), places=12))
def test_small_money_is_never_nothing_and_hover_is_exact(value: Decimal) -> None:
    shown = pages.money(value)
    assert re.search("[1-9]", shown.text)
    assert Decimal(shown.full.removeprefix("$").removesuffix(" USD").replace(",", "")) == value


@given(st.integers(1000, 10**16))
def test_a_duration_has_a_unit_and_reads_back(ns: int) -> None:
    number, unit = pages.duration(ns).text.split()
    shown = float(number.replace(",", "")) * UNITS[unit]
    assert close(shown, ns)
    assert float(number.replace(",", "")) < 1000 or unit == "d"


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_share_of_some_is_neither_none_nor_all(ratio: float) -> None:
    shown = pages.percent(ratio).text
    assert shown.startswith(("<", ">")) or (0 < float(shown.rstrip("%")) < 100)


@given(st.sampled_from([pages.count, pages.money, pages.duration, pages.percent]), POSITIVE, st.floats(1, 1.01))
def test_a_larger_number_is_not_shown_as_a_smaller_one(shown: object, value: float, factor: float) -> None:
    order = {"ms": 1e6, "s": 1e9, "min": 6e10, "h": 3.6e12, "d": 8.64e13, "%": 1.0, **SCALES}

    def size(result: Shown) -> float:
        match = re.fullmatch(r"([<>~]?)\$?([\d.,]+) ?(%|[a-zA-Z]*)", result.text)
        assert match, result.text
        return float(match[2].replace(",", "")) * order[match[3]] * {"<": 0.5, ">": 1.0001}.get(match[1], 1.0)

    assert size(shown(value)) <= size(shown(value * factor)) * (1 + 1e-9)  # type: ignore[operator]


@given(st.sampled_from(list(FORMATS.values())), st.text(min_size=1))
def test_what_is_missing_is_a_dash_with_its_reason(shown: object, reason: str) -> None:
    result = shown(None, reason=reason)  # type: ignore[operator]
    assert (result.text, result.full, result.absent) == ("-", reason, True)


def test_an_estimate_says_so_and_a_missing_one_stays_missing() -> None:
    assert pages.estimated(pages.count(1234), "sampled").text == "~1.23k"
    assert "sampled" in pages.estimated(pages.count(1234), "sampled").full
    assert pages.estimated(pages.missing("why"), "sampled") == pages.missing("why")


@given(POSITIVE, POSITIVE)
def test_a_change_says_whether_it_rose(now: float, before: float) -> None:
    shown = pages.change(now, before)
    ratio = now / before - 1
    if shown.rises is None:
        assert shown.text == "0%"
        assert abs(ratio) < 0.0005
    else:
        assert shown.rises == (now > before)
        assert shown.text[0] == (
            "+" if ratio < 9 and ratio > 0 else "\N{MULTIPLICATION SIGN}" if ratio > 0 else "\N{MINUS SIGN}"
        )


@pytest.mark.parametrize(("now", "before"), [(1, None), (None, 1), (1, 0)])
def test_a_change_that_cannot_be_told_is_missing(now: float | None, before: float | None) -> None:
    assert pages.change(now, before).absent


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_change_of_a_ratio_is_in_points(now: float, before: float) -> None:
    shown = pages.points(now, before)
    assert shown.text.endswith(" pp")
    assert shown.rises is None or shown.rises == (now > before)


@given(st.integers(0, 2**60))
def test_a_size_reads_back(value: int) -> None:
    number, unit = pages.bytes_(value).text.split()
    factor = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[unit]
    assert math.isclose(float(number.replace(",", "")) * factor, value, rel_tol=0.00501)
