"""How much one message may hold. What is beyond a limit is rejected with its reason, never cut."""

from dataclasses import dataclass

from spanpulse_stream.decode._scan import Bounds

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of decoding. Raises ValueError for one that is below 1.

    Whatever ``max_depth`` says, messages and groups nest at most 100 deep, as in protobuf; the default
    of 32 is the deepest list of lists of pairs that every protobuf reader takes.
    """

    max_attributes: int = 2048  # of one span, event, link, log record, resource or scope
    max_depth: int = 32  # AnyValues within one another
    max_events: int = 16_384  # of one span
    max_links: int = 16_384  # of one span
    max_records: int = 65_536  # of one message: records, their scopes and resources together

    def __post_init__(self) -> None:
        if min(self.bounds()) < 1:
            raise ValueError(f"every decoding limit must be at least 1: {self}")

    def bounds(self) -> Bounds:
        """Return the limits as the kernels take them."""
        return Bounds(self.max_attributes, self.max_depth, self.max_events, self.max_links, self.max_records)


DEFAULT_LIMITS = Limits()
