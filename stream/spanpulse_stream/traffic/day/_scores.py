"""What was said about answers: thumbs of users, and a judge that reads some of them.

People are less pleased with what came late or not at all; the dearer version is judged a little better. Both are
evaluations in OpenTelemetry's sense (`gen_ai.evaluation.result`), and come after the request has ended.
"""

from typing import Final

from spanpulse_stream.traffic.day._request import Request, Score, Step
from spanpulse_stream.traffic.day._story import LATEST_VERSION, PROMPT

__all__ = ["JUDGE", "add_scores"]

THUMBS: Final = "thumbs"
JUDGE: Final = "groundedness"
PATIENCE_NS: Final = 20 * 10**9
THRESHOLD: Final = 0.7
LATEST_MS: Final = 150_000
"""A thumb is there two and a half minutes after the request at the latest."""


def add_scores(request: Request) -> None:
    """Add the scores of a request, if it gets any."""
    asked = [step for step in request.steps if step.call is not None and step.call.prompt in JUDGED]
    if not asked:
        return
    step, dice = asked[-1], request.dice
    if dice.chance(0.16):
        _add_thumb(request, step)
    if step.failure is None and step.call is not None and step.call.prompt == PROMPT and dice.chance(0.3):
        _add_verdict(request, step, 0.045 if step.call.version == LATEST_VERSION else 0.0)


JUDGED: Final = (PROMPT, "resolve-ticket")


def _add_thumb(request: Request, step: Step) -> None:
    dice, root = request.dice, request.steps[0]
    pleased = 0.88 - (0.35 if root.end - root.start > PATIENCE_NS else 0.0)
    if root.failure is not None:
        pleased = 0.06
    up = dice.chance(pleased)
    after = min(dice.around(24_000, 0.9), LATEST_MS * 1_000_000)
    why = "" if up else dice.choice(("too slow", "did not answer my question", "wrong order", "I had to ask twice"))
    request.scores.append(
        Score(root.end + after, step.number, THUMBS, "user-feedback", float(up), "up" if up else "down", why)
    )


def _add_verdict(request: Request, step: Step, better: float) -> None:
    dice = request.dice
    value = round(min(1.0, dice.betavariate(9.0, 1.6) + better), 3)
    label = "pass" if value >= THRESHOLD else "fail"
    why = (
        "Every claim stands in one of the retrieved articles."
        if value >= THRESHOLD
        else "At least one claim is in none of the retrieved articles."
    )
    after = dice.around(5_000, 0.4)
    request.scores.append(
        Score(request.steps[0].end + after, step.number, JUDGE, "groundedness-judge", value, label, why)
    )
