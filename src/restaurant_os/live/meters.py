"""What the service counts, for Prometheus. No label holds a value from outside: all are among those named here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

Route = Literal["toast", "sales", "labor"]
#: Why an event was refused.
Refusal = Literal["signature", "old", "unreadable", "too_large", "no_room", "no_key", "wrong_type"]
Result = Literal["done", "failed", "quarantined", "again"]
#: Seconds from an event's arrival to its rows being in the tables.
LAG_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0)


class Meters:
    """Counters of one process; they begin at 0 with it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prefix = "restaurant_os"
        of_route = ("route",)
        self._accepted = Counter(f"{prefix}_events_accepted", "Events kept, before their 2xx.", of_route, registry=self.registry)
        self._known = Counter(f"{prefix}_events_duplicate", "Events that were known already.", of_route, registry=self.registry)
        self._refused = Counter(f"{prefix}_events_refused", "Requests refused.", ("route", "reason"), registry=self.registry)
        self._settled = Counter(f"{prefix}_events_settled", "What became of events.", ("result",), registry=self.registry)
        self._lag = Histogram(
            f"{prefix}_event_lag_seconds", "From arrival to being in the tables.", buckets=LAG_BUCKETS, registry=self.registry
        )
        self._queue = Gauge(f"{prefix}_inbox_events", "Events by state.", ("state",), registry=self.registry)
        self._oldest = Gauge(f"{prefix}_inbox_oldest_seconds", "Age of the oldest event that waits; 0 without any.", registry=self.registry)
        self._jobs = Counter(f"{prefix}_jobs", "Jobs that ended.", ("job", "result"), registry=self.registry)
        self._evaluations = Counter(
            f"{prefix}_alert_evaluations", "Looks of the rules at days that changed or are open.", registry=self.registry
        )
        self._unread = Counter(f"{prefix}_alert_readings_failed", "Rules that could not be read in a look.", registry=self.registry)
        self._opened = Counter(f"{prefix}_incidents_opened", "Incidents that opened.", registry=self.registry)
        self._delivered = Counter(f"{prefix}_alert_deliveries", "What became of messages.", ("channel", "result"), registry=self.registry)
        self._failures = Counter(f"{prefix}_failures", "Failures of a part of the service.", ("part",), registry=self.registry)

    def accepted(self, route: Route) -> None:
        self._accepted.labels(route).inc()

    def known(self, route: Route) -> None:
        self._known.labels(route).inc()

    def refused(self, route: Route, reason: Refusal) -> None:
        self._refused.labels(route, reason).inc()

    def settled(self, result: Result, lags: Sequence[float] = ()) -> None:
        """One event for each lag, in seconds."""
        self._settled.labels(result).inc(len(lags))
        if result == "done":
            for lag in lags:
                self._lag.observe(lag)

    def inbox(self, pending: int, claimed: int, quarantined: int, oldest_seconds: float) -> None:
        for state, count in (("pending", pending), ("claimed", claimed), ("quarantined", quarantined)):
            self._queue.labels(state).set(count)
        self._oldest.set(oldest_seconds)

    def job_ended(self, job: str, *, failed: bool) -> None:
        """`job`: a name of ours."""
        self._jobs.labels(job, "failed" if failed else "done").inc()

    def evaluated(self, *, opened: int) -> None:
        self._evaluations.inc()
        self._opened.inc(opened)

    def unread(self, rules: int) -> None:
        self._unread.inc(rules)

    def delivered(self, channel: Literal["slack", "slack-bot", "discord", "apprise"], result: Literal["sent", "again", "dead"]) -> None:
        """`channel`: its kind."""
        self._delivered.labels(channel, result).inc()

    def failure(self, part: Literal["worker", "scheduler", "store", "evaluator", "outbox"]) -> None:
        self._failures.labels(part).inc()

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)
