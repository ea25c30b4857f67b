"""Test files in the order in which two workers take them."""

from pathlib import PurePath

from ordering import ordered

TESTS = PurePath("tests")


def in_room(room: str, *names: str) -> list[PurePath]:
    return [TESTS / room / f"test_{name}.py" for name in names]


def test_clusters_are_spread_among_what_takes_long_and_small_files_come_last() -> None:
    others = in_room("integration", "a", "b", "d", "e")
    clusters = in_room("integration", "cluster_faults", "cluster_soak")
    browser, units = in_room("browser", "x", "y"), in_room("unit", "a", "cluster_watch")
    found = ordered([*units, *browser, *clusters, *others])
    assert found == [clusters[0], *others[:3], clusters[1], others[3], *browser, *units]


def test_every_file_is_there_once_however_few_there_are() -> None:
    for files in ([], in_room("integration", "cluster_a"), in_room("integration", "cluster_a", "cluster_b", "c")):
        assert sorted(ordered(files)) == sorted(files)
