"""Nested contexts say the union of what each says, whatever is in between, and leave nothing behind."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from opentelemetry.context import Context, attach, detach, get_current

from spanpulse._context import add_experiment, attributes_of, context
from spanpulse._context._values import LONGEST, MOST, attributes_from, is_sound
from wrapper_recorded import recorded

WORDS = st.text("abcö", min_size=1, max_size=3)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "user_id": WORDS,
        "session_id": WORDS,
        "prompt": st.tuples(WORDS, WORDS),
        "experiments": st.dictionaries(WORDS, WORDS, max_size=3),
        "tags": st.dictionaries(WORDS, WORDS, max_size=3),
    },
)


@pytest.fixture(scope="module", autouse=True)
def _recording() -> Iterator[None]:
    with recorded():
        yield


def told(said: dict[str, object]) -> dict[str, str]:
    return attributes_from(*(said.get(name) for name in ("user_id", "session_id", "prompt", "experiments", "tags")))


@given(levels=st.lists(SAID, max_size=5))
def test_contexts_merge_as_dicts_do(levels: list[dict[str, object]]) -> None:
    before, open_ones, union = get_current(), [], dict[str, str]()
    for said in levels:
        open_ones.append(context(**said).__enter__())
        union |= told(said)
        assert attributes_of() == union
    for one, count in zip(reversed(open_ones), range(len(levels), 0, -1), strict=True):
        union = {key: value for said in levels[:count] for key, value in told(said).items()}
        assert attributes_of() == union
        one.__exit__(None, None, None)
    assert get_current() is before


@settings(deadline=None)
@given(
    value=st.one_of(
        st.none(), st.text(), st.integers(), st.floats(), st.binary(), st.lists(st.text()), st.just(10**999)
    )
)
def test_whatever_is_said_what_leaves_is_bounded(value: object) -> None:
    said = attributes_from(value, value, (value, value), {value if isinstance(value, str) else 1: value}, {"a": value})
    for key, text in said.items():
        assert isinstance(text, str)
        assert is_sound(text)
        assert 0 < len(text.encode()) <= LONGEST
        assert key.isascii() or is_sound(key)
    attributes_from(value, value, value, value, value)


class Scopes(RuleBasedStateMachine):
    """Generators with contexts around their steps, advanced and dropped in any order, within contexts or not."""

    @initialize()
    def begin(self) -> None:
        self.outside = attach(Context())
        self.generators: list[tuple[str, Iterator[object]]] = []
        self.open: list[tuple[str, context]] = []
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return str(self.count)

    @rule()
    def enter(self) -> None:
        name = self.name()
        self.open.append((name, context(user_id=name).__enter__()))

    @rule()
    def leave(self) -> None:
        if self.open:
            self.open.pop()[1].__exit__(None, None, None)

    @rule()
    def make(self) -> None:
        name = self.name()

        @context(user_id=name)
        def steps() -> Iterator[object]:
            while True:
                yield attributes_of().get("user.id")

        self.generators.append((name, steps()))

    @rule(at=st.integers(0, 5))
    def advance(self, at: int) -> None:
        if self.generators:
            name, generator = self.generators[at % len(self.generators)]
            assert next(generator) == name

    @rule(at=st.integers(0, 5))
    def drop(self, at: int) -> None:
        if self.generators:
            self.generators.pop(at % len(self.generators))

    @rule()
    def add(self) -> None:
        assert add_experiment("e", "v") is bool(self.open)
        assert ("spanpulse.experiment.e" in attributes_of()) is bool(self.open)

    @invariant()
    def the_innermost_counts(self) -> None:
        if hasattr(self, "open"):
            assert attributes_of().get("user.id") == (self.open[-1][0] if self.open else None)
            assert len(attributes_of()) <= MOST

    def teardown(self) -> None:
        if hasattr(self, "outside"):
            detach(self.outside)


TestScopes = Scopes.TestCase
TestScopes.settings = settings(deadline=None, max_examples=60, stateful_step_count=25)
