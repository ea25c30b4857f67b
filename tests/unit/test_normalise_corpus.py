"""Real exports of real SDKs give the calls that really happened, whatever their emitters wrote.

Everything must be equal to what the imitated provider returned, but for what the bytes do not hold.
"""

from collections import Counter

import pytest

from calls import TOKENS, Story
from corpus_calls import CORPUS, NOT_HELD
from normalising import one_span_requests, shuffled

SCENARIOS = CORPUS.scenarios()


@pytest.mark.parametrize(("file", "name"), SCENARIOS)
def test_an_export_gives_the_calls_that_happened(file: str, name: str) -> None:
    story = Story()
    story.run(CORPUS.bodies(file, name))
    CORPUS.check(file, name, story.calls())


@pytest.mark.parametrize(("file", "name"), SCENARIOS)
def test_it_does_so_span_by_span_in_any_order(file: str, name: str) -> None:
    requests = one_span_requests(CORPUS.bodies(file, name))
    for seed in range(5):
        story = Story()
        for request in shuffled(requests, seed):
            story.run([request])
        CORPUS.check(file, name, story.calls())


@pytest.mark.parametrize("file", sorted({file for file, _ in SCENARIOS}))
def test_all_exports_of_a_file_are_one_batch_as_well(file: str) -> None:
    names, story = [name for own, name in SCENARIOS if own == file], Story()
    story.run([body for name in names for body in CORPUS.bodies(file, name)])
    true = [call for name in names for call in CORPUS.true_calls(file, name)]
    for field in TOKENS:
        if not NOT_HELD.get(file, {}).get(field):
            assert sum(call[field] or 0 for call in story.calls()) == sum(call[field] or 0 for call in true)
    assert len(story.calls()) == len(true)


def test_nothing_is_excepted_that_the_bytes_hold() -> None:
    """An exception that is not needed (any more) hides a mistake."""
    for file, fields in NOT_HELD.items():
        for field, names in fields.items():
            for name in names:
                story = Story()
                story.run(CORPUS.bodies(file, name))
                got = Counter(str(call[field]) for call in story.calls())
                wanted = Counter(str(call[field]) for call in CORPUS.true_calls(file, name))
                assert got != wanted, (file, field, name)
