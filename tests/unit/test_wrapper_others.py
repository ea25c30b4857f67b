"""Other instrumentations of a client are seen where they are active, and only for what they watch."""

import sys
from types import ModuleType
from typing import Any, Self

import pytest
from opentelemetry.sdk.trace import TracerProvider

from spanpulse import _log
from spanpulse._clients import _others
from spanpulse._clients._others import aside_for, other_for

HOME = "opentelemetry.instrumentation.instrumentor"


@pytest.fixture
def instrumentor(monkeypatch: pytest.MonkeyPatch) -> type:
    """Give a base class that works as OpenTelemetry's does, in the place of that."""

    class BaseInstrumentor:
        _instance: Any = None
        is_instrumented_by_opentelemetry = False

        def __new__(cls) -> Self:
            if cls._instance is None:
                cls._instance = object.__new__(cls)
            return cls._instance

        def instrumentation_dependencies(self) -> list[str]:
            return []

    home = ModuleType(HOME)
    home.BaseInstrumentor = BaseInstrumentor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, HOME, home)
    return BaseInstrumentor


def test_one_that_is_active_is_seen_for_what_it_watches(instrumentor: type) -> None:
    class OpenAIInstrumentor(instrumentor):  # type: ignore[misc, valid-type]
        def instrumentation_dependencies(self) -> tuple[str, ...]:
            return ("openai >= 1.26.0",)

    class AgentsInstrumentor(instrumentor):  # type: ignore[misc, valid-type]
        def instrumentation_dependencies(self) -> tuple[str, ...]:
            return ("openai-agents >= 0.1",)

    OpenAIInstrumentor()
    AgentsInstrumentor().is_instrumented_by_opentelemetry = True
    assert other_for("openai") is None
    OpenAIInstrumentor().is_instrumented_by_opentelemetry = True
    assert other_for("openai") == __name__
    assert other_for("anthropic") is None


def test_it_is_said_once_and_looked_for_again(
    instrumentor: type, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Instrumentor(instrumentor):  # type: ignore[misc, valid-type]
        def instrumentation_dependencies(self) -> tuple[str, ...]:
            return ("google_genai",)

    now = 100.0
    monkeypatch.setattr(_others.time, "monotonic", lambda: now)
    aside = aside_for("google-genai")
    assert not aside()
    Instrumentor().is_instrumented_by_opentelemetry = True
    assert not aside()
    now += 2
    assert aside()
    assert aside()
    Instrumentor().is_instrumented_by_opentelemetry = False
    now += 2
    assert not aside()
    assert [record.message for record in caplog.records] == [
        f"{__name__} watches google-genai already; spanpulse makes no spans of its own for it"
    ]


def test_one_that_is_there_before_is_named_at_once(instrumentor: type, caplog: pytest.LogCaptureFixture) -> None:
    class Earlier(instrumentor):  # type: ignore[misc, valid-type]
        is_instrumented_by_opentelemetry = True

        def instrumentation_dependencies(self) -> tuple[str, ...]:
            return ("anthropic >= 0.40",)

    Earlier()
    _log._said.clear()
    aside_for("anthropic")
    assert len(caplog.records) == 1


def test_one_that_comes_right_behind_is_seen_at_the_first_call(instrumentor: type) -> None:
    class Later(instrumentor):  # type: ignore[misc, valid-type]
        is_instrumented_by_opentelemetry = False

        def instrumentation_dependencies(self) -> tuple[str, ...]:
            return ("openai",)

    Later()
    aside = aside_for("openai")
    Later.is_instrumented_by_opentelemetry = True
    assert aside()


def test_one_that_leaves_calls_out_is_left_those_inside_its_spans(
    instrumentor: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Partial(instrumentor):  # type: ignore[misc, valid-type]
        is_instrumented_by_opentelemetry = True

        def instrumentation_dependencies(self) -> tuple[str, ...]:
            return ("openai",)

    Partial()
    monkeypatch.setitem(_others.PARTIAL, __name__, ("theirs",))
    aside, provider = aside_for("openai"), TracerProvider(shutdown_on_exit=False)
    assert not aside()
    with provider.get_tracer("application").start_as_current_span("handle"):
        assert not aside()
        with provider.get_tracer("theirs").start_as_current_span("chat gpt-4o"):
            assert aside()
        assert not aside()


def test_one_that_fails_to_answer_is_no_other(instrumentor: type) -> None:
    class Odd(instrumentor):  # type: ignore[misc, valid-type]
        is_instrumented_by_opentelemetry = True

        def instrumentation_dependencies(self) -> tuple[str, ...]:
            raise RuntimeError("odd")

    Odd()
    assert other_for("openai") is None


def test_langfuses_drop_in_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langfuse.openai", ModuleType("langfuse.openai"))
    assert other_for("openai") == "langfuse.openai"
    assert other_for("anthropic") is None
