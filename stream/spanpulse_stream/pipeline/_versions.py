"""The versions a claim carries: everything beside batch and log that the content of a batch depends on.

A replay uses what its claim names, not what is configured now: prices, policies and limits may have changed
between the crash and the restart, and a half-written batch must not become two different ones. Not covered: the
program itself; its version is named, so that a difference can be explained.
"""

import json
from dataclasses import asdict, dataclass

__all__ = ["Versions"]


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
        """Read what ``dump`` wrote. Raises ValueError or TypeError on anything else."""
        return cls(**json.loads(text))
