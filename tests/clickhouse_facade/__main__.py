"""Start the server, say `ready URL CONTROL-URL`, serve until SIGTERM or SIGINT, or until the parent is gone."""

import argparse
import ctypes
import os
import signal
import ssl
import sys
import threading
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_WITHIN_S = 5.0


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="clickhouse_facade", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--user", default="default")
    parser.add_argument("--password", default="")
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--tls-ca", type=Path, help="clients must show a certificate of this authority")
    parser.add_argument("--timezone", default="UTC")
    parser.add_argument("--parent", type=int, default=0, help="end when this process is gone")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="a setting of the engine")
    return parser.parse_args()


def end_with(parent: int) -> None:
    """End at once when the parent does, even while this process is stopped by a signal (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=look, name="parent", daemon=True).start()


def main() -> None:
    """Serve."""
    asked = options()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # in every thread to come
    if asked.parent:
        end_with(asked.parent)
    os.environ["TZ"] = asked.timezone
    time.tzset()
    tls = None
    if asked.tls_cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(asked.tls_cert, asked.tls_key)
        if asked.tls_ca:
            tls.load_verify_locations(asked.tls_ca)
            tls.verify_mode = ssl.CERT_REQUIRED
    folder = asked.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    from clickhouse_facade._control import Control  # noqa: PLC0415 -- after TZ, which the engine reads
    from clickhouse_facade._engine import Engine  # noqa: PLC0415
    from clickhouse_facade._faults import Faults  # noqa: PLC0415
    from clickhouse_facade._handler import Handler  # noqa: PLC0415
    from clickhouse_facade._server import Server  # noqa: PLC0415

    engine, faults = Engine(folder, dict(each.split("=", 1) for each in asked.option)), Faults()
    handler = Handler(engine, faults, asked.user, asked.password)
    server = Server(asked.port, handler.answer, tls)
    control = Control(asked.control_port, faults, server.refuse, server.open)
    scheme = "https" if tls else "http"
    sys.stdout.write(f"ready {scheme}://127.0.0.1:{server.port} http://127.0.0.1:{control.port}\n")
    sys.stdout.flush()

    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.refuse()  # a write that a rule holds is not done any more
    deadline = time.monotonic() + STOP_WITHIN_S
    while handler.running.count and time.monotonic() < deadline:
        engine.kill()
        time.sleep(0.05)
    if not handler.running.count:
        handler.close()
        engine.close()
    os._exit(0)  # threads of clients would be in the engine's way


if __name__ == "__main__":
    main()
