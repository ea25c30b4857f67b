"""The log forgets: nothing of what was committed is left in any of its files, and what was not goes on."""

from pathlib import Path

import pytest

from spanpulse_stream.log import TOPIC, Claim, LocalLog, Message

SMALL = {"max_bytes": 1 << 30, "retain_records": 1000, "ballast_bytes": 0, "disk_floor_bytes": 0}


def message(text: bytes) -> Message:
    return Message(TOPIC, 0, b"key", text, (("signal", b"traces"),), 1)


def files_with(folder: Path, text: bytes) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_file() and text in path.read_bytes()]


def opened(folder: Path) -> LocalLog:
    return LocalLog.open(folder, partitions=1, **SMALL)


@pytest.mark.parametrize("size", [20, 3000, 200_000])
def test_nothing_of_what_was_committed_is_left(tmp_path: Path, size: int) -> None:
    log = opened(tmp_path)
    texts = [b"%s-%d-" % (b"pending" if number >= 60 else b"consumed", number) + b"x" * size for number in range(80)]
    for start in range(0, 80, 16):  # some pages hold both
        log.append_soon([message(text) for text in texts[start : start + 16]]).result()
    log.commit_soon(TOPIC, 0, 30).result()
    log.commit_soon(TOPIC, 0, 60).result()
    assert files_with(tmp_path, b"consumed-")
    log.forget()
    assert files_with(tmp_path, b"consumed-") == []
    assert files_with(tmp_path, b"pending-")
    assert (log.first_offset(TOPIC, 0), log.committed(TOPIC, 0), log.end_offset(TOPIC, 0)) == (60, 60, 80)
    log.append_soon([message(b"later")]).result()
    log.close()
    again = opened(tmp_path)
    assert [each.value for each in again.read(TOPIC, 0, 60)] == [*texts[60:], b"later"]
    assert again.lag_records(TOPIC, 0) == 21
    again.close()


def test_what_is_claimed_stays(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append_soon([message(b"text-%d" % number) for number in range(6)]).result()
    log.claim_soon(TOPIC, 0, Claim(2, 4, "v")).result()
    log.forget()
    assert [each.value for each in log.read(TOPIC, 0, 2)] == [b"text-%d" % number for number in range(2, 6)]
    assert log.claimed(TOPIC, 0) == Claim(2, 4, "v")
    log.forget()
    assert log.first_offset(TOPIC, 0) == 2
    log.close()


def test_it_forgets_while_others_read_and_append(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for _ in range(5):
        log.append_soon([message(b"consumed-" + b"y" * 50_000) for _ in range(20)]).result()
        end = log.end_offset(TOPIC, 0)
        log.commit_soon(TOPIC, 0, end).result()
        appending = [log.append_soon([message(b"kept-%d" % number)]) for number in range(20)]
        log.forget()
        offsets = [future.result()[0] for future in appending]
        assert offsets == list(range(end, end + 20))
        assert len(log.read(TOPIC, 0, end)) == 20
        log.commit_soon(TOPIC, 0, end + 20).result()
    log.forget()
    assert files_with(tmp_path, b"consumed-") == []
    log.close()
