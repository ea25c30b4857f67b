"""The server's configuration in the real engine: what its users may do, and that it asks for nothing that is not given.

The engine is the embedded one, which reads the same users.xml. Not covered: ports, logs, the query log and passwords,
which it has not.
"""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from compose.files import COMPOSE, ROOT, secrets, services
from spanpulse_dashboards._reader import PAGE_LIMITS
from spanpulse_dashboards.traces._ask import LIMITS as TRACE_LIMITS
from spanpulse_dashboards.traces._dearest import PASS_LIMITS
from spanpulse_sinks.clickhouse.server._config import QUERY_SETTINGS
from spanpulse_stream.process import query_limits
from spanpulse_stream.settings import Settings

CONFIGURATION = COMPOSE / "clickhouse"
# What the process sends with its queries.
BOUNDS = [
    {**QUERY_SETTINGS, "log_comment": "q:0", **limits.settings()}
    for limits in (PAGE_LIMITS, PASS_LIMITS, TRACE_LIMITS, query_limits(Settings()))
]
# What the view `spans` asks for every row whose texts are wanted.
LATE = "dictGet('spanpulse.late_texts', 'input', ('default', '0', '0'))"
DENIED = {"code": 497}
BEYOND = {"code": 452}
READ_ONLY = {"code": 164}


