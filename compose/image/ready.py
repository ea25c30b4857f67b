# ruff: noqa: INP001 -- a program of the image, of no package
"""Say whether the process of this container is ready: exit code 0, or 1 with the reasons that /readyz gives.

The health check of the image. Only the standard library, and none of the site: it runs every few seconds.
"""

import http.client
import os
import sys

TIMEOUT_S = 4.0


def main() -> int:
    """Ask /readyz on the web port of this container."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", int(os.environ.get("SPANPULSE_WEB", "8642")), timeout=TIMEOUT_S
    )
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        said = answer.read(4096).decode("utf-8", "replace")
    except OSError as error:
        sys.stdout.write(f"no answer: {error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
