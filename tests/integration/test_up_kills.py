"""SIGKILL of `up` under load: nothing acknowledged is lost, nothing is doubled. `make soak` does more of the same."""

from pathlib import Path

import pytest

from killing import kill_at_random, kill_at_renames
from requirements import need_strace


@pytest.mark.slow
def test_kills_at_random_lose_and_double_nothing(tmp_path: Path) -> None:
    stored, sent = kill_at_random(tmp_path, rounds=2, seed=5)
    assert stored == sent > 0


@pytest.mark.slow
def test_a_kill_at_a_rename_loses_and_doubles_nothing(tmp_path: Path) -> None:
    need_strace()
    stored, sent = kill_at_renames(tmp_path, rounds=1, seed=7)
    assert stored == sent
