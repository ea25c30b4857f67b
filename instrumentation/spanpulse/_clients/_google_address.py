"""What the addresses of Google's models say: what is asked, of which model, and at whose place.

Guarantee: nothing here raises for a path of another form; it is then no call of a model.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from spanpulse._clients._watcher import PORTS
from spanpulse._shapes import EMBED_CONTENT, GENERATE_CONTENT, Shape

__all__ = ["Asked", "asked_at", "place_at"]

SHAPES: Final = {
    "generateContent": GENERATE_CONTENT,
    "streamGenerateContent": GENERATE_CONTENT,
    "embedContent": EMBED_CONTENT,
    "batchEmbedContents": EMBED_CONTENT,
    "predict": EMBED_CONTENT,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a path asks for."""

    shape: Shape
    model: str
    is_stream: bool
    predicts: bool
    """Whether models of other kinds, such as those that draw, are asked the same way."""

    def is_call(self, body: Any) -> bool:
        """Tell whether a request with this body is a call of a model that writes, or embeds."""
        if not self.predicts:
            return True
        instances = body.get("instances")
        return isinstance(instances, list) and bool(instances) and "content" in instances[0]


def asked_at(path: str) -> Asked | None:
    """Return what a path asks for, such as `publishers/google/models/gemini-pro:generateContent?alt=sse`."""
    resource, _, method = path.partition("?")[0].rpartition(":")
    shape = SHAPES.get(method)
    if shape is None:
        return None
    return Asked(shape, resource.rpartition("/")[2], method.startswith("stream"), method == "predict")


def place_at(address: str, *, is_vertex: bool) -> dict[str, Any]:
    """Return the attributes that say whom a client asks; who it is says the client, for proxies speak the same."""
    place: dict[str, Any] = {"gen_ai.provider.name": "gcp.vertex_ai" if is_vertex else "gcp.gemini"}
    url = urlsplit(address)
    if url.hostname:
        place |= {"server.address": url.hostname, "server.port": url.port or PORTS.get(url.scheme, 443)}
    return place
