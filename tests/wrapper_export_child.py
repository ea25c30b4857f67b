"""A process that exports and forks, as servers with workers do: run with protocol, endpoint and a number of children.

Each child ends a span of its own, and the parent goes on; both flush, and leave with 1 when something was not sent.
"""

import os
import sys

from spanpulse._export import Exporter, transport_of
from spanpulse._privacy import Content
from spanpulse._settings import Settings
from wrapper_ended import tracer_of


def main(protocol: str, endpoint: str, children: int) -> int:
    settings = Settings.read({}, exporter="otlp", protocol=protocol, endpoint=endpoint)
    exporter = Exporter(transport_of(settings), settings, Content(), lambda: None)
    tracer = tracer_of(exporter.put_span)
    pids = []
    for number in range(children):
        with tracer.start_as_current_span(f"parent {number}"):
            pass
        if number % 2:
            exporter.flush(20)
        else:
            exporter.pump()  # so that some are forked while the parent sends
        if not (pid := os.fork()):
            with tracer.start_as_current_span(f"child {number}"):
                pass
            os._exit(not exporter.shutdown(20))
        pids.append(pid)
    failed = sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids)
    return failed + (not exporter.shutdown(20))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
