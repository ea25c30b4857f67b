"""The broker of docker-compose.yml: real Kafka takes its settings, and knows every one of them."""

import re
from pathlib import Path

from compose.files import services
from kafka_running import Kafka
from requirements import need_java

PLACES = {"process.roles", "node.id", "listeners", "advertised.listeners", "log.dirs"}


def properties() -> dict[str, str]:
    """Return what the image makes of its variables: KAFKA_A_B is a.b, two underscores are one, three a dash."""
    environ = services()["kafka"]["environment"]
    names = {name: name.removeprefix("KAFKA_").lower() for name in environ if name.startswith("KAFKA_")}
    return {
        re.sub("_{1,3}", lambda found: " ._-"[len(found[0])], short): environ[name]
        for name, short in names.items()
        if name != "KAFKA_HEAP_OPTS"
    }


def test_names_are_made_as_the_image_makes_them() -> None:
    assert {"process.roles", "auto.create.topics.enable", "controller.quorum.voters"} <= set(properties())
    assert not any(set(name) & set("_-") for name in properties())


def test_kafka_knows_and_takes_every_setting(tmp_path: Path) -> None:
    need_java()
    asked = properties()
    elsewhere = {name for name in asked if name in PLACES or "listener" in name or name.startswith("controller.")}
    taken = {name: value for name, value in asked.items() if name not in elsewhere}
    with Kafka.start(tmp_path, properties=taken) as kafka:
        said = kafka.output(0)
    effective = dict(re.findall(r"(?m)^\t([a-z0-9.]+) = (.*)$", said))
    assert len(effective) > 100, "the broker prints its settings"
    assert set(asked) <= set(effective)
    assert {name: effective[name] for name in taken} == taken
    assert effective["auto.create.topics.enable"] == "false"
