"""Prometheus and Alertmanager: what their own tools say, and that every metric, label, target and file exists."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose.files import COMPOSE, services, stack
from requirements import need_program
from spanpulse_stream.observe import catalog
from spanpulse_stream.observe.catalog import Kind

PROMETHEUS = COMPOSE / "prometheus"
ALERTMANAGER = COMPOSE / "alertmanager/alertmanager.yml"
SUFFIXES = {Kind.COUNTER: ("_total",), Kind.GAUGE: ("",), Kind.HISTOGRAM: ("_bucket", "_count", "_sum")}
KNOWN = {f"{each.name}{suffix}": each for each in catalog.METRICS for suffix in SUFFIXES[each.kind]}
SERVERS = re.compile(r"ClickHouseAsyncMetrics_Disk(Available|Total)_default")
FROM_SCRAPING = {"job", "instance"}


def run(program: str, *arguments: str) -> str:
    """Run a tool and return what it said; it must find nothing wrong."""
    command = [need_program(program), *arguments]
    done = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def rules() -> list[Any]:
    """Return the alerting rules."""
    groups = yaml.safe_load((PROMETHEUS / "rules/spanpulse.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def cases() -> list[Any]:
    """Return the unit tests of the rules."""
    found: list[Any] = yaml.safe_load((PROMETHEUS / "rules.test.yml").read_text("utf-8"))["tests"]
    return found


def test_prometheus_takes_its_configuration_and_rules() -> None:
    assert "1 rule files found" in run("promtool", "check", "config", "prometheus.yml")
    assert f"SUCCESS: {len(rules())} rules found" in run(
        "promtool", "check", "rules", "--lint=all", "rules/spanpulse.yml"
    )


def test_alerts_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", "rules.test.yml")


def test_every_alert_is_tested_and_explained() -> None:
    named = {rule["alert"] for rule in rules()}
    assert len(named) == len(rules())
    fired = {each["alertname"] for case in cases() for each in case.get("alert_rule_test", []) if each["exp_alerts"]}
    assert fired == named
    explained = re.findall(r"(?m)^### (\w+)$", (COMPOSE / "README.md").read_text("utf-8"))
    assert set(explained) >= named
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert {"summary", "description"} == set(rule["annotations"])


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_metric_and_label_exists(rule: Any) -> None:
    check_expression(rule["expr"])


def check_expression(text: str) -> None:
    """See that every metric of an expression is in the catalogue, and has the labels that it is asked for."""
    found = re.findall(r"\b(spanpulse_\w+|ClickHouse\w+|up)\b(?:\{([^}]*)\})?", text)
    assert found
    allowed = set(FROM_SCRAPING)
    for name, selector in found:
        if name != "up":
            assert name in KNOWN or SERVERS.fullmatch(name), name
        labels = {*KNOWN[name].labels, "le"} if name in KNOWN else set()
        asked = set(re.findall(r"(\w+)\s*[=!]", selector))
        assert asked <= labels | FROM_SCRAPING, f"{name}: {asked}"
        allowed |= labels
    for kept in re.findall(r"\b(?:by|on) \(([^)]*)\)", text):
        assert set(filter(None, re.split(r"[,\s]+", kept))) <= allowed, kept


def test_an_unknown_metric_or_label_would_be_found() -> None:
    for wrong in ("spanpulse_lag > 0", 'spanpulse_ready{partition="1"} == 0', "sum by (tenant) (spanpulse_ready)"):
        with pytest.raises(AssertionError):
            check_expression(wrong)


def test_series_of_the_unit_tests_exist() -> None:
    for case in cases():
        for each in case["input_series"]:
            check_expression(each["series"])


def test_every_target_is_a_service_on_a_network_of_prometheus() -> None:
    jobs: list[Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    found = services()
    seen = set(found["prometheus"]["networks"])
    for job in jobs:
        by_name = [(name, each["port"]) for each in job.get("dns_sd_configs", []) for name in each["names"]]
        fixed = [target.rsplit(":", 1) for each in job.get("static_configs", []) for target in each["targets"]]
        for name, port in [*by_name, *fixed]:
            service = "prometheus" if name == "localhost" else name
            assert job["job_name"] == service
            assert seen & set(found[service]["networks"])
            if service in {"gateway", "worker", "dashboard"}:
                assert port == 8642
    assert {job["job_name"] for job in jobs} == set(found) - {"kafka", "init"}


def test_alertmanager_takes_its_configuration(tmp_path: Path) -> None:
    """`url_file` of webhooks is younger than the amtool that Debian has: it is shown the same with an address."""
    text = ALERTMANAGER.read_text("utf-8")
    assert text.count(" url_file: /run/secrets/webhook_url\n") == 1
    older = tmp_path / "alertmanager.yml"
    older.write_text(text.replace(" url_file: /run/secrets/webhook_url\n", " url: http://webhook.invalid/\n"), "utf-8")
    said = run("amtool", "check-config", str(older))
    assert "SUCCESS" in said
    assert "3 receivers" in said


@pytest.mark.parametrize("receiver", ["nobody", "slack", "webhook"])
def test_alerts_are_routed(receiver: str, tmp_path: Path) -> None:
    text = ALERTMANAGER.read_text("utf-8").replace(" url_file: /run/secrets/webhook_url\n", " url: http://w.invalid/\n")
    chosen = tmp_path / "alertmanager.yml"
    chosen.write_text(text.replace("route:\n  receiver: nobody", f"route:\n  receiver: {receiver}"), "utf-8")
    route = ("config", "routes", "test", f"--config.file={chosen}")
    assert run("amtool", *route, "severity=critical", "alertname=ClickHouseAway").split()[0] == receiver
    assert run("amtool", *route, "severity=info", "alertname=OverQuota").split()[0] == "nobody"


def test_alertmanager_reads_what_is_mounted() -> None:
    asked = set(re.findall(r"/run/secrets/(\w+)", ALERTMANAGER.read_text("utf-8")))
    assert asked == set(services()["alertmanager"]["secrets"]) == set(stack()["secrets"])


def test_what_silences_what_exists() -> None:
    named = {rule["alert"] for rule in rules()}
    for rule in yaml.safe_load(ALERTMANAGER.read_text("utf-8"))["inhibit_rules"]:
        matchers = [*rule["source_matchers"], *rule["target_matchers"]]
        for matcher in (each for each in matchers if each.startswith("alertname")):
            assert set(matcher.partition('"')[2].rstrip('"').split("|")) <= named


def test_grafana_is_given_what_it_asks_for() -> None:
    grafana = services()["grafana"]
    source = (COMPOSE / "grafana/provisioning/datasources/spanpulse.yml").read_text("utf-8")
    for variable in re.findall(r"\$(\w+)", source):
        assert variable in grafana["environment"]
    clickhouse = next(each for each in yaml.safe_load(source)["datasources"] if each["type"].startswith("grafana-"))
    assert grafana["environment"]["GF_PLUGINS_PREINSTALL"].partition("@")[0] == clickhouse["type"]
    assert set(clickhouse["secureJsonData"].values()) == {"$CLICKHOUSE_GRAFANA_PASSWORD"}
    boards = yaml.safe_load((COMPOSE / "grafana/provisioning/dashboards/spanpulse.yml").read_text("utf-8"))
    targets = {mount.split(":")[1] for mount in grafana["volumes"]}
    assert {each["options"]["path"] for each in boards["providers"]} <= targets
    assert clickhouse["jsonData"]["host"] in services()
    assert clickhouse["jsonData"]["username"] == "grafana"
