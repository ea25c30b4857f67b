"""Claims as the metadata of a committed offset.

The offset is where the claim starts; the metadata says where it ends and what it names. Metadata of others (tools,
other programs in the group) means that there is no claim. A claim with more members than are known here is one of a
newer release, and is refused: to take it for none would finish its batch under other versions.
"""

import json
from typing import Final

from spanpulse_stream.log import Claim

__all__ = ["MOST_METADATA", "ClaimTooLarge", "NewerClaim", "claim_of", "metadata_of"]

MEMBERS: Final = {"end", "v"}

MOST_METADATA: Final = 4096
"""Characters that brokers take, unless they are set otherwise (offset.metadata.max.bytes)."""


class ClaimTooLarge(ValueError):  # noqa: N818 -- what it is
    """A claim names more than Kafka keeps with an offset."""


class NewerClaim(ValueError):  # noqa: N818 -- what it is
    """A worker of a newer release made a claim that says more than is understood here."""


def metadata_of(claim: Claim) -> str:
    """Return the metadata of a claim; ASCII alone. Raises ClaimTooLarge."""
    metadata = json.dumps({"end": claim.end, "v": claim.versions}, separators=(",", ":"))
    if len(metadata) > MOST_METADATA:
        raise ClaimTooLarge(f"a claim takes {len(metadata)} characters, and Kafka keeps {MOST_METADATA} with an offset")
    return metadata


def claim_of(offset: int, metadata: str) -> Claim | None:
    """Return the claim that a committed offset and its metadata are, if they are one. Raises NewerClaim."""
    try:
        found = json.loads(metadata)
    except ValueError:
        return None
    if not isinstance(found, dict) or not found.keys() >= MEMBERS:
        return None
    end, versions = found["end"], found["v"]
    if type(end) is not int or end <= offset:
        return None
    if unknown := sorted(found.keys() - MEMBERS):
        raise NewerClaim(
            f"a worker of a newer release claimed offsets {offset} to {end - 1} of a partition, and says "
            f"{', '.join(unknown)}, which this one does not know: a worker of that release must finish the batch"
        )
    return Claim(offset, end, versions) if isinstance(versions, str) else None
