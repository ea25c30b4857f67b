"""Counting what happens, in a registry of the process's own.

Only metrics of the catalogue can be counted; a wrong number of labels raises at once. A metric has at most
`MOST_SERIES` combinations of labels, what is beyond is counted under `other`. Safe to use from threads.
"""

import logging
import math
import threading
from collections.abc import Callable
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from spanpulse_stream.observe import catalog
from spanpulse_stream.observe.catalog import LABELS_LIMITED, METRICS, Kind, Metric

__all__ = ["MOST_SERIES", "Metrics"]

logger = logging.getLogger(__name__)

MOST_SERIES = 200
OTHER = "other"
SUFFIXES = {Kind.COUNTER: "_total", Kind.GAUGE: "", Kind.HISTOGRAM: "_count"}

Instrument = Counter | Gauge | Histogram
Kept = TypeVar("Kept", Counter, Gauge, Histogram)


class Metrics:
    """The metrics of one process; ``version`` is shown as a label of `spanpulse_build_info`."""

    def __init__(self, version: str = "") -> None:
        self._registry = CollectorRegistry()
        self._lock = threading.Lock()
        own = (metric for metric in METRICS if metric is not LABELS_LIMITED)
        self._instruments = {metric: _instrument(metric, self._registry) for metric in own}
        self._series: dict[Metric, dict[tuple[str, ...], Instrument]] = {metric: {} for metric in METRICS}
        self._limited = Counter(
            LABELS_LIMITED.name, LABELS_LIMITED.help, LABELS_LIMITED.labels, registry=self._registry
        )
        ProcessCollector(registry=self._registry)
        self.set(catalog.INFO, 1, version)

    def add(self, metric: Metric, amount: float = 1, *labels: str) -> None:
        """Add to a counter; an amount of 0 makes its series appear."""
        self._of(metric, Counter, labels).inc(amount)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._of(metric, Gauge, labels).set(value)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add an observation to a histogram."""
        self._of(metric, Histogram, labels).observe(value)

    def watch(self, metric: Metric, read: Callable[[], float], *labels: str) -> None:
        """Read a gauge with ``read`` whenever it is asked for; NaN where that raises."""

        def guarded() -> float:
            try:
                return read()
            except Exception:
                logger.exception("a gauge could not be read", extra={"metric": metric.name})
                return math.nan

        self._of(metric, Gauge, labels).set_function(guarded)

    def value(self, metric: Metric, *labels: str) -> float:
        """Return a counter's or gauge's value, or a histogram's count; 0 where nothing was counted."""
        _check(metric, labels)
        found = self._series[metric].get(labels)
        return 0.0 if found is None else _value(found, metric)

    def total(self, metric: Metric) -> float:
        """Return the sum of `value` over all series."""
        return sum(_value(each, metric) for each in list(self._series[metric].values()))

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _of(self, metric: Metric, kind: type[Kept], labels: tuple[str, ...]) -> Kept:
        found = self._series[metric].get(labels)
        if found is None:
            _check(metric, labels)
            with self._lock:
                found = self._make(metric, self._series[metric], labels)
        if not isinstance(found, kind):
            raise TypeError(f"{metric.name} is a {metric.kind.value}")
        return found

    def _make(self, metric: Metric, series: dict[tuple[str, ...], Instrument], labels: tuple[str, ...]) -> Instrument:
        if len(series) >= MOST_SERIES and labels not in series:
            limited = self._limited.labels(metric.name)
            self._series[LABELS_LIMITED][(metric.name,)] = limited
            limited.inc()
            labels = (OTHER,) * len(labels)
        if labels not in series:
            instrument = self._instruments[metric]
            series[labels] = instrument.labels(*labels) if labels else instrument
        return series[labels]


def _check(metric: Metric, labels: tuple[str, ...]) -> None:
    if len(labels) != len(metric.labels):
        raise TypeError(f"{metric.name} has the labels {metric.labels}, got {len(labels)} values")


def _value(instrument: Instrument, metric: Metric) -> float:
    """Return the value of one series; asking the registry would collect all others with it."""
    name = metric.name + SUFFIXES[metric.kind]
    samples = (sample for family in instrument.collect() for sample in family.samples)
    return next(sample.value for sample in samples if sample.name == name)


def _instrument(metric: Metric, registry: CollectorRegistry) -> Instrument:
    match metric.kind:
        case Kind.COUNTER:
            return Counter(metric.name, metric.help, metric.labels, registry=registry)
        case Kind.GAUGE:
            return Gauge(metric.name, metric.help, metric.labels, registry=registry)
        case Kind.HISTOGRAM:
            return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry)