def become(user: str, folder: Path, *statements: str, grants: tuple[str, ...] = ()) -> list[Any]:
    """Run statements as a user, who has ``grants`` as well, in a process of their own."""
    rooms = (ROOT / room for room in ("sinks", "stream", "instrumentation"))
    environ = {**os.environ, **secrets(), "PYTHONPATH": os.pathsep.join(map(str, rooms))}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("as_user.py")), user, str(folder), *grants],
        input=json.dumps(statements),
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answers: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def may_only(user: str, folder: Path, allowed: list[str], refused: dict[str, dict[str, int]]) -> None:
    """Assert that a user may run some statements, and that each of others is refused as it says."""
    answers = become(user, folder, *allowed, *refused)
    assert not [said for said, answer in zip(allowed, answers, strict=False) if isinstance(answer, dict)]
    assert dict(zip(refused, answers[len(allowed) :], strict=True)) == refused


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder whose database was made by the user of the processes."""
    folder = tmp_path_factory.mktemp("clickhouse")
    (version,) = become("spanpulse", folder, "MIGRATE")
    assert version >= 7
    return folder


def test_the_processes_may_do_their_work_and_no_more(folder: Path) -> None:
    allowed = [
        "MIGRATE",
        "CREATE TABLE spanpulse.aside_batches AS spanpulse.batches",
        "ALTER TABLE spanpulse.aside_batches ATTACH PARTITION '2026-01-01' FROM spanpulse.batches",
        "INSERT INTO spanpulse.aside_batches (received_at) SELECT toDateTime('2026-01-01 12:00:00')",
        "ALTER TABLE spanpulse.batches REPLACE PARTITION '2026-01-01' FROM spanpulse.aside_batches",
        "TRUNCATE TABLE spanpulse.aside_batches",
        "CREATE TABLE spanpulse.costs (a Int64, b Int64) ENGINE = Join(ANY, LEFT, a)",
        "DROP TABLE spanpulse.costs",
        "DROP TABLE spanpulse.aside_batches",
        "CHECK TABLE spanpulse.batches",
        "KILL QUERY WHERE 0 ASYNC",
        "SELECT count() FROM system.parts WHERE database = 'spanpulse' AND table = 'nothing'",
        "SELECT count() FROM system.detached_parts",
        f"SELECT {LATE}",
    ]
    refused = [
        "CREATE DATABASE other",
        "CREATE USER somebody",
        "DROP TABLE system.one",
        "SYSTEM SHUTDOWN",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "INSERT INTO FUNCTION file('/tmp/out.csv', 'CSV') SELECT 1",
        "CREATE TABLE spanpulse.reads (a String) ENGINE = File('CSV')",
        "CREATE TABLE spanpulse.reads (a String) ENGINE = URL('http://127.0.0.1:1/', 'CSV')",
    ]
    may_only("spanpulse", folder, allowed, dict.fromkeys(refused, DENIED))


def test_grafana_reads_spanpulse_and_nothing_else(folder: Path) -> None:
    allowed = [
        "SELECT count() FROM spanpulse.batches",
        "SELECT count() FROM spanpulse.spans",
        "SELECT count() FROM spanpulse.requests_by_model",
        f"SELECT {LATE}",
        "SELECT name FROM system.tables WHERE database = 'spanpulse' LIMIT 1",
        "SELECT 1 SETTINGS max_execution_time = 60",
        "SELECT count() FROM spanpulse.batches SETTINGS additional_table_filters = {'spanpulse.batches': '1'}",
    ]
    refused = {
        "INSERT INTO spanpulse.batches SELECT * FROM spanpulse.batches": DENIED,
        "DROP TABLE spanpulse.batches": DENIED,
        "SELECT * FROM spanpulse.shared_state": DENIED,
        "TRUNCATE TABLE spanpulse.batches": DENIED,
        "ALTER TABLE spanpulse.batches DELETE WHERE 1": DENIED,
        "CREATE TABLE spanpulse.mine (a Int8) ENGINE = MergeTree ORDER BY a": DENIED,
        "SELECT * FROM file('/etc/passwd', 'LineAsString')": DENIED,
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')": DENIED,
        "SELECT * FROM remote('127.0.0.1', system.one)": DENIED,
        "SELECT name FROM system.users": DENIED,
        "SELECT 1 SETTINGS max_execution_time = 61": BEYOND,
        "SELECT 1 SETTINGS max_execution_time = 0": BEYOND,
        "SELECT 1 SETTINGS max_memory_usage = 0": BEYOND,
        "SELECT 1 SETTINGS max_threads = 3": BEYOND,
        "SELECT 1 SETTINGS max_result_rows = 0": BEYOND,
        "SELECT 1 SETTINGS readonly = 0": READ_ONLY,
    }
    may_only("grafana", folder, allowed, refused)


def test_a_gateway_reads_what_is_shared_and_nothing_else(folder: Path) -> None:
    allowed = [
        "SELECT name, value, readonly FROM system.settings LIMIT 10000",  # the client, when it connects
        "SELECT count(), argMax(text, (version, text)) FROM spanpulse.shared_state WHERE kind = 'keys'",
        "SELECT 1 SETTINGS readonly = 2, session_timezone = 'UTC', max_result_rows = 10, max_execution_time = 5",
    ]
    refused = {
        "INSERT INTO spanpulse.shared_state SELECT * FROM spanpulse.shared_state": DENIED,
        "ALTER TABLE spanpulse.shared_state DELETE WHERE 1": DENIED,
        "TRUNCATE TABLE spanpulse.shared_state": DENIED,
        "DROP TABLE spanpulse.shared_state": DENIED,
        "SELECT count() FROM spanpulse.batches": DENIED,
        "SELECT count() FROM spanpulse.spans": DENIED,
        "SELECT count() FROM spanpulse.migrations": DENIED,
        "SELECT name FROM system.users": DENIED,
        "SELECT * FROM file('/etc/passwd', 'LineAsString')": DENIED,
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')": DENIED,
        "SELECT * FROM remote('127.0.0.1', system.one)": DENIED,
        "SELECT 1 SETTINGS max_execution_time = 6": BEYOND,
        "SELECT 1 SETTINGS max_memory_usage = 0": BEYOND,
        "SELECT 1 SETTINGS max_threads = 2": BEYOND,
        "SELECT 1 SETTINGS timeout_overflow_mode = 'break'": BEYOND,
        "SELECT 1 SETTINGS result_overflow_mode = 'break'": BEYOND,
        "SELECT 1 SETTINGS priority = 5": BEYOND,
        "SELECT 1 SETTINGS log_queries = 1": BEYOND,
        "SELECT 1 SETTINGS readonly = 0": READ_ONLY,
    }
    may_only("gateway", folder, allowed, refused)


def test_the_dashboard_reads_spanpulse_and_nothing_else(folder: Path) -> None:
    allowed = [
        "SELECT name, value, readonly FROM system.settings LIMIT 10000",  # the client, when it connects
        "SELECT version, name FROM spanpulse.migrations",
        "SELECT count() FROM system.tables WHERE database = 'spanpulse' AND name = 'migrations'",
        "SELECT count() FROM spanpulse.span_texts",
        "KILL QUERY WHERE 0 ASYNC",  # nobody needs a right to end what is his own
        "SELECT toInt64(sum(bytes_on_disk)) AS size FROM system.parts WHERE database = 'spanpulse' AND active",
        *(f"SELECT 1 SETTINGS {', '.join(f'{name} = {said!r}' for name, said in each.items())}" for each in BOUNDS),
    ]
    refused = {
        "INSERT INTO spanpulse.batches SELECT * FROM spanpulse.batches": DENIED,
        "ALTER TABLE spanpulse.batches DROP PARTITION '2026-01-01'": DENIED,
        "ALTER TABLE spanpulse.batches DELETE WHERE 1": DENIED,
        "TRUNCATE TABLE spanpulse.batches": DENIED,
        "DROP TABLE spanpulse.batches": DENIED,
        "CREATE TABLE spanpulse.mine (a Int8) ENGINE = MergeTree ORDER BY a": DENIED,
        "SELECT * FROM spanpulse.shared_state": DENIED,
        "SELECT name FROM system.users": DENIED,
        "SELECT * FROM file('/etc/passwd', 'LineAsString')": DENIED,
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')": DENIED,
        "SELECT * FROM remote('127.0.0.1', system.one)": DENIED,
        "SELECT 1 SETTINGS max_execution_time = 61": BEYOND,
        "SELECT 1 SETTINGS max_execution_time = 0": BEYOND,
        "SELECT 1 SETTINGS max_memory_usage = 0": BEYOND,
        "SELECT 1 SETTINGS max_threads = 5": BEYOND,
        "SELECT 1 SETTINGS max_result_rows = 0": BEYOND,
        "SELECT 1 SETTINGS max_result_bytes = 0": BEYOND,
        "SELECT 1 SETTINGS timeout_overflow_mode = 'break'": BEYOND,
        "SELECT 1 SETTINGS result_overflow_mode = 'break'": BEYOND,
        "SELECT 1 SETTINGS priority = 5": BEYOND,
        "SELECT 1 SETTINGS log_queries = 0": BEYOND,
        "SELECT 1 SETTINGS readonly = 0": READ_ONLY,
    }
    may_only("dashboard", folder, allowed, refused)


def test_the_server_fills_its_dictionary_and_may_read_nothing_else(folder: Path) -> None:
    """Who asks the dictionary, and in whose name it is filled, is one user in this engine."""
    late = "('default', '5', '6')"
    become(
        "admin",
        folder,
        "INSERT INTO spanpulse.span_texts (received_at, tenant, trace_id, span_id, direction, messages)"
        """ SELECT now(), 'default', '5', '6', 'input', '[{"late": 1}]'""",
    )
    asked = f"SELECT dictGet('spanpulse.late_texts', 'input', {late})"
    (answer,) = become("default", folder, asked, grants=("GRANT dictGet ON spanpulse.late_texts",))
    assert answer == [['[{"late": 1}]']]
    refused = ["span_rows", "spans", "batches", "shared_state", "dead_letters"]
    may_only(
        "default",
        folder,
        ["SELECT count() FROM spanpulse.span_texts"],
        {
            asked: DENIED,
            "INSERT INTO spanpulse.span_texts SELECT * FROM spanpulse.span_texts": DENIED,
            "DROP TABLE spanpulse.span_texts": DENIED,
            "SELECT name FROM system.users": DENIED,
            **{f"SELECT * FROM spanpulse.{table}": DENIED for table in refused},
            "SELECT 1 SETTINGS readonly = 0": READ_ONLY,
        },
    )


def test_the_engine_knows_users_quotas_and_limits_as_they_stand(folder: Path) -> None:
    users, quotas, limits, grants, gateway = become(
        "admin",
        folder,
        "SELECT name, toString(auth_type) FROM system.users WHERE name != 'default' ORDER BY name",
        "SELECT quota_name, duration, max_queries, max_execution_time FROM system.quota_limits ORDER BY ALL",
        "SELECT count() FROM system.settings_profile_elements WHERE profile_name = 'grafana' AND max IS NOT NULL",
        "SELECT access_type FROM system.grants WHERE user_name = 'spanpulse' AND database IS NULL"
        " AND access_type != 'TABLE ENGINE' ORDER BY ALL",
        "SELECT access_type, database, table FROM system.grants WHERE user_name = 'gateway'",
    )
    assert users == [[name, "['sha256_password']"] for name in ("dashboard", "gateway", "grafana", "spanpulse")]
    assert quotas == [["dashboard", 60, 12000, 1200], ["gateway", 60, 3000, 120], ["grafana", 60, 1000, 120]]
    assert gateway == [["SELECT", "spanpulse", "shared_state"]]
    assert limits == [[5]]
    assert grants == [["KILL QUERY"]]


def test_nobody_comes_in_without_a_password() -> None:
    users = ET.parse(CONFIGURATION / "users.xml").getroot().find("users")
    assert users is not None
    people = [user for user in users if user.tag != "default"]
    assert {user.tag for user in people} == {"spanpulse", "dashboard", "grafana", "gateway"}
    own = [ip.text for ip in users.iterfind("default/networks/*")]
    assert own == ["127.0.0.1", "::1"]
    given = services()["clickhouse"]["environment"]
    for user in people:
        (password,) = (each for each in user if each.tag.startswith("password"))
        assert password.tag == "password_sha256_hex"
        assert re.fullmatch(r"[0-9a-f]{64}", given[password.attrib["from_env"]])
        assert not user.findall("access_management")
    profiles = {profile.tag for profile in ET.parse(CONFIGURATION / "users.xml").getroot().iterfind("profiles/*")}
    assert {user.findtext("profile") for user in users} <= profiles


def test_the_server_writes_only_where_it_may() -> None:
    server = ET.parse(CONFIGURATION / "config.xml").getroot()
    (data,) = (
        mount.split(":")[1] for mount in services()["clickhouse"]["volumes"] if mount.startswith("clickhouse-data")
    )
    for name in ("path", "tmp_path", "user_files_path", "format_schema_path"):
        assert server.findtext(name, "").startswith(f"{data}/"), name
    assert server.findtext("logger/console") == "1"
    assert server.find("logger/log") is None
    mounted = {mount.split(":")[1] for mount in services()["clickhouse"]["volumes"]}
    (option,) = (word for word in services()["clickhouse"]["entrypoint"] if word.startswith("--config-file="))
    folder = Path(option.partition("=")[2]).parent
    assert {str(folder / "config.xml"), str(folder / server.findtext("user_directories/users_xml/path", ""))} <= mounted
    assert f":{server.findtext('http_port')}/ping" in services()["clickhouse"]["healthcheck"]["test"][1]
