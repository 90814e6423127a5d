"""What is counted and logged of one request, however it ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from policies.values import Verdict
from router.drift import Drift
from router.errors import ErrorObject, InternalError, translate
from router.gateway import Gateway
from router.http.answers.explain import router_object
from router.http.answers.headers import response_headers
from router.http.answers.labels import label_of_several, outcome_label
from router.http.answers.several import Several
from router.plan.outcome import Outcome
from router.preparing.prepared import Prepared

CLIENT_GONE: Final = "client_gone"
"""How the request of a client that hung up is counted, among the codes of errors."""

QUOTE: Final = "quote"
"""How a quote is counted, among the plans."""

log = structlog.get_logger("router")


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Record:
    """One request: its id, when it was `received` (event loop's clock), and how it ended."""

    gateway: Gateway
    request_id: str
    drift: Drift | None = None
    received: float = field(default_factory=_now)
    _counted: bool = field(default=False, init=False)

    def conclude(self, prepared: Prepared, outcome: Outcome) -> dict[str, Any]:
        """Count a run that ended; the `router` object, if the client is to see one."""
        details, elapsed_s = {}, self.elapsed()
        if prepared.request.detailed:
            cost = self.gateway.cost
            details["router"] = router_object(prepared, outcome, cost, elapsed_s=elapsed_s)
        best = outcome.choice.candidates[:1]
        label = outcome_label(prepared, outcome, counts=False)
        verdict = (best[0].verdict if best else Verdict.UNVERIFIED).value
        self._count(plan=label, verdict=verdict)
        if self.drift is not None:
            self.drift.observe(self.request_id, prepared, outcome)
        overhead_s = elapsed_s - outcome.waited_s
        self.gateway.metrics.overhead_seconds.observe(max(0.0, overhead_s))
        log.info(
            "request",
            request_id=self.request_id,
            plan=outcome_label(prepared, outcome),
            flops=outcome.ledger.used,
            verdict=verdict if best else None,
            seconds=round(elapsed_s, 3),
        )
        return details

    def conclude_several(self, several: Several, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        """Count a request of several prompts; the `router` object, if the client is to see one."""
        self._count(plan=label_of_several(outcomes, counts=False), verdict=Verdict.UNVERIFIED.value)
        log.info(
            "request",
            request_id=self.request_id,
            plan=label_of_several(outcomes),
            prompts=len(outcomes),
            flops=math.fsum(outcome.ledger.used for outcome in outcomes),
            seconds=round(self.elapsed(), 3),
        )
        return several.details(outcomes, self.elapsed())

    def quoted(self) -> None:
        """Count a request that was quoted for."""
        self._count(plan=QUOTE)

    def headers(self, prepared: Prepared, outcome: Outcome) -> dict[str, str]:
        """The headers of an answer that is known."""
        cost, elapsed_s = self.gateway.cost, self.elapsed()
        headers = response_headers(prepared, outcome, cost, elapsed_s=elapsed_s)
        return {"X-Request-Id": self.request_id} | headers

    def failed(self, error: Exception) -> ErrorObject:
        """Count an error, and what the client sees of it: a fault of ours leaks no insides."""
        shown = translate(error)
        if shown.code == InternalError.code:
            log.error("internal error", request_id=self.request_id, exc_info=error)
        self._count(error=shown.code)
        return shown

    def gone(self) -> None:
        """Count a client that hung up."""
        self._count(error=CLIENT_GONE)

    def abandoned(self) -> None:
        """Count a stream that ended before it came to an outcome or an error."""
        if not self._counted:
            self.gone()

    def elapsed(self) -> float:
        """Seconds since receipt."""
        return _now() - self.received

    def _count(self, *, plan: str = "", verdict: str = "", error: str = "") -> None:
        self._counted = True
        self.gateway.metrics.requests_of(plan, verdict, error).inc()
