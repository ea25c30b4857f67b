"""Batches on disk: whole files or none, private, bounded, and never lost with the process that wrote them."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from spanpulse._export._spill import Damaged, Spill
from spanpulse._export._transport import Batch

MANY = 1 << 20
KEY = bytes(range(16))
CHILD = """
import os, sys
from pathlib import Path
from spanpulse._export._spill import Spill
from spanpulse._export._transport import Batch
spill = Spill(Path(sys.argv[1]), 1 << 20)
for number in range(3):
    assert spill.write(number, Batch("traces", b"x" * number, number + 1, bytes(range(16))))
print("written", flush=True)
sys.stdin.read()
os._exit(9)
"""


def batch(number: int = 1, size: int = 10, signal="traces") -> Batch:
    return Batch(signal, bytes([number % 256]) * size, number, KEY)


def leave(folder: Path) -> subprocess.Popen[str]:
    """Start a process that has written three batches and lives."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def test_what_was_written_is_read_in_order(tmp_path):
    spill = Spill(tmp_path / "new" / "folder", MANY)
    given = [batch(number, signal=signal) for number, signal in enumerate(["traces", "logs", "traces"], 1)]
    assert all(spill.write(number, each) for number, each in enumerate(given))
    assert [file.read() for file in spill.files] == given
    assert [file.first for file in spill.files] == [0, 1, 2]


def test_nobody_else_may_read_it(tmp_path):
    spill = Spill(tmp_path / "folder", MANY)
    spill.write(1, batch())
    for path in (tmp_path / "folder").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700


def test_there_is_a_bound(tmp_path):
    spill = Spill(tmp_path, 1_000)
    assert [spill.write(number, batch(size=300)) for number in range(4)] == [True, True, True, False]
    spill.remove(spill.files[0])
    assert spill.write(5, batch(size=300))
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.otlp")) <= 1_000


def test_processes_share_the_bound(tmp_path):
    one, two = Spill(tmp_path, 1_000), Spill(tmp_path, 1_000)
    assert one.write(1, batch(size=700))
    assert not two.write(1, batch(size=700))


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(path.read_bytes()[:-1]), lambda path: path.unlink()])
def test_what_is_damaged_is_found(tmp_path, spoil):
    spill = Spill(tmp_path, MANY)
    spill.write(1, batch())
    spoil(spill.files[0].path)
    with pytest.raises(Damaged):
        spill.files[0].read()
    spill.remove(spill.files[0])
    assert not spill.files


def test_nothing_is_left_of_a_write_that_fails(tmp_path, monkeypatch):
    spill = Spill(tmp_path, MANY)
    assert spill.write(1, batch())

    def fail(_self, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", fail)
    assert not spill.write(2, batch())
    assert sorted(path.name for path in spill.files[0].path.parent.iterdir()) == [spill.files[0].path.name, "lock"]


def test_a_folder_that_cannot_be_written_is_no_room(tmp_path):
    (tmp_path / "file").write_text("")
    assert not Spill(tmp_path / "file" / "folder", MANY).write(1, batch())


def test_those_of_a_process_that_lives_are_its_own(tmp_path):
    process = leave(tmp_path)
    spill = Spill(tmp_path, MANY)
    assert spill.adopt() == []
    process.communicate("")
    assert process.returncode == 9
    found = spill.adopt()
    assert [(file.first, file.count, file.read().body) for file in found] == [(0, 1, b""), (1, 2, b"x"), (2, 3, b"xx")]
    assert list(spill.adopted) == found
    for file in found:
        spill.remove(file)
    assert list(tmp_path.iterdir()) == []


def test_only_one_process_adopts_them(tmp_path):
    leave(tmp_path).communicate("")
    one, two = Spill(tmp_path, MANY), Spill(tmp_path, MANY)
    assert len(one.adopt()) == 3
    assert two.adopt() == []
    one.close()
    assert len(two.adopt()) == 3


def test_what_is_not_sent_stays_for_the_next_and_what_is_leaves_nothing(tmp_path):
    spill = Spill(tmp_path, MANY)
    spill.write(1, batch(1))
    spill.write(2, batch(2))
    spill.remove(spill.files[0])
    spill.close()
    following = Spill(tmp_path, MANY)
    assert [file.count for file in following.adopt()] == [2]
    following.remove(following.adopted[0])
    following.close()
    assert list(tmp_path.iterdir()) == []


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "letter.txt").write_text("dear")
    (tmp_path / "1-2-3").mkdir()
    (tmp_path / "note.otlp").write_text("")
    spill = Spill(tmp_path, MANY)
    assert spill.adopt() == []
    spill.close()
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        *("1-2-3", "note.otlp", "papers", "papers/letter.txt")
    ]


def test_a_child_does_not_hold_the_folder_of_its_parent(tmp_path):
    spill = Spill(tmp_path, MANY)
    spill.write(1, batch())
    (told, telling), (ends, ending) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:  # it lives on while its parent is gone
        spill.forget()
        os.close(ending)
        os.write(telling, b"forgot")
        os.read(ends, 1)
        os._exit(0)
    try:
        assert os.read(told, 10) == b"forgot"
        spill.forget()  # as the end of the process does
        assert len(Spill(tmp_path, MANY).adopt()) == 1
    finally:
        for end in (told, telling, ends, ending):
            os.close(end)
        os.waitpid(child, 0)
