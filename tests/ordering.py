"""The order of test files: what takes long comes first, so that two workers end together; clusters come one by one.

Workers take whole files in this order. Small files last fill the end evenly. A file of a cluster starts a broker, a
database and several processes: they are spread among the others, so that two of them rarely run at the same time. The
order of the tests of a file stays as it is written. Not guaranteed: that two clusters never meet.
"""

from collections.abc import Sequence
from pathlib import PurePath

ROOMS = ("integration", "browser", "compose", "contract", "property", "unit")
CLUSTERS = "test_cluster_"


def ordered(files: Sequence[PurePath]) -> list[PurePath]:
    """Return the files in the order in which workers are to take them; each lies in a folder of its kind of test."""
    by_room = sorted(files, key=lambda file: (_room(file), str(file)))
    clusters = [file for file in by_room if file.name.startswith(CLUSTERS) and _room(file) == 0]
    others = [file for file in by_room if file not in clusters]
    long = sum(_room(file) <= 1 for file in others)
    return _spread(clusters, others[:long]) + others[long:]


def _room(file: PurePath) -> int:
    return next((number for number, room in enumerate(ROOMS) if room in file.parts), len(ROOMS))


def _spread(few: list[PurePath], many: list[PurePath]) -> list[PurePath]:
    """Put ``few`` among ``many`` at equal distances, the first one first."""
    places = {len(many) * number // len(few): file for number, file in enumerate(few)} if len(many) >= len(few) else {}
    if not places:
        return few + many
    return [each for place, file in enumerate(many) for each in (*([places[place]] if place in places else []), file)]
