"""Checks of other packages, by name: the entry-point group `spanpulse.guards`, each a function that returns a check."""

from importlib.metadata import entry_points
from typing import Any, Final

from spanpulse._guard._check import Check, checks_of

__all__ = ["named"]

GROUP: Final = "spanpulse.guards"


def named(name: str, /, **options: Any) -> Check:
    """Return the check of a name, made with options of its own: ``named("injection", threshold=0.8)``.

    Raises LookupError where no package that is installed has it, and what making it raises.
    """
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        have = f"there are {', '.join(sorted(found))}" if found else "no package with checks is installed"
        raise LookupError(
            f'no check is named {name!r}: {have}; those of spanpulse come with its extra "server": '
            'pip install "spanpulse[server]"'
        )
    (check,) = checks_of([found[name].load()(**options)], name)
    return check
