"""The attributes that log records are read by; the keys of a slot stand best first.

The names are OpenTelemetry's GenAI conventions, current and older, and spanpulse's own for who made a score.
"""

from enum import IntEnum
from types import MappingProxyType
from typing import Final

__all__ = ["EXPERIMENT", "LOG_ATTRIBUTES", "SLOT_KEYS", "LogSlot"]


class LogSlot(IntEnum):
    """What an attribute of a log record, or of its resource, stands for."""

    EVENT_NAME = 0
    # texts
    INPUT_MESSAGES = 1
    OUTPUT_MESSAGES = 2
    SYSTEM_INSTRUCTIONS = 3
    EVENT_CONTENT = 4  # the body of a message event, as JSON
    # scores
    SCORE_NAME = 5
    SCORE_VALUE = 6
    SCORE_LABEL = 7
    EXPLANATION = 8
    EVALUATOR = 9
    EVALUATOR_VERSION = 10
    RESPONSE_ID = 11
    REQUEST_MODEL = 12
    PROMPT_NAME = 13
    PROMPT_VERSION = 14
    # of the resource
    SERVICE_NAME = 15
    ENVIRONMENT = 16


SLOT_KEYS: Final = MappingProxyType(
    {
        LogSlot.EVENT_NAME: ("event.name",),
        LogSlot.INPUT_MESSAGES: ("gen_ai.input.messages", "gen_ai.prompt"),
        LogSlot.OUTPUT_MESSAGES: ("gen_ai.output.messages", "gen_ai.completion"),
        LogSlot.SYSTEM_INSTRUCTIONS: ("gen_ai.system_instructions", "gen_ai.system.instructions"),
        LogSlot.EVENT_CONTENT: ("gen_ai.event.content",),
        LogSlot.SCORE_NAME: ("gen_ai.evaluation.name",),
        LogSlot.SCORE_VALUE: ("gen_ai.evaluation.score.value", "gen_ai.evaluation.score"),
        LogSlot.SCORE_LABEL: ("gen_ai.evaluation.score.label", "gen_ai.evaluation.label"),
        LogSlot.EXPLANATION: ("gen_ai.evaluation.explanation", "gen_ai.evaluation.reasoning"),
        LogSlot.EVALUATOR: ("spanpulse.evaluator.name",),
        LogSlot.EVALUATOR_VERSION: ("spanpulse.evaluator.version",),
        LogSlot.RESPONSE_ID: ("gen_ai.response.id",),
        LogSlot.REQUEST_MODEL: ("gen_ai.request.model",),
        LogSlot.PROMPT_NAME: ("gen_ai.prompt.name",),
        LogSlot.PROMPT_VERSION: ("spanpulse.prompt.version", "gen_ai.prompt.version"),
        LogSlot.SERVICE_NAME: ("service.name",),
        LogSlot.ENVIRONMENT: ("deployment.environment.name", "deployment.environment"),
    }
)

EXPERIMENT: Final = "spanpulse.experiment."
"""How the keys of attributes begin that name an experiment; their value is the variant."""

LOG_ATTRIBUTES: Final = tuple(key for keys in SLOT_KEYS.values() for key in keys)
"""Every attribute key that is read; batches must be decoded with them."""
