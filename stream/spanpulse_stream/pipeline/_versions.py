"""The versions a claim carries: everything beside batch and log that the content of a batch depends on.

A replay uses what its claim names, not what is configured now: prices and policies may have changed between
the crash and the restart, and a half-written batch must not become two different ones.
"""

import json
from dataclasses import asdict, dataclass

__all__ = ["Versions"]


@dataclass(frozen=True, slots=True)
class Versions:
    """Price book version, content policy (`full`, `none`, `truncate N`) and keep policy (`all`, `llm_traces`)."""

    prices: str
    content: str
    keep: str

    def dump(self) -> str:
        """Return the text a claim and the table `batches` hold."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> "Versions":
        """Read what ``dump`` wrote. Raises ValueError or TypeError on anything else."""
        return cls(**json.loads(text))
