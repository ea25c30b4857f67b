"""The versions that a claim of this process names."""

from importlib.metadata import version

from spanpulse_stream.pipeline import PriceBooks, Versions
from spanpulse_stream.settings import Settings

__all__ = ["versions_now"]


def versions_now(settings: Settings, books: PriceBooks) -> Versions:
    """Return what the claims of this process name."""
    return Versions(
        prices=books.current.version,
        content=settings.content,
        keep=settings.keep,
        window=settings.window,
        max_attributes=settings.max_attributes,
        max_depth=settings.max_depth,
        program=version("spanpulse"),
    )
