"""The jars of Apache Kafka, which Maven copies into .cache/ once.

Several pytest workers may ask at the same time: a file lock lets one of them do it. A marker is written last and
holds the pom that was resolved, so what was broken off half-way, or came from another pom, is made again.
"""

import fcntl
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

__all__ = ["NoKafka", "jars", "java"]

POM = Path(__file__).with_name("kafka") / "pom.xml"
CACHE = Path(__file__).parents[1] / ".cache"
OLDEST_JAVA = 17
RESOLVE_WITHIN = 600.0


class NoKafka(Exception):  # noqa: N818 -- reads as what it is
    """Kafka cannot run on this machine; the message says what is missing."""


@cache
def java() -> str:
    """Return the path of a Java that is new enough. Raises NoKafka."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise NoKafka(f"no Java is here: install a JRE of {OLDEST_JAVA} or newer")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise NoKafka(f"Java is older than {OLDEST_JAVA}: {said.strip().splitlines()[:1]}")
    return found


@cache
def jars(cache_folder: Path = CACHE) -> Path:
    """Return the folder of Kafka's jars, resolved by Maven if need be. Raises NoKafka."""
    pom = POM.read_text("utf-8")
    version = re.search(r"<kafka.version>(.+)</kafka.version>", pom)
    assert version is not None
    folder = cache_folder / f"kafka-{version[1]}"
    marker = folder / "complete"
    cache_folder.mkdir(exist_ok=True)
    with (cache_folder / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go of when the file is closed, or its process dies
        if not marker.exists() or marker.read_text("utf-8") != pom:
            shutil.rmtree(folder, ignore_errors=True)
            _resolve(folder)
            marker.write_text(pom, "utf-8")
    return folder


def _resolve(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NoKafka("no Maven is here, which brings Kafka's jars: install maven")
    command = [maven, "--batch-mode", "--quiet", f"--file={POM}"]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=RESOLVE_WITHIN)
    except subprocess.CalledProcessError as error:
        raise NoKafka(f"Maven cannot bring Kafka's jars: {error.stdout.strip()[-500:]}") from None
    except subprocess.TimeoutExpired:
        raise NoKafka(f"Maven did not bring Kafka's jars within {RESOLVE_WITHIN:.0f} s") from None
