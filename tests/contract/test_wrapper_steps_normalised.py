"""What steps and contexts put on spans is what the stream reads."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from normalising import Normalised, normalised
from spanpulse._context import context
from spanpulse._steps import Step, span
from wrapper_recorded import recorded

WHO: dict[str, Any] = {
    "user_id": "u1",
    "session_id": "s1",
    "prompt": ("support", 3),
    "experiments": {"greeting": "b"},
    "tags": {"team": "x"},
}


def read_again(kind: str, act: Callable[[Step], None]) -> Normalised:
    with recorded() as found:
        with context(**WHO), span("step", kind=kind, id="i1") as step:
            act(step)
        return normalised([encode_spans(found.spans).SerializeToString()])


@pytest.mark.parametrize(
    ("kind", "operation", "of"),
    [
        ("retrieval", "retrieval", "retrieval"),
        ("tool", "execute_tool", "tool"),
        ("agent", "invoke_agent", "agent"),
        ("workflow", "invoke_workflow", "workflow"),
        ("task", None, "other"),
    ],
)
def test_every_kind_is_read_with_its_context(kind: str, operation: str | None, of: str) -> None:
    def act(step: Step) -> None:
        step.input("why?")
        step.output(["because"])

    read = read_again(kind, act)
    assert not read.rejected
    columns = ("operation", "kind", "user_id", "session_id", "prompt_name", "prompt_version")
    assert read.rows(*columns) == [(operation, of, "u1", "s1", "support", "3")]
    assert read.column("experiments") == [[("greeting", "b")]]
    assert read.column("tags") == [[("team", "x")]]
    if kind == "retrieval":
        assert read.one("retrieval_query") == "why?"
        assert json.loads(str(read.one("retrieval_documents"))) == [{"content": "because"}]
    elif kind == "tool":
        assert read.attributes()["gen_ai.tool.call.arguments"] == "why?"
        assert read.attributes()["gen_ai.tool.call.result"] == '["because"]'
    else:
        assert json.loads(str(read.one("input_messages")))[0]["parts"] == [{"type": "text", "content": "why?"}]
        assert json.loads(str(read.one("output_messages")))[0]["parts"] == [{"type": "text", "content": '["because"]'}]


def test_documents_are_read_with_their_scores() -> None:
    read = read_again("retrieval", lambda step: step.documents([{"id": "1", "text": "t", "score": 0.5}]))
    assert json.loads(str(read.one("retrieval_documents"))) == [{"id": "1", "content": "t", "score": 0.5}]
