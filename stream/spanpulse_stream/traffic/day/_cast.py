"""Who takes part in the day: models and their speed, services and where they run, prompts, tools.

Speeds are typical ones of late 2026; what a call costs is not here but in the price book.
"""

from dataclasses import dataclass
from typing import Final

__all__ = [
    "CLAUDE",
    "DEEPSEEK",
    "DEPLOYMENTS",
    "EMBEDDER",
    "GEMINI",
    "HOUSE",
    "LARGE",
    "MISTRAL",
    "MODELS",
    "OUTSIDE_TOOLS",
    "SMALL",
    "USERS",
    "Deployment",
    "Model",
]


@dataclass(frozen=True, slots=True)
class Model:
    """A model: its names, where it answers, and its speed (ms to the first token, us a token in, ms a token out)."""

    provider: str
    name: str
    server: str
    first_token_ms: float
    input_us: float
    output_ms: float


SMALL: Final = Model("openai", "gpt-5-mini-2025-08-07", "api.openai.com", 420, 35, 9)
LARGE: Final = Model("openai", "gpt-5-2025-08-07", "api.openai.com", 700, 60, 8)
EMBEDDER: Final = Model("openai", "text-embedding-3-small", "api.openai.com", 60, 40, 0)
CLAUDE: Final = Model("anthropic", "claude-sonnet-4-5-20250929", "api.anthropic.com", 650, 60, 14)
GEMINI: Final = Model("gcp.gemini", "gemini-2.5-flash", "generativelanguage.googleapis.com", 380, 25, 6)
MISTRAL: Final = Model("mistral_ai", "mistral-large-latest", "api.mistral.ai", 450, 50, 16)
DEEPSEEK: Final = Model("deepseek", "deepseek-chat", "api.deepseek.com", 900, 80, 22)
HOUSE: Final = Model("acme", "acme-house-7b", "models.acme.internal", 90, 20, 8)
"""The company's own: no price book knows it."""

MODELS: Final = (SMALL, LARGE, EMBEDDER, CLAUDE, GEMINI, MISTRAL, DEEPSEEK, HOUSE)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A service in an environment: one OpenTelemetry resource, one exporter."""

    service: str
    environment: str
    version: str


DEPLOYMENTS: Final = (
    Deployment("help-center", "production", "5.12.0"),
    Deployment("support-agent", "production", "2.8.1"),
    Deployment("doc-indexer", "production", "1.4.3"),
    Deployment("help-center", "staging", "5.13.0-rc.2"),
    Deployment("support-agent", "staging", "2.9.0-rc.1"),
)

OUTSIDE_TOOLS: Final = {
    "lookup_order": 70.0,
    "track_parcel": 160.0,
    "check_warranty": 45.0,
    "create_return_label": 240.0,
}
"""Tools that ask another system, and how long that typically takes in ms."""

USERS: Final = 420
