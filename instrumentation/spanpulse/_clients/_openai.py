"""OpenAI's SDK, of every version since 1.0, with whatever server that speaks the same: Azure, proxies, other providers.

Calls of models are chat completions, responses, embeddings and the older completions; files, batches, audio, images,
conversations and fine-tuning are none. Not covered: sessions over WebSocket.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from spanpulse._clients._others import aside_for
from spanpulse._clients._providers import provider_at
from spanpulse._clients._stainless import watch
from spanpulse._clients._watcher import Stainless, Watcher
from spanpulse._shapes import CHAT_COMPLETIONS, COMPLETIONS, EMBEDDINGS, RESPONSES
from spanpulse._state import State

__all__ = ["OPENAI", "watch_client"]

PLATFORMS: Final = {
    "BaseAzureClient": "azure.ai.openai",
    "BedrockOpenAI": "aws.bedrock",
    "AsyncBedrockOpenAI": "aws.bedrock",
}


def provider_of(host: str, classes: tuple[str, ...]) -> str:
    """Return who answers: by the host, for the same client asks many; else by the client, else OpenAI."""
    by_class = next((PLATFORMS[name] for name in classes if name in PLATFORMS), "openai")
    return provider_at(host, by_class)


def never(_client: Any, _options: Any) -> bool:
    """Tell that the SDK makes no spans of its own."""
    return False


OPENAI: Final = Stainless(
    "openai",
    {
        "/chat/completions": CHAT_COMPLETIONS,
        "/completions": COMPLETIONS,
        "/responses": RESPONSES,
        "/embeddings": EMBEDDINGS,
    },
    provider_of,
    never,
)


def watch_client(base: ModuleType, state: State) -> Callable[[], None]:
    """Watch what the module `openai._base_client` has; return what undoes it. Raises for another shape."""
    return watch(base, Watcher(OPENAI, state.tracer, state.telling, aside_for("openai")))
