"""What a Prometheus server reads from ``/metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from qsched.service.supervisor import Phase

__all__ = ["Metrics"]


class Metrics:
    """The counters of one server.

    Args:
        studies: how many studies are in each phase just now.
        streams: how many event streams are open just now.
    """

    def __init__(
        self, studies: Callable[[], Mapping[Phase, int]], streams: Callable[[], int]
    ) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "qsched_requests",
            "Requests, by method, route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "qsched_request_seconds",
            "Time to the end of an answer, by route; event streams are not in it.",
            ("route",),
            registry=self.registry,
        )
        self.failed_logins = Counter(
            "qsched_failed_logins", "Logins with a wrong token.", registry=self.registry
        )
        open_streams = Gauge(
            "qsched_event_streams", "Event streams that are open.", registry=self.registry
        )
        open_streams.set_function(streams)
        self.registry.register(_Studies(studies))

    def request(self, method: str, route: str, status: int, seconds: float, stream: bool) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        if not stream:
            self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)


class _Studies(Collector):
    def __init__(self, studies: Callable[[], Mapping[Phase, int]]) -> None:
        self._studies = studies

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "qsched_studies", "Studies of this server, by phase.", labels=["phase"]
        )
        for phase, count in self._studies().items():
            family.add_metric([phase], count)
        yield family
