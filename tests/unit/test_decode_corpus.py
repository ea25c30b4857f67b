"""Every real export decodes to what protobuf gives."""

import pytest

from oracle import assert_equal, corpus_bodies


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_every_export_equals_protobuf(signal: str) -> None:
    for name, body in corpus_bodies(signal):
        assert assert_equal([body], signal) == 0, name


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_the_corpus_as_one_batch(signal: str) -> None:
    bodies = [body for _, body in corpus_bodies(signal)]
    assert len(bodies) > 10
    assert assert_equal(bodies, signal) == 0
