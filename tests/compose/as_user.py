"""Be a user of the server's configuration in the embedded engine, run statements, and print what became of each.

`python as_user.py USER FOLDER [GRANT]` reads a JSON list of statements; the data stay in FOLDER for the next user. The
engine lets in nobody but `default`, without a password: so the user's definition is read under that name, and
everything else of users.xml as it stands; with GRANT he may that, too. USER may be `admin`, who may everything and is
added to the others. `MIGRATE` stands for what `spanpulse init` does to the database.
"""

import json
import os
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clickhouse_connect import get_client
from clickhouse_connect.driver.exceptions import ClickHouseError

from spanpulse_sinks.clickhouse._migrate import migrate
from spanpulse_sinks.clickhouse.server import ServerConfig

CONFIGURATION = Path(__file__).parents[2] / "compose/clickhouse"
# What the engine has of a server's configuration, and what is about ports, folders and people who connect.
KEPT = {"access_control_improvements", "user_directories", "compression", "merge_tree", "remote_url_allow_hosts"}


def configure(user: str, folder: Path, grants: Sequence[str] = ()) -> Path:
    """Write the configuration in which ``user`` is called default and has ``grants`` too, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    users = ET.parse(CONFIGURATION / "users.xml")
    everybody = users.getroot().find("users")
    assert everybody is not None
    definition = ET.SubElement(everybody, user) if user == "admin" else everybody.find(user)
    assert definition is not None
    for password in [*definition.findall("password_sha256_hex"), *definition.findall("no_password")]:
        definition.remove(password)
    for grant in grants:
        ET.SubElement(definition.find("grants"), "query").text = grant  # type: ignore[arg-type]
    if user != "default":
        everybody.remove(everybody.find("default"))  # type: ignore[arg-type]
    definition.tag = "default"
    ET.SubElement(definition, "password").text = ""
    if user == "admin":
        ET.SubElement(definition, "access_management").text = "1"
    users.write(folder / "users.xml")
    server = ET.parse(CONFIGURATION / "config.xml")
    for element in list(server.getroot()):
        if element.tag not in KEPT:
            server.getroot().remove(element)
    server.write(folder / "config.xml")
    return folder / "config.xml"


def run(client: Any, statement: str) -> Any:
    """Run a statement: rows of a query, None of a command, the error's code of what was refused."""
    try:
        if statement == "MIGRATE":
            config = ServerConfig("clickhouse")
            client.command(config.placed(f"CREATE DATABASE IF NOT EXISTS {config.database}"))
            client.command(f"USE {config.database}")
            return migrate(client, config)
        if statement.startswith("SELECT"):
            return client.query(statement).result_rows
        client.command(statement)
    except ClickHouseError as error:
        return {"code": error.code}
    return None


def main() -> None:
    """Run what stands on the standard input."""
    user, folder = sys.argv[1], Path(sys.argv[2])
    file = configure(user, folder / user, sys.argv[3:])
    os.chdir(folder)  # the engine would take a config.xml of the working folder
    client = get_client(interface="chdb", path=str(folder / "store"), chdb_options={"config-file": str(file)})
    sys.stdout.write(json.dumps([run(client, statement) for statement in json.load(sys.stdin)], default=str) + "\n")
    client.close()


if __name__ == "__main__":
    main()
