"""A process that has a local log open: appends and prints what was acknowledged, or just holds the log.

Run: python log_child.py FOLDER append|hold
"""

import asyncio
import itertools
import sys
import threading
from pathlib import Path

from spanpulse_stream.log import TOPIC, Claim, LocalLog, Message

MIB = 1024 * 1024
SENDERS = 6
SIZES = (10, 2_000, 90_000)


def body(sender: int, number: int) -> bytes:
    """Return the body of a sender's message: its name first, then as many bytes as its number asks for."""
    return b"%d %d " % (sender, number) + b"x" * SIZES[number % len(SIZES)]


def name(value: bytes) -> tuple[int, int]:
    sender, number, _ = value.split(b" ", 2)
    return int(sender), int(number)


def open_child_log(folder: Path) -> LocalLog:
    return LocalLog.open(
        folder, partitions=2, max_bytes=1024 * MIB, retain_records=200, ballast_bytes=MIB, disk_floor_bytes=0
    )


async def send(log: LocalLog, sender: int, first: int) -> None:
    for number in itertools.count(first):
        value = body(sender, number)
        await log.append([Message(TOPIC, sender % 2, b"", value, (("tenant", b"acme"),), 1)])
        sys.stdout.write(f"{sender} {number}\n")
        sys.stdout.flush()


async def process(log: LocalLog, partition: int) -> None:
    """Claim and commit what comes, so that kills meet claims, commits and trims as well."""
    while True:
        claim = log.claimed(TOPIC, partition)
        if claim is None:
            first, end = log.committed(TOPIC, partition), log.end_offset(TOPIC, partition)
            if end - first < 300:
                await asyncio.sleep(0.001)
                continue
            claim = Claim(first, first + 50, "v")
            await log.claim(TOPIC, partition, claim)
        await log.commit(TOPIC, partition, claim.end)
        sys.stdout.write(f"committed {partition} {claim.end}\n")


async def append_forever(folder: Path, first: int) -> None:
    log = open_child_log(folder)
    await asyncio.gather(*(send(log, sender, first) for sender in range(SENDERS)), process(log, 0), process(log, 1))


def main() -> None:
    folder, what = Path(sys.argv[1]), sys.argv[2]
    if what == "append":
        asyncio.run(append_forever(folder, int(sys.argv[3])))
    log = open_child_log(folder)
    sys.stdout.write("open\n")
    sys.stdout.flush()
    threading.Event().wait()
    log.close()


if __name__ == "__main__":
    main()
