"""Metrics: the catalogue is all there is, and labels are bounded."""

import ast
import math
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import spanpulse_stream
from spanpulse_stream.observe import Metrics, catalog
from spanpulse_stream.observe._metrics import MOST_SERIES
from spanpulse_stream.observe.catalog import METRICS, Kind, Metric

ROOMS = Path(spanpulse_stream.__file__).parents[2]


def named() -> dict[str, Metric]:
    return {name: value for name, value in vars(catalog).items() if isinstance(value, Metric)}


def test_every_metric_of_the_module_is_in_the_list_once():
    assert sorted(metric.name for metric in named().values()) == sorted(metric.name for metric in METRICS)
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_every_metric_that_the_code_uses_is_in_the_list():
    used = set()
    for source in (*ROOMS.glob("*/spanpulse*/**/*.py"),):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "catalog":
                used.add(node.attr)
    assert "RECEIVER_REQUESTS" in used
    assert used <= {*named(), "METRICS"}


def test_no_metric_is_made_elsewhere():
    makers = re.compile(r"prometheus_client|\b(Counter|Gauge|Histogram|Summary)\(\s*[\"']")
    files = [file for file in ROOMS.glob("*/spanpulse*/**/*.py") if makers.search(file.read_text("utf-8"))]
    assert [file.name for file in files] == ["_metrics.py"]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_list_keeps_prometheus_conventions(metric):
    assert re.fullmatch(r"spanpulse_[a-z_]+", metric.name)
    assert metric.help
    assert not metric.help.endswith(".")
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
    assert not metric.name.endswith("_total")
    if metric.unit in ("seconds", "bytes"):
        assert metric.name.endswith(metric.unit)


def test_what_is_counted_is_shown():
    metrics = Metrics("1.2.3")
    metrics.add(catalog.RECEIVER_REQUESTS, 2, "traces", "200")
    metrics.set(catalog.DISK_FREE, 7)
    metrics.observe(catalog.PIPELINE_COMMIT_AGE, 0.3)
    metrics.watch(catalog.LOG_LAG, lambda: 41, "0")
    shown = {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }
    assert shown["spanpulse_receiver_requests_total", ("200", "traces")] == 2
    assert shown["spanpulse_disk_free_bytes", ()] == 7
    assert shown["spanpulse_pipeline_commit_age_seconds_bucket", ("0.5",)] == 1
    assert shown["spanpulse_log_lag_records", ("0",)] == 41
    assert shown["spanpulse_build_info", ("1.2.3",)] == 1
    assert shown["process_resident_memory_bytes", ()] > 0


def test_two_processes_worth_of_metrics_do_not_share_anything():
    first, second = Metrics(), Metrics()
    first.add(catalog.PIPELINE_BATCHES)
    assert (first.value(catalog.PIPELINE_BATCHES), second.value(catalog.PIPELINE_BATCHES)) == (1, 0)


def test_label_values_are_bounded():
    metrics = Metrics()
    for number in range(MOST_SERIES + 50):
        metrics.add(catalog.WRITER_INSERTS, 1, f"code {number}")
    lines = [
        line for line in metrics.exposition().decode().splitlines() if line.startswith("spanpulse_writer_inserts_t")
    ]
    assert len(lines) == MOST_SERIES + 1
    assert metrics.value(catalog.WRITER_INSERTS, "other") == 50
    assert metrics.value(catalog.LABELS_LIMITED, "spanpulse_writer_inserts") == 50
    metrics.add(catalog.WRITER_INSERTS, 1, "code 0")
    assert metrics.value(catalog.WRITER_INSERTS, "code 0") == 2


def test_misuse_is_an_error_at_once():
    metrics = Metrics()
    with pytest.raises(TypeError, match="labels"):
        metrics.add(catalog.RECEIVER_REQUESTS, 1, "traces")
    with pytest.raises(TypeError, match="counter"):
        metrics.set(catalog.PIPELINE_BATCHES, 1)
    with pytest.raises(KeyError):
        metrics.add(Metric("spanpulse_other", Kind.COUNTER, (), "", ""))


def test_a_gauge_that_cannot_be_read_does_not_hide_the_others():
    metrics = Metrics()
    metrics.watch(catalog.DISK_FREE, lambda: 1 / 0)
    metrics.add(catalog.PIPELINE_BATCHES, 3)
    assert b"spanpulse_pipeline_batches_total 3.0" in metrics.exposition()
    assert math.isnan(metrics.value(catalog.DISK_FREE))
