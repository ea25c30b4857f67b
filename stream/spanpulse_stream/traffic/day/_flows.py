"""The four ways in which the company's services work on a request.

- answer: help-center embeds the question, retrieves from the handbook, answers and may suggest what to ask next
- draft: help-center drafts a reply for a human, with a model that does not always say what it used
- support: support-agent classifies the intent with the house model, then thinks and uses tools in turns
- index: doc-indexer embeds the chunks of a document, summarises it and may translate the summary
"""

from collections.abc import Callable
from typing import Final

from spanpulse_stream.traffic.day._cast import (
    CLAUDE,
    DEEPSEEK,
    DEPLOYMENTS,
    GEMINI,
    HOUSE,
    LARGE,
    MISTRAL,
    OUTSIDE_TOOLS,
    SMALL,
    USERS,
)
from spanpulse_stream.traffic.day._draw import Dice
from spanpulse_stream.traffic.day._request import Call, Failure, Flow, Request, Step
from spanpulse_stream.traffic.day._rhythm import Arrival
from spanpulse_stream.traffic.day._scores import add_scores
from spanpulse_stream.traffic.day._story import AGENT, AGENT_ROOT, PROMPT, TOOL, prompt_version
from spanpulse_stream.traffic.day._timeline import Timeline

__all__ = ["plan_request"]

SESSION_NS: Final = 30 * 60 * 10**9
PREFIX: Final = 1920
"""Tokens of the agent's instructions and tools, which are the same in every call and so are cached."""

NO_ANSWER: Final = Failure("ToolRetriesExceeded", f"gave up after 3 attempts of {TOOL}")


def plan_request(seed: int, number: int, arrival: Arrival) -> Request:
    """Return request ``number`` of a day, which follows from the seed, the number and the arrival alone."""
    dice = Dice(seed, number)
    flow: Flow = dice.choices(tuple(FLOWS), (0.50, 0.08, 0.36, 0.06))[0]
    user = int(USERS * dice.random() ** 2.0)
    session = user * 1000 + (arrival.moment // SESSION_NS) % 1000
    request = Request(number, flow, DEPLOYMENTS[_place(dice, flow)], user, session, dice)
    FLOWS[flow](Timeline(request, arrival.moment), arrival)
    add_scores(request)
    return request


def _place(dice: Dice, flow: Flow) -> int:
    if flow == "index":
        return 2
    return (1 if flow == "support" else 0) + (3 if dice.chance(0.05) else 0)


def _answer(line: Timeline, arrival: Arrival) -> None:
    request, dice = line.request, line.dice
    root = line.open("root", "POST /api/answer")
    line.wait(4)
    line.embed(root.number, 8 + arrival.output_tokens // 12)
    version, model = prompt_version(arrival.moment, request.deployment.environment)
    dear = model is LARGE
    found = line.add("retrieval", "retrieval handbook", root.number, dice.around(70 if dear else 38, 0.45))
    found.documents = 8 if dear else 3
    style = "concise" if request.user * 2_654_435_761 % 2**32 < 2**31 else "control"
    said = max(12, int(arrival.output_tokens * (0.65 if style == "concise" else 1.0)))
    thought = dice.randrange(4, 15) * 64 if dear else dice.randrange(0, 3) * 64
    tokens = arrival.input_tokens * (2 if dear else 1) + 260
    call = Call(
        model, PROMPT, version, tokens, said + thought, _cached(dice, tokens), reasoning=thought,
        first_token=0 if dice.chance(0.85) else None, style=style,
    )  # fmt: skip
    failure = line.ask(root.number, call)
    if failure is None and dice.chance(0.18):
        failure = line.ask(root.number, Call(SMALL, "suggest-next", "1", 300 + said, dice.randrange(24, 60)))
    line.close(root, failure)


def _draft(line: Timeline, arrival: Arrival) -> None:
    root = line.open("root", "POST /api/draft")
    line.wait(5)
    streams = line.dice.chance(0.7)
    call = Call(
        DEEPSEEK, "draft-reply", "2", arrival.input_tokens + 340, arrival.output_tokens,
        first_token=0 if streams else None, reports=not (streams and line.dice.chance(0.5)),
    )  # fmt: skip
    line.close(root, line.ask(root.number, call))


def _support(line: Timeline, arrival: Arrival) -> None:
    root = line.open("root", AGENT_ROOT)
    line.wait(6)
    agent = line.open("agent", f"invoke_agent {AGENT}", root.number)
    failure = line.ask(agent.number, Call(HOUSE, "classify-intent", "7", 180 + arrival.input_tokens // 8, 6))
    failure = failure or _work(line, agent, arrival)
    line.close(agent, failure)
    line.close(root, failure)


def _work(line: Timeline, agent: Step, arrival: Arrival) -> Failure | None:
    """Let the agent use tools until it knows enough, then answer. Return why it could not."""
    dice, context = line.dice, PREFIX + 200 + arrival.input_tokens // 3
    tools = [TOOL] if dice.chance(0.75) else []
    tools += [dice.choice(tuple(OUTSIDE_TOOLS)[1:])] if not tools or dice.chance(0.3) else []
    for tool in tools:
        for _ in range(3):
            failure = line.ask(agent.number, _thinking(dice, context, dice.randrange(38, 90), tool))
            if failure is not None:
                return failure
            context += 90
            if line.use(agent.number, tool):
                break
        else:
            return NO_ANSWER
        context += dice.randrange(120, 480)
    return line.ask(agent.number, _thinking(dice, context, arrival.output_tokens, ""))


def _thinking(dice: Dice, tokens: int, output: int, tool: str) -> Call:
    cached = dice.chance(0.85)
    return Call(
        CLAUDE, "resolve-ticket", "12", tokens, output, PREFIX if cached else 0, 0 if cached else PREFIX,
        first_token=0, calls_tool=tool,
    )  # fmt: skip


def _index(line: Timeline, arrival: Arrival) -> None:
    root = line.open("root", "invoke_workflow index-document")
    line.wait(12)
    for _ in range(2 + arrival.input_tokens // 1100):
        line.embed(root.number, line.dice.randrange(380, 520))
    failure = line.ask(root.number, Call(GEMINI, "summarise-document", "5", arrival.input_tokens + 400, 160))
    if failure is None and line.dice.chance(0.7):
        tokens = 420 + line.dice.randrange(60)
        failure = line.ask(root.number, Call(MISTRAL, "translate-summary", "1", tokens, tokens - 200))
    line.close(root, failure)


def _cached(dice: Dice, tokens: int) -> int:
    """Return cached input tokens as OpenAI counts them: in blocks of 128, of inputs from 1,024 on."""
    return int(tokens * dice.choice((0.5, 0.8))) // 128 * 128 if tokens >= 1024 and dice.chance(0.4) else 0


FLOWS: Final[dict[Flow, Callable[[Timeline, Arrival], None]]] = {
    "answer": _answer,
    "draft": _draft,
    "support": _support,
    "index": _index,
}
