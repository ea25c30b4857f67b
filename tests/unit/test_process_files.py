"""As many files may be open as the system allows, so that a server's connections leave some for everything else."""

import resource
import subprocess
import sys

from spanpulse_stream.process._runtime import MOST_FILES

PROGRAM = (
    "import resource; from spanpulse_stream.process import allow_files; allow_files();"
    "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
)


def test_the_limit_is_raised_to_what_is_allowed() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        most = 2 * MOST_FILES
    least = min(256, most)

    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))

    command = [sys.executable, "-c", PROGRAM]
    said = subprocess.run(command, preexec_fn=lower, capture_output=True, check=True, timeout=120).stdout
    assert [int(each) for each in said.split()] == [min(most, MOST_FILES), most]
