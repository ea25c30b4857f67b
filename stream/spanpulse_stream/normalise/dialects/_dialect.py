"""What a table of a dialect says, and nothing about how it is applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from spanpulse_stream.normalise._slots import Family, Slot

__all__ = ["FRAMEWORK", "INSTRUMENTOR", "NATIVE", "Dialect"]

NATIVE: Final = 3
INSTRUMENTOR: Final = 2
FRAMEWORK: Final = 1


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family of emitters names things.

    ``scopes`` are instrumentation scope names, or starts of them before one of ``.-/:@``, and the usage rank of each;
    the longest match decides which dialect a span is in. ``attributes`` gives for a slot the keys that fill it, the
    best first. Spans of any scope are read with the keys of all dialects, those of their own dialect first: ``private``
    keys, too common to mean the same elsewhere, are read in their own dialect alone. ``operations`` maps the emitter's
    words to those of OpenTelemetry, in lower case ('' for none); ``span_names`` does so for starts of span names where
    no attribute tells, the longest first. Input tokens are taken to include the cached ones unless those exceed them.
    """

    name: str
    scopes: Mapping[str, int]
    attributes: Mapping[Slot, tuple[str, ...]]
    families: Mapping[str, Family] = field(default_factory=lambda: MappingProxyType({}))
    private: frozenset[str] = frozenset()
    operations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    span_names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    providers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """By starts of span names, where no attribute tells."""
    exclusive_scopes: tuple[str, ...] = ()
    """Starts of scopes whose input tokens leave the cached ones out."""
    not_calls: tuple[str, ...] = ()
    """Ends of names of spans that are no model calls, although the emitter says so."""
    opens_streams_apart: bool = False
    """A call without an outcome or an error is the opening of a stream, which another span tells of."""
    event_calls: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Operations by names of span events: of a span with such an event only its events tell."""
    times_whole_responses: bool = False
    """The time to the first token does not tell that the response was streamed."""
    ends_before_streams: bool = False
    """The span of a stream may end before its first token, which is no mistake."""
    counts_streams_itself: bool = False
    """Tokens of a stream without a cache count (`CACHE_READ_TOKENS`) are the emitter's guess, not the provider's."""
