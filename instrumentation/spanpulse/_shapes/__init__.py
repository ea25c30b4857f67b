"""The bodies of providers' requests and answers, read: pure functions from JSON to what OpenTelemetry calls it.

Nothing here knows an SDK, a span or a network, and nothing raises for a body of another shape: what is not as expected
is not told. Each reads whole answers; what a stream sends is joined to one first.
"""

from spanpulse._shapes._anthropic import MESSAGES
from spanpulse._shapes._google import EMBED_CONTENT, GENERATE_CONTENT
from spanpulse._shapes._json import Json
from spanpulse._shapes._openai_chat import CHAT_COMPLETIONS
from spanpulse._shapes._openai_responses import RESPONSES
from spanpulse._shapes._openai_simple import COMPLETIONS, EMBEDDINGS
from spanpulse._shapes._told import Attribute, Shape, Told, public_address

__all__ = [
    "CHAT_COMPLETIONS",
    "COMPLETIONS",
    "EMBEDDINGS",
    "EMBED_CONTENT",
    "GENERATE_CONTENT",
    "MESSAGES",
    "RESPONSES",
    "Attribute",
    "Json",
    "Shape",
    "Told",
    "public_address",
]
