"""What may be committed of a partition in Kafka: against a model that remembers everything that ever happened."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spanpulse_stream.log import Claim
from spanpulse_stream.transport.kafka._metadata import MOST_METADATA, claim_of, metadata_of
from spanpulse_stream.transport.kafka._progress import Progress


class Model(RuleBasedStateMachine):
    """Messages with gaps are delivered and acknowledged in any order, with claims and commits between."""

    def __init__(self) -> None:
        super().__init__()
        self.progress = Progress(5, None)
        self.delivered: list[int] = []
        self.acknowledged: set[int] = set()
        self.kept = [(5, 0)]  # what Kafka has: the committed offset and the end of its claim, in order

    @rule(gap=st.integers(0, 3))
    def deliver(self, gap: int) -> None:
        offset = self.progress.position + gap
        assert self.progress.deliver(offset)
        assert not self.progress.deliver(offset), "it was delivered"
        self.delivered.append(offset)

    @rule(markers=st.integers(0, 3))
    def nothing_is_left(self, markers: int) -> None:
        self.progress.pass_to(self.progress.position + markers)

    @precondition(lambda self: set(self.delivered) - self.acknowledged)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(set(self.delivered) - self.acknowledged)))
        self.acknowledged.add(offset)
        self.progress.acknowledge(offset)

    @rule()
    def commit_in_the_background(self) -> None:
        if (offset := self.progress.committable()) is not None:
            assert not [each for each in self.delivered if each < offset and each not in self.acknowledged]
            self.progress.advance(offset)
            self.kept.append((offset, 0))

    @rule(offset=st.integers(0, 60))
    def commit(self, offset: int) -> None:
        if self.progress.advances(offset):
            self.progress.advance(offset)
            self.kept.append((offset, 0))

    @rule(first=st.integers(0, 60), length=st.integers(0, 5))
    def claim(self, first: int, length: int) -> None:
        claim = Claim(first, first + length, "v")
        offset, end = self.kept[-1]
        try:
            self.progress.check(claim)
        except ValueError:
            again = (first, first + length) == (offset, end)
            assert not length or first < offset or (first < end and not again)
        else:
            self.progress.advance(first, claim)
            self.kept.append((first, claim.end))

    @invariant()
    def what_kafka_has_never_goes_back_and_never_into_a_claim(self) -> None:
        for (offset, end), (later, its_end) in zip(self.kept, self.kept[1:], strict=False):
            assert later >= end or (later, its_end) == (offset, end)
            assert later >= offset
        assert self.progress.committed == self.kept[-1][0]

    @invariant()
    def acknowledgements_are_not_kept_for_ever(self) -> None:
        self.progress.committable()
        assert list(self.progress._waiting) == self.waiting()
        assert len(self.progress._acknowledged) <= len(self.progress._waiting)

    def waiting(self) -> list[int]:
        """Return what was delivered from the first message on that is not acknowledged."""
        return list(itertools.dropwhile(self.acknowledged.__contains__, self.delivered))


TestModel = Model.TestCase


@given(st.integers(0, 2**62), st.integers(1, 2**40), st.text(max_size=600))
def test_a_claim_is_what_its_metadata_say(first: int, length: int, versions: str) -> None:
    claim = Claim(first, first + length, versions)
    metadata = metadata_of(claim)
    assert metadata.isascii()
    assert len(metadata) <= MOST_METADATA
    assert claim_of(first, metadata) == claim
    assert claim_of(claim.end, metadata) is None, "it is of another offset"


@given(st.text() | st.from_regex(r'\{"end": ?-?[0-9]{1,5}(\.5)?, ?"v": ?("[a-z]*"|[0-9]|null)\}', fullmatch=True))
def test_metadata_of_others_are_no_claim(text: str) -> None:
    found = claim_of(7, text)
    assert found is None or (found.end > 7 and claim_of(7, metadata_of(found)) == found)
