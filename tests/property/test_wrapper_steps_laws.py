"""Observed functions and plain ones are the same to whoever calls them; freezing is bounded and never raises."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.context import get_current

from spanpulse._context import carry, context
from spanpulse._privacy import Content
from spanpulse._steps import observe
from spanpulse._steps._freeze import DEEPEST, LONGEST, MOST_VALUES, freeze
from spanpulse._steps._kinds import Form
from spanpulse._steps._tell import attribute_of
from wrapper_generators import BODY, STEPS, Action, async_generator, async_outcome, generator, outcome, run
from wrapper_recorded import recorded

WAYS: dict[str, Callable[[Any], Any]] = {"observe": observe, "context": context(user_id="u", tags={"a": "b"})}


@pytest.fixture(scope="module", autouse=True)
def _recording() -> Iterator[None]:
    with recorded():
        yield


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None, max_examples=150)
@given(body=BODY, steps=STEPS)
def test_generators_do_the_same(way: str, body: list[Action], steps: list[Action]) -> None:
    before = get_current()
    plain = outcome(generator, body, steps)
    assert outcome(WAYS[way](generator), body, steps) == plain
    assert get_current() is before


@pytest.mark.filterwarnings("ignore:Exception ignored")  # generators that yield when they are closed
@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None, max_examples=150)
@given(body=BODY, steps=STEPS)
@example(body=[("catch", GeneratorExit), ("finally", 0)], steps=[("next", None)])
def test_asynchronous_generators_do_the_same(way: str, body: list[Action], steps: list[Action]) -> None:
    before = get_current()
    plain = async_outcome(async_generator, body, steps)
    assert async_outcome(WAYS[way](async_generator), body, steps) == plain
    assert get_current() is before


@given(result=st.one_of(st.integers(), st.sampled_from([ValueError("a"), KeyboardInterrupt(), StopIteration(3)])))
def test_functions_do_the_same(result: Any) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, BaseException):
            raise value
        return value

    async def later(value: Any) -> Any:
        return plain(value)

    def came(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except BaseException as error:  # noqa: BLE001 -- any of them is an outcome
            return type(error), error.args

    expected = came(lambda: plain(result))
    for way in (*WAYS.values(), carry):
        assert came(lambda way=way: way(plain)(result)) == expected
    expected = came(lambda: run(later(result)))
    for way in WAYS.values():
        assert came(lambda way=way: run(way(later)(result))) == expected


@dataclasses.dataclass
class Account:
    """Has something that is not to be shown."""

    name: Any
    key: str = dataclasses.field(default="sk-secret", repr=False)


class Hostile:
    """Raises whatever is done to it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError

    __iter__ = __len__ = __str__ = __hash__ = __repr__  # type: ignore[assignment]


class Texts(str):
    """A text that lies."""

    __slots__ = ()

    def __len__(self) -> int:
        raise RuntimeError

    def __getitem__(self, _key: Any) -> str:
        raise RuntimeError


ATOMS = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.uuids(), st.datetimes()),
    *(
        st.decimals(),
        st.fractions(),
        st.just("\ud800"),
        st.builds(Hostile),
        st.builds(object),
        st.builds(Texts, st.text()),
    ),
    st.builds(lambda: 10**5000),
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(), st.integers(), st.none()), inner),
        st.builds(Account, inner),
    ),
)


def depth_of(value: Any) -> int:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + max(map(depth_of, inner), default=0)


def count_of(value: Any) -> int:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + sum(map(count_of, inner))


@given(value=VALUES)
@settings(deadline=None, max_examples=200)
def test_whatever_a_value_is_it_becomes_json_within_bounds(value: Any) -> None:
    frozen, size = freeze(value)
    json.dumps(frozen, allow_nan=False)
    assert size > 0
    assert depth_of(frozen) <= DEEPEST + 2
    assert "sk-secret" not in str(frozen)
    for form in Form:
        written = attribute_of(form, frozen, Content())
        assert form is Form.WORD or isinstance(written, str)
        assert json.dumps(written, ensure_ascii=False).encode(), "UTF-8 can write it"


def test_endless_and_huge_values_are_cut() -> None:
    endless: list[Any] = []
    endless.extend([endless, endless])
    wide = [[{"k": "v"}] * 500] * 500
    for value in (endless, wide, {"a": endless}, list(range(10**6)), "x" * 10**6):
        frozen, size = freeze(value)
        assert count_of(frozen) <= 2 * MOST_VALUES
        assert size <= 2 * LONGEST + 100 * MOST_VALUES
    assert freeze(list(range(102)))[0][-1] == "… 2 more"


SMALL = st.one_of(st.integers(0, 9), st.lists(st.lists(st.text(max_size=3), max_size=3), max_size=3))


@given(value=st.dictionaries(st.text(max_size=5), SMALL, max_size=5))
def test_what_is_frozen_stays_what_the_value_was(value: dict[str, Any]) -> None:
    frozen, _ = freeze([value])
    before = json.loads(json.dumps(value))
    value["changed"] = value.pop("changed", 0)
    for inner in value.values():
        if isinstance(inner, list):
            inner.append("later")
    assert frozen == [before]
