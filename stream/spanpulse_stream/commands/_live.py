"""The traffic of a demo after its summary: sent when it is due, until somebody ends the demo.

What does not get through is said, once for each reason, and the demo goes on. Not guaranteed: that it is on time
where the machine cannot keep up; it is sent late then, never left out.
"""

from datetime import UTC, datetime
from itertools import islice

from rich.console import Console

from spanpulse_stream.commands._shows import Show
from spanpulse_stream.traffic import Sender

__all__ = ["go_on"]

AT_A_TIME = 32
"""Exports for which one sender is used: its report grows with each of them."""


async def go_on(address: str, show: Show, progress: Console) -> None:
    """Send what comes to ``address`` (http://host:port). Returns when nothing comes any more."""
    coming, reasons = show.future(), set[str]()
    while exports := list(islice(coming, AT_A_TIME)):
        passed = (datetime.now(UTC) - show.until).total_seconds()
        report = await Sender(address, at_once=1).send(export.later(-passed) for export in exports)
        for reason in report.reasons.keys() - reasons:
            progress.print(f"some of the traffic does not get through: {reason}", markup=False)
        reasons |= report.reasons.keys()
