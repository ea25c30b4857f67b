"""The versions a claim carries: everything beside batch and log that the content of a batch depends on.

A replay uses what its claim names, not what is configured now: prices, policies and limits may have changed
between the crash and the restart, and a half-written batch must not become two different ones. Not covered: the
program itself; its version is named, so that a difference can be explained. What a newer release named beside is
refused: who does not know it would write other content under the same claim.
"""

import json
from dataclasses import asdict, dataclass, fields

__all__ = ["NewerVersions", "Versions"]


class NewerVersions(ValueError):  # noqa: N818 -- what they are
    """A newer release named what this one does not know; the message says who can go on."""


@dataclass(frozen=True, slots=True)
class Versions:
    """Price book version, content policy (`full`, `none`, `truncate N`), keep policy (`all`, `llm_traces`), limits.

    ``window`` is the number of spans among which duplicates are found, ``max_attributes`` and ``max_depth`` are
    limits of decoding.
    """

    prices: str
    content: str
    keep: str
    window: int
    max_attributes: int
    max_depth: int
    program: str

    def dump(self) -> str:
        """Return the text a claim and the table `batches` hold."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> "Versions":
        """Read what ``dump`` wrote. Raises NewerVersions, and ValueError or TypeError on anything else."""
        found = json.loads(text)
        known = {field.name for field in fields(cls)}
        if isinstance(found, dict) and (unknown := sorted(found.keys() - known)) and found.keys() & known:
            raise NewerVersions(
                f"a newer release ({found.get('program', 'unknown')}) claimed a batch under {', '.join(unknown)}, "
                "which this one does not know: a process of that release must finish the batch"
            )
        return cls(**found)
