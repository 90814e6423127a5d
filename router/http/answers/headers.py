"""Which headers an answer has: the budget, echoed, and what its run did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policies.cost import CostModel
from policies.values import Verdict
from router.http.answers.labels import label_of_several, outcome_label
from router.http.answers.spent import flops_of_several, flops_used
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.preparing.prepared import Prepared
from router.request import RouteRequest


def response_headers(
    prepared: Prepared, outcome: Outcome, cost: CostModel, *, elapsed_s: float
) -> dict[str, str]:
    """The headers of a plain answer; `elapsed_s` is the time since receipt."""
    best = outcome.choice.candidates[0]
    headers = {
        "X-Router-Plan": outcome_label(prepared, outcome),
        "X-Router-Model": best.model,
        "X-Router-Samples": _drawn(outcome.draws),
        "X-Router-Selected-By": outcome.choice.selected_by,
        "X-Router-Verdict": best.verdict.value,
        "X-Budget-Latency-Ms-Used": f"{elapsed_s * 1000:.1f}",
        "X-Router-Overhead-Ms": f"{(elapsed_s - outcome.waited_s) * 1000:.2f}",
    }
    if (judgement := outcome.judgements.get(best.id)) is not None and judgement.integrity:
        headers["X-Router-Integrity"] = judgement.integrity
    if (used := flops_used(outcome, cost)) is not None:
        headers["X-Budget-FLOPs-Used"] = _exact(used)
    return headers | budget_headers(prepared.request)


def headers_of_several(
    parts: Sequence[Prepared], outcomes: Sequence[Outcome], cost: CostModel, *, elapsed_s: float
) -> dict[str, str]:
    """The headers of an answer to several prompts: their sums, and every name that occurs.

    There is no overhead among them: while one plan waits, another works.
    """
    choices = [outcome.choice for outcome in outcomes if outcome.choice.candidates]
    headers = {
        "X-Router-Plan": label_of_several(outcomes),
        "X-Router-Model": _named(choice.candidates[0].model for choice in choices),
        "X-Router-Samples": _drawn(draw for outcome in outcomes for draw in outcome.draws),
        "X-Router-Selected-By": _named(choice.selected_by for choice in choices),
        "X-Router-Verdict": Verdict.UNVERIFIED.value,
        "X-Budget-Latency-Ms-Used": f"{elapsed_s * 1000:.1f}",
    }
    if (used := flops_of_several(outcomes, cost)) is not None:
        headers["X-Budget-FLOPs-Used"] = _exact(used)
    return headers | budget_headers(parts[0].request)


def budget_headers(request: RouteRequest) -> dict[str, str]:
    """The effective budget, echoed."""
    budget = request.budget.budget
    headers = {"X-Budget-Policy": request.budget.policy}
    if budget.flops is not None:
        headers["X-Budget-FLOPs"] = _exact(budget.flops)
    if budget.latency_ms is not None:
        headers["X-Budget-Latency-Ms"] = _exact(budget.latency_ms)
    if budget.target is not None:
        headers["X-Budget-Target"] = _exact(budget.target)
    return headers


def _drawn(draws: Iterable[RunningDraw]) -> str:
    """How many samples; what was never sent was not drawn."""
    return str(sum(draw.command.n for draw in draws if draw.sent))


def _exact(value: float) -> str:
    """A number that reads back as itself, without an exponent where it is whole."""
    return f"{value:.0f}" if value.is_integer() else repr(value)


def _named(names: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(names))
