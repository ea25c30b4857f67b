"""A planned request: what its spans are, when, and with which tokens, before any text or byte is made.

All moments are ns from the end of the day. Totals are counted from these plans, so they do not depend on how
a plan is written as spans.
"""

from dataclasses import dataclass, field
from typing import Literal

from spanpulse_stream.traffic.day._cast import Deployment, Model
from spanpulse_stream.traffic.day._draw import Dice

__all__ = ["Call", "Failure", "Flow", "Kind", "Request", "Score", "Step"]

Flow = Literal["answer", "draft", "support", "index"]
Kind = Literal["root", "agent", "llm", "embedding", "retrieval", "tool"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed: the error's type and its message."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a model. Tokens are as the provider counts them: cached ones are in the input, reasoning in the output.

    ``first_token`` is ns from the start of an answer that is streamed, ``reports`` whether the answer has its usage.
    """

    model: Model
    prompt: str = ""
    version: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    first_token: int | None = None
    reports: bool = True
    style: str = ""  # variant of the experiment answer-style; empty: not in it
    calls_tool: str = ""  # the tool that the answer asks for, instead of a text


@dataclass(slots=True)
class Step:
    """A span to be: ``number`` is its place in the request, ``parent`` that of the span above, -1 for the root."""

    number: int
    parent: int
    kind: Kind
    name: str
    start: int
    end: int
    call: Call | None = None
    failure: Failure | None = None
    documents: int = 0  # that a retrieval returns


@dataclass(frozen=True, slots=True)
class Score:
    """An evaluation of the call in step ``about``, made at ``moment``."""

    moment: int
    about: int
    name: str
    evaluator: str
    value: float
    label: str
    explanation: str = ""


@dataclass(slots=True)
class Request:
    """One request of a user, whole: a trace and what was said about it later. ``dice`` goes on with its texts."""

    number: int
    flow: Flow
    deployment: Deployment
    user: int
    session: int
    dice: Dice
    steps: list[Step] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)

    @property
    def end(self) -> int:
        """When its last record is there, the scores among them."""
        return max([self.steps[0].end, *(score.moment for score in self.scores)])

    def called(self, number: int) -> Call:
        """Return the model call of a step. Raises ValueError where it has none."""
        call = self.steps[number].call
        if call is None:
            raise ValueError(f"step {number} ({self.steps[number].name}) calls no model")
        return call
