"""What is asked for is checked, and kept until it is done."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from spanpulse_stream.maintenance._erase_request import EraseRequest, Journal
from spanpulse_stream.operations import MaintenanceError

TODAY = datetime.now(UTC).date()


@pytest.mark.parametrize(
    "request_",
    [
        EraseRequest(user='ä "quoted" \\ user'),
        EraseRequest(trace="0" * 31 + "a", tenant="acme"),
        EraseRequest(before=date(2026, 1, 31)),
    ],
)
def test_a_request_is_kept_until_it_is_done(tmp_path: Path, request_: EraseRequest) -> None:
    journal = Journal(tmp_path)
    assert journal.read() is None
    journal.write(request_)
    assert Journal(tmp_path).read() == request_
    assert (tmp_path / "erase.json").stat().st_mode & 0o077 == 0
    journal.remove()
    journal.remove()
    assert Journal(tmp_path).read() is None


def test_its_text_names_no_id() -> None:
    assert "4711" not in f"{EraseRequest(user='4711')} {EraseRequest(trace='4711' * 8)}"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "name one of"),
        ({"user": "a", "before": "2026-01-01"}, "name one of"),
        ({"user": ""}, "empty"),
        ({"user": "J\udcf6rg"}, "UTF-8"),
        ({"user": "ä" * 4097}, "8,192 bytes"),
        ({"trace": "xyz"}, "no trace id"),
        ({"before": "31.1.2026"}, "no date"),
        ({"before": "2026-W01-1"}, "no date"),
        ({"before": "20260101"}, "no date"),
        ({"before": "2026-02-30"}, "no date"),
        ({"before": str(TODAY + timedelta(days=3))}, "future"),
        ({"user": "a", "tenant": ""}, "tenant"),
        ({"user": "a", "tenant": "\udcf6"}, "tenant is no UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: dict[str, str], told: str) -> None:
    with pytest.raises(MaintenanceError, match=told):
        EraseRequest.parse(arguments)


@pytest.mark.parametrize("torn", ['{"user": "al', "", "[]", '{"user": 4711}', '{"before": "soon"}'])
def test_a_request_that_cannot_be_read_is_named(tmp_path: Path, torn: str) -> None:
    (tmp_path / "erase.json").write_text(torn)
    with pytest.raises(MaintenanceError, match=r"erase\.json.* cannot be read.*remove the file"):
        Journal(tmp_path).read()
    assert Journal(tmp_path).is_there()
