"""What kinds of steps there are, and how the GenAI conventions of OpenTelemetry name what belongs to them."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from opentelemetry.trace import SpanKind

from spanpulse._export._names import Kind as Named
from spanpulse._export._names import kind_of as named
from spanpulse._log import say_once

__all__ = ["Form", "Kind", "is_content", "kind_of"]


class Form(Enum):
    """How a value is written as an attribute."""

    WORD = 1
    """As it is: an attribute that the application sets."""
    TEXT = 2
    JSON = 3
    INPUT = 4
    """Messages that go in."""
    OUTPUT = 5
    """Messages that come out."""


@dataclass(frozen=True)
class Kind:
    """A kind of step; names are keys of attributes, "" where there is none."""

    name: str
    operation: str = ""
    """A value of `gen_ai.operation.name`."""
    span_kind: SpanKind = SpanKind.INTERNAL
    name_key: str = ""
    id_key: str = ""
    input: tuple[str, Form] = ("gen_ai.input.messages", Form.INPUT)
    output: tuple[str, Form] = ("gen_ai.output.messages", Form.OUTPUT)

    def span_name(self, name: str, ident: str) -> str:
        """Return the name that the conventions give a span: operation and name, of a retrieval the data source's."""
        return f"{self.operation} {(ident if self.name == 'retrieval' else '') or name}" if self.operation else name

    def told(self, name: str, ident: str) -> dict[str, str]:
        """Return the attributes that a span starts with."""
        told = {
            "gen_ai.operation.name": self.operation,
            self.name_key: name if self.operation else "",
            self.id_key: ident,
            "gen_ai.tool.type": "function" if self.name == "tool" else "",
        }
        return {key: value for key, value in told.items() if key and value}


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("task"),
        Kind(
            "retrieval",
            "retrieval",
            SpanKind.CLIENT,
            id_key="gen_ai.data_source.id",
            input=("gen_ai.retrieval.query.text", Form.TEXT),
            output=("gen_ai.retrieval.documents", Form.JSON),
        ),
        Kind(
            "tool",
            "execute_tool",
            name_key="gen_ai.tool.name",
            id_key="gen_ai.tool.call.id",
            input=("gen_ai.tool.call.arguments", Form.JSON),
            output=("gen_ai.tool.call.result", Form.JSON),
        ),
        Kind("agent", "invoke_agent", name_key="gen_ai.agent.name", id_key="gen_ai.agent.id"),
        Kind("workflow", "invoke_workflow", name_key="gen_ai.workflow.name"),
    )
}
OTHER_WORDS: Final = {
    "chain": "workflow",
    "execute_tool": "tool",
    "invoke_agent": "agent",
    "invoke_workflow": "workflow",
}
CONTENT: Final = frozenset(
    (
        *("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions"),
        *("gen_ai.retrieval.query.text", "gen_ai.retrieval.documents", "gen_ai.prompt", "gen_ai.completion"),
        *("gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "input.value", "output.value"),
    )
)
EMITTERS: Final = ("gen_ai.", "llm.")


def is_content(key: str, value: Any) -> bool:
    """Tell whether the policy for content decides on an attribute, whoever sets it; on older names of texts too."""
    if key in CONTENT:
        return True
    return key.startswith(EMITTERS) and not isinstance(value, bool | int | float) and named(key) is Named.CONTENT


def kind_of(word: str) -> Kind:
    """Return the kind of a name; "task" for one that is unknown, which is said once."""
    try:
        return KINDS[OTHER_WORDS.get(word, word)]
    except (KeyError, TypeError):
        say_once(f"spanpulse knows steps of the kinds {', '.join(KINDS)}; any other is a task")
        return KINDS["task"]
