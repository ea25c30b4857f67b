"""Many requests in one write that each offer an upgrade: all are answered, and nothing is logged."""

import logging

import pytest

from otlp.log import GatedLog
from otlp.serving import exchange, listening

OFFERING = b"GET /nothing HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
LAST = b"GET /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


async def test_many_offers_in_one_write_do_not_end_the_connection(
    log: GatedLog, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with listening(log) as got:
        answers = await exchange(got.address, OFFERING * 1500 + LAST)
    assert answers.count(b"HTTP/1.1 404") == 1501
    assert caplog.records == []
