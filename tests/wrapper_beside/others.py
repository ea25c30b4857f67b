"""Other instrumentations of the clients: what each is called, and how an application switches it on."""

import importlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

__all__ = ["OTHERS", "PINS", "Other"]

OPENTELEMETRY = ("opentelemetry-sdk==1.45.2", "opentelemetry-exporter-otlp-proto-http==1.45.2")
PINS = {
    ("openai", "anthropic"): (
        *OPENTELEMETRY,
        "openai==3.54.0",
        "anthropic==2.12.0",
        "opentelemetry-instrumentation-openai==0.62.4",
        "opentelemetry-instrumentation-anthropic==0.62.4",
        "opentelemetry-instrumentation-openai-v2==2.4b0",
        "opentelemetry-util-genai==0.4b0",  # it works with no newer one, and with httpx, though it asks for neither
        "httpx==0.28.1",
        "openinference-instrumentation-openai==0.1.66",
        "openinference-instrumentation-anthropic==3.1.0",
    ),
    ("google-genai",): (
        *OPENTELEMETRY,
        "google-genai==2.34.0",  # the newest that the instrumentation takes
        "opentelemetry-instrumentation-google-genai==1.3b0",
        "opentelemetry-util-genai==1.3b0",
    ),
}
"""Distributions, by the clients among them: two folders, for OpenTelemetry's own two want different helpers."""


@dataclass(frozen=True)
class Other:
    """One instrumentation's instrumentors, by the client that each watches: "module:class"."""

    instrumentors: dict[str, str]

    def found(self) -> list[Any]:
        """Return those that are installed, imported and not switched on."""
        found = []
        for place in self.instrumentors.values():
            module, name = place.split(":")
            with suppress(ModuleNotFoundError):
                found.append(getattr(importlib.import_module(module), name)())
        return found


OTHERS = {
    "openllmetry": Other(
        {
            "openai": "opentelemetry.instrumentation.openai:OpenAIInstrumentor",
            "anthropic": "opentelemetry.instrumentation.anthropic:AnthropicInstrumentor",
        }
    ),
    "openinference": Other(
        {
            "openai": "openinference.instrumentation.openai:OpenAIInstrumentor",
            "anthropic": "openinference.instrumentation.anthropic:AnthropicInstrumentor",
        }
    ),
    "opentelemetry": Other(
        {
            "openai": "opentelemetry.instrumentation.openai_v2:OpenAIInstrumentor",
            "google-genai": "opentelemetry.instrumentation.google_genai:GoogleGenAiSdkInstrumentor",
        }
    ),
    "": Other({}),
}
"""By name; "" is none, beside which Anthropic's SDK still makes spans of its own."""
