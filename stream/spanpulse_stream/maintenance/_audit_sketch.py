"""The bucket of a duration in SQL: by logarithm, set right by the integers that bound each bucket.

Bucket k holds what lies above 1.0202020202^(k-1) and up to 1.0202020202^k ns. A logarithm of floats may be one off
at a bound; the list `bounds`, which a query names once by `WITH_BOUNDS`, decides there.
"""

from decimal import Decimal, localcontext

__all__ = ["WITH_BOUNDS", "bucket_hash", "bucket_of"]

GAMMA = "1.0202020202"
LARGEST = 2**63 - 1


def _bounds() -> list[int]:
    """Return the largest integer of each bucket, up to the largest Int64."""
    found: list[int] = []
    with localcontext() as context:
        context.prec = 80
        power = Decimal(1)
        while power < LARGEST:
            found.append(int(power))
            power *= Decimal(GAMMA)
    return [*found, LARGEST]


BOUNDS = _bounds()
WITH_BOUNDS = f"WITH CAST({BOUNDS}, 'Array(Int64)') AS bounds"


def bucket_of(duration: str) -> str:
    """Return the bucket of a duration, an Int64 of ns that is not NULL."""
    near = f"least({len(BOUNDS) - 1}, toInt64(ceil(log(greatest({duration}, 1)) / log({GAMMA}))))"
    return f"({near} + (bounds[{near} + 1] < {duration}) - ({near} > 0 AND bounds[{near}] >= {duration}))"


def bucket_hash(bucket: str) -> str:
    """Return a number that stands for a bucket in a checksum, an Int64."""
    return f"reinterpretAsInt64(intHash64(toUInt64({bucket})))"
