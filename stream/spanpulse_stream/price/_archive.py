"""Prices that were in force once, by the version that claims name: a folder of lists and of operators' texts.

A version is a release of genai-prices, and a digest of the operator's text where there is one. Guarantee: what is
found is what had that version; a text is held against its digest. Not guaranteed: that a list in the folder is that of
its release; it was written by a process that had it installed.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Final

from genai_prices.data_snapshot import get_snapshot

from spanpulse_stream.price._lists import BadPriceList, installed_release, list_text, providers_of

__all__ = [
    "UnknownPriceVersion",
    "digest_of",
    "keep_list",
    "keep_overrides",
    "parts_of",
    "providers_at",
    "text_of",
    "version_of",
]

VERSION: Final = re.compile(r"genai-prices-(\w[\w.!-]{0,99})(?:\+([0-9a-f]{12}))?", re.ASCII)


class UnknownPriceVersion(LookupError):  # noqa: N818 - the name says what is wrong
    """Neither the installed prices nor the archive have this version."""


def version_of(text: str) -> str:
    """Return the version of the installed prices with an operator's text; '' is none."""
    return f"genai-prices-{installed_release()}" + (f"+{digest_of(text)}" if text else "")


def digest_of(text: str) -> str:
    """Return what stands for an operator's text in a version."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def parts_of(version: str) -> tuple[str, str | None]:
    """Return the release and the digest of a version. Raises UnknownPriceVersion for what is none."""
    found = VERSION.fullmatch(version)
    if found is None:
        raise UnknownPriceVersion(f"{version!r} is no version of prices")
    return found[1], found[2]


def keep_overrides(text: str, archive: Path) -> None:
    """Keep an operator's text for `text_of`. Raises OSError."""
    _keep(archive / f"{version_of(text)}.yaml", text)


def keep_list(archive: Path, release: str | None = None, text: str = "") -> str:
    """Keep a release's price list, unless it is kept: a text, or without a release the installed one.

    Returns the text that is kept. Raises OSError.
    """
    path = _list_path(archive, release or installed_release())
    if not path.is_file():
        _keep(path, text if release else list_text())
    return path.read_text(encoding="utf-8")


def providers_at(version: str, archive: Path | None) -> list[Any]:
    """Return the price list of a version. Raises UnknownPriceVersion."""
    release, installed = parts_of(version)[0], installed_release()
    if release == installed:
        return list(get_snapshot().providers)
    path = _list_path(archive, release) if archive is not None else None
    if path is None or not path.is_file():
        raise UnknownPriceVersion(f"no prices of version {version!r}; installed is {version_of('')!r}")
    try:
        return providers_of(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, BadPriceList) as error:
        raise UnknownPriceVersion(f"{path}: {error}") from error


def text_of(version: str, archive: Path | None) -> str:
    """Return the operator's text of a version, whatever release it was kept beside. Raises UnknownPriceVersion."""
    digest = parts_of(version)[1]
    if digest is None:
        return ""
    kept = sorted(archive.glob(f"*+{digest}.yaml")) if archive is not None else []
    if not kept:
        raise UnknownPriceVersion(f"no prices of version {version!r}; installed is {version_of('')!r}")
    for path in kept:
        text = path.read_text(encoding="utf-8")
        if digest_of(text) == digest:
            return text
    raise UnknownPriceVersion(f"{kept[0]}: holds other prices than its version says")


def _list_path(archive: Path, release: str) -> Path:
    return archive / f"genai-prices-{release}.json"


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
