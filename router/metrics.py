"""Prometheus metrics. One registry per gateway, so tests and two gateways never share counts.

Where several processes serve, each counts its part, and what is exposed is the sum of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache, partial
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from policies.cost import CostModel
from router.plan.draws import RunningDraw
from router.plan.samples import CANCELLED
from router.plan.work import Work
from router.upstream.failures import NotAdmitted, UpstreamError
from sandbox import Report

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120)
_OVERHEAD_SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256)

_ENDINGS = frozenset({"stop", "length", "content_filter", "tool_calls", CANCELLED})
"""Finish reasons that are counted by name: an upstream must not invent time series."""


class Metrics:
    """What an operator watches: counted in `registry`, and read from `exposed`."""

    def __init__(self, exposed: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry()
        self.exposed = self.registry if exposed is None else exposed
        self.requests = self._counter(
            "router_requests",
            "Requests by plan and verdict, or by the code of their error",
            *("plan", "verdict", "error"),
        )
        self.requests_of = cache(self.requests.labels)
        self.active = self._gauge("router_requests_active", "Requests being served", "livesum")
        self.tasks = self._gauge("router_tasks", "Tasks of the event loops", "livesum")
        self.flops_reserved = self._counter(
            "router_flops_reserved", "FLOPs reserved for draws", "model"
        )
        self.flops_used = self._counter("router_flops_used", "FLOPs settled for draws", "model")
        self.prompt_tokens = self._counter(
            "router_prompt_tokens",
            "Prompt tokens of draws, once a draw: computed, or found in a cache by its server",
            *("model", "source"),
        )
        self.completion_tokens = self._counter(
            "router_completion_tokens",
            "Generated tokens of draws: those seen, or the server's own count",
            "model",
        )
        self.cache_misreports = self._counter(
            "router_cache_misreports",
            "Draws whose server told a number of cached tokens that cannot be",
            "model",
        )
        self.samples = self._counter(
            "router_samples", "Samples by how they ended", "model", "finish_reason"
        )
        self.cancelled_draws = self._counter(
            "router_draws_cancelled", "Draws stopped before all their samples ended", "model"
        )
        self.upstream_failures = self._counter(
            "router_upstream_failures", "Draws that failed, and upstreams that were away", "model"
        )
        self.upstream_overruns = self._counter(
            "router_upstream_overruns", "Draws aborted because the upstream sent too much", "model"
        )
        self.engine_restarts = self._counter(
            "router_engine_restarts", "Restarts of embedded engines", "model"
        )
        self.upstream_retries = self._counter(
            "router_upstream_retries",
            "Draws and passes of rankers sent again, to another replica, as nothing was computed",
            "model",
        )
        self.replica_open = self._gauge(
            "router_replica_open",
            "1 where a replica is not asked, for all or one caller, as draws failed there, else 0",
            *("livemax", "model", "replica"),
        )
        self.queue_length = self._gauge(
            "router_queue_length", "Draws that wait for slots of a model", "livesum", "model"
        )
        self.queue_seconds = self._histogram(
            "router_queue_seconds", "How long draws waited for slots of a model", _SECONDS, "model"
        )
        self.request_seconds = self._histogram(
            "router_request_seconds", "From receipt to the answer", _SECONDS
        )
        self.overhead_seconds = self._histogram(
            "router_overhead_seconds",
            "Time not spent waiting for upstreams and sandbox",
            _OVERHEAD_SECONDS,
        )
        self.sandbox_seconds = self._histogram(
            "router_sandbox_seconds", "Wall time of sandbox runs", _SECONDS, "status"
        )

        self._models: dict[str, ModelFigures] = {}

    def observe_loop(self) -> None:
        """See how much the event loop that runs has to do."""
        self.tasks.set(len(asyncio.all_tasks()))

    def observe_report(self, report: Report) -> None:
        """Count one sandbox run."""
        self.sandbox_seconds.labels(report.status.value).observe(report.wall_s)

    def observe_work(self, started: Iterable[Work], cost: CostModel) -> None:
        """Count what one request asked of models, and what it spent on them."""
        for work in started:
            if work.model is None:
                continue
            if (figures := self._models.get(work.model)) is None:
                figures = self._models[work.model] = ModelFigures(self, work.model)
            figures.observe(work, cost)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(
        self, name: str, text: str, of_all: Literal["livesum", "livemax"], *labels: str
    ) -> Gauge:
        """One that is so much at this moment; `of_all` is what several processes make of it."""
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=of_all)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)


class ModelFigures:
    """The series of one model: looking each up by its labels takes longer than counting it."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        self._reserved = metrics.flops_reserved.labels(model)
        self._used = metrics.flops_used.labels(model)
        self._failures = metrics.upstream_failures.labels(model)
        self._overruns = metrics.upstream_overruns.labels(model)
        self._cancelled = metrics.cancelled_draws.labels(model)
        self._misreports = metrics.cache_misreports.labels(model)
        self._cached = metrics.prompt_tokens.labels(model, "cached")
        self._computed = metrics.prompt_tokens.labels(model, "computed")
        self._completion_tokens = metrics.completion_tokens.labels(model)
        self._ended = cache(partial(metrics.samples.labels, model))

    def observe(self, work: Work, cost: CostModel) -> None:
        """Count what was asked of the model once, and what was spent on it."""
        self._reserved.inc(work.hold.ceiling)
        self._used.inc(work.flops(cost))
        if work.failure is not None and _is_upstreams_fault(work.failure):
            self._failures.inc()
        # What was never sent is neither drawn nor stopped.
        if isinstance(work, RunningDraw) and work.sent:
            self._observe_draw(work)

    def _observe_draw(self, draw: RunningDraw) -> None:
        if draw.overrun:
            self._overruns.inc()
        if draw.failure is None and not draw.finished:
            self._cancelled.inc()
        if draw.misreported:
            self._misreports.inc()
        cached = min(draw.cached_tokens or 0, draw.prompt_tokens)  # which may be an estimate
        if cached:
            self._cached.inc(cached)
        self._computed.inc(draw.prompt_tokens - cached)
        self._completion_tokens.inc(sum(draw.computed_tokens))
        for sample in draw.samples:
            self._ended(sample.ending if sample.ending in _ENDINGS else "other").inc()


def _is_upstreams_fault(failure: Exception) -> bool:
    """A request that the upstream finds fault with is its sender's, and load is nobody's.

    What is no `UpstreamError` is a fault of ours.
    """
    match failure:
        case NotAdmitted() | UpstreamError(rejected=True):
            return False
        case _:
            return isinstance(failure, UpstreamError)
