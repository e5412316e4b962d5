"""Figures about this process for Prometheus; none is about a person, a key or an object."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.domain.version import ENGINE_VERSION
from app.services.container import Services
from app.storage.errors import StorageUnavailable

# From an answer out of memory to a search through the whole catalogue.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The figures of one application; routes appear by template, never by address."""

    def __init__(self, services: Services) -> None:
        self.registry = CollectorRegistry()
        self.in_flight = Gauge(
            "shardplan_http_requests_in_flight",
            "Requests that are being answered.",
            registry=self.registry,
        )
        self._requests = Counter(
            "shardplan_http_requests",
            "Requests that were answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "shardplan_http_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.registry.register(_ServiceFigures(services))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts one answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class _ServiceFigures(Collector):
    """What the services tell when somebody asks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> Iterator[Metric]:
        """No names ahead of time, which would ask the database before it is open."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        services = self._services
        try:
            state = services.database.probe()
        except StorageUnavailable:
            state = {}
        yield GaugeMetricFamily(
            "shardplan_database_up",
            "1 where the database takes writes and has the expected schema, else 0.",
            value=float(bool(state)),
        )
        yield CounterMetricFamily(
            "shardplan_estimates",
            "Estimates computed: one for each strategy of each job.",
            value=services.estimator.tally.total,
        )
        yield InfoMetricFamily(
            "shardplan_build",
            "What is running.",
            value={
                "engine_version": ENGINE_VERSION,
                "catalog_version": services.catalog.version,
                "database": "sqlite" if services.database.is_sqlite else "postgresql",
            },
        )
