"""Which model a span names: OpenTelemetry's provider names and free model names to entries of genai-prices.

The result equals genai-prices' own look-up (a test compares them), but a miss costs a few dictionary look-ups
and patterns instead of 100 us, and nothing is remembered here: callers keep a bounded cache. A name that a
provider does not list is unknown, even if another provider lists it: a guess could be off by any factor. Where
genai-prices finds nothing, a name that starts with a path, as gateways and clouds write it, is tried without it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from genai_prices.data_snapshot import find_provider_by_id
from genai_prices.types import ClauseEquals, ClauseOr, _normalize_compact_dated_ref

__all__ = ["Catalogue", "Entry", "provider_id"]

PROVIDER_IDS: Final = {
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_openai": "azure",
    "gcp.gen_ai": "google",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "fireworks_ai": "fireworks",
    "together_ai": "together",
}
"""Names that genai-prices would not recognise, or would take for another provider (Azure for OpenAI)."""

PATH: Final = re.compile(
    r"(?:(gemini|vertex_ai|azure|openai|anthropic|bedrock)"
    r"|models|publishers/[^/]+/models|projects/.+/models|accounts/[^/]+/models)/(?=.)"
)
"""What gateways and clouds put before the name of a model; the group names the provider where the span names none."""

MOST_PATHS: Final = 3
"""Paths before a name, one within another: vertex_ai/publishers/google/models/..."""

LONGEST_NAME: Final = 512
"""Characters of a model or provider name; longer ones are no names and are not matched against patterns."""


def provider_id(name: str | None) -> str | None:
    """Return the name to look a provider up by, from the one a span carries."""
    if name is None:
        return None
    name = name.lower().strip()
    return PROVIDER_IDS.get(name, name)


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the book; ``own`` is False where it was found in a provider that the named one falls back to."""

    provider: str
    model: Any
    own: bool


class _Models:
    """The models of one provider in order; the first match wins."""

    def __init__(self, models: Sequence[Any]) -> None:
        self._exact: dict[str, int] = {}
        self._patterns: list[tuple[int, Any]] = []
        self._models = models
        for index, model in enumerate(models):
            for clause in _alternatives(model.match):
                if isinstance(clause, ClauseEquals):
                    self._exact.setdefault(clause.equals.lower(), index)
                else:
                    self._patterns.append((index, clause))

    def find(self, name: str) -> Any | None:
        best = self._exact.get(name, len(self._models))
        for index, clause in self._patterns:
            if index >= best:
                break
            if clause.is_match(name):
                best = index
        return self._models[best] if best < len(self._models) else None


class Catalogue:
    """The providers of genai-prices, indexed."""

    def __init__(self, providers: list[Any]) -> None:
        self._providers = providers
        self._by_id = {provider.id: provider for provider in providers}
        self._models = {provider.id: _Models(provider.models) for provider in providers}

    def find(self, provider: str | None, model: str) -> Entry | None:
        """Return the entry of a model name, or None. An unknown provider counts as none: the name alone decides."""
        if len(model) > LONGEST_NAME or len(provider or "") > LONGEST_NAME:
            return None
        name, model = provider_id(provider), model.lower()
        entry = self._find(name, model)
        for _ in range(MOST_PATHS):
            if entry is not None or (path := PATH.match(model)) is None:
                break
            model = model[path.end() :]
            if path[1] and self._provider(name) is None:
                name = path[1]
            entry = self._find(name, model)
        return entry

    def _find(self, name: str | None, model: str) -> Entry | None:
        """Return what genai-prices finds."""
        if name == "litellm" and "/" in model:
            prefix, rest = model.split("/", 1)
            if prefix and self._provider(prefix) is not None:
                name, model = prefix, rest
        found = self._provider(name) or self._by_model(model)
        if found is None:
            return None
        return next((entry for ref in _spellings(model) for entry in self._in_provider(found, ref)), None)

    def _provider(self, name: str | None) -> Any | None:
        return find_provider_by_id(self._providers, name) if name else None

    def _by_model(self, model: str) -> Any | None:
        matching = (each for each in self._providers if each.model_match is not None)
        return next((each for each in matching if each.model_match.is_match(model)), None)

    def _in_provider(self, provider: Any, model: str) -> Iterator[Entry]:
        if (own := self._models[provider.id].find(model)) is not None:
            yield Entry(provider.id, own, own=True)
        for other in provider.fallback_model_providers or ():
            if other in self._by_id and (lent := self._models[other].find(model)) is not None:
                yield Entry(provider.id, lent, own=False)


def _alternatives(clause: Any) -> Iterator[Any]:
    if isinstance(clause, ClauseOr):
        for each in clause.or_:
            yield from _alternatives(each)
    else:
        yield clause


def _spellings(model: str) -> Iterator[str]:
    """Yield the name, then the name with its date written -2025-12-11 instead of -20251211."""
    yield model
    if (dashed := _normalize_compact_dated_ref(model)) != model:
        yield dashed
