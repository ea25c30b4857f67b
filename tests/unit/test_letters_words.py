"""A filter of `dead-letters list` that names a word which no letter has is an error; an empty list is none."""

from collections.abc import Mapping
from typing import Any

import pytest

from spanpulse_stream.commands import _letters
from spanpulse_stream.commands._run import CommandError
from spanpulse_stream.settings import Settings


def listed(monkeypatch: pytest.MonkeyPatch, stored: Mapping[str, list[str]], **asked: str) -> int:
    def rows(_settings: Settings, sql: str) -> list[dict[str, Any]]:
        return [{"word": word} for name in stored if f"DISTINCT {name} AS" in sql for word in stored[name]]

    monkeypatch.setattr(_letters, "_rows", rows)
    return len(_letters.listed(Settings(), asked, 10))


@pytest.mark.parametrize("asked", [{}, {"signal": "logs"}, {"signal": "metrics"}, {"reason": "truncated"}])
def test_nothing_of_a_word_that_there_is(monkeypatch: pytest.MonkeyPatch, asked: dict[str, str]) -> None:
    stored = {"signal": ["metrics"], "reason": ["truncated"]}
    assert listed(monkeypatch, stored, tenant="acme", **asked) == 0


@pytest.mark.parametrize(
    ("stored", "asked", "why"),
    [
        ({}, {"signal": "foo"}, "no dead letter has the signal 'foo'; there are: traces, logs$"),
        ({"signal": ["metrics"]}, {"signal": "foo"}, "there are: traces, logs, metrics$"),
        ({"reason": ["truncated"]}, {"reason": "foo"}, "no dead letter has the reason 'foo'; there are: truncated$"),
        ({}, {"reason": "foo"}, "there are: none, for there are no dead letters$"),
    ],
)
def test_a_word_that_there_is_not(
    monkeypatch: pytest.MonkeyPatch, stored: dict[str, list[str]], asked: dict[str, str], why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        listed(monkeypatch, stored, **asked)
