"""What the `router` object tells of a run: the plan, its commands and its candidates.

Its figures add up (`router.http.answers.spent`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from policies.cost import CostModel
from policies.forecast import Forecast
from policies.ladder import Found
from policies.protocol import Execute, Rank
from policies.values import NLL, Budget, Verdict
from router.http.answers.labels import label_of_several, outcome_label
from router.http.answers.spent import cached_tokens, flops_of_several, flops_used, shares
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.plan.samples import Sample
from router.plan.work import Errand, Work
from router.preparing.prepared import Prepared


def router_object(
    prepared: Prepared, outcome: Outcome, cost: CostModel, *, elapsed_s: float
) -> dict[str, Any]:
    """Everything about a run, for `explain` and for the last chunk of a stream."""
    chosen = {candidate.id for candidate in outcome.choice.candidates[: prepared.request.n]}
    best = outcome.choice.candidates[0] if outcome.choice.candidates else None
    return {
        "plan": outcome_label(prepared, outcome),
        "policy": prepared.request.budget.policy,
        "model": best.model if best else None,
        "selected_by": outcome.choice.selected_by,
        "verdict": (best.verdict if best else Verdict.UNVERIFIED).value,
        "budget": _shown(prepared.budget),
        "calibration": None if prepared.found is None else _foreseen(prepared.found),
        "max_tokens": prepared.task.max_tokens,
        "flops_used": flops_used(outcome, cost),
        "cached_tokens": cached_tokens(outcome),
        "confidence": outcome.choice.confidence,
        "latency_ms_used": round(elapsed_s * 1000, 1),
        "overhead_ms": round((elapsed_s - outcome.waited_s) * 1000, 2),
        "stopped_by": "deadline" if outcome.deadline_passed else "plan",
        "forecast": {id_: _forecast(prepared, id_) for id_ in prepared.forecasts},
        "commands": [
            _command(work, cost) | _expected(work, prepared.forecasts) for work in outcome.work
        ],
        "candidates": [
            _candidate(draw, sample, flops, outcome, chosen=sample.id in chosen)
            for draw, sample, flops in shares(outcome, cost)
        ],
    }


def _shown(budget: Budget) -> dict[str, float | None]:
    return {"flops": budget.flops, "latency_ms": budget.latency_ms, "target": budget.target}


def _foreseen(found: Found) -> dict[str, Any]:
    """What calibration says of the plan."""
    ladder = found.ladder
    return {
        "expected_success": ladder.success.value,
        "low": ladder.success.low,
        "high": ladder.success.high,
        "calls": ladder.calls,
        "expected_flops": None if found.call is None else ladder.spent.value * found.call,
        "ladder": str(ladder),
        "extrapolated": found.extrapolates or None,
    }


def _forecast(prepared: Prepared, model: str) -> dict[str, Any]:
    """What was expected of a model for one sample of this prompt, had it been drawn from."""
    forecast = prepared.forecasts[model]
    prompt = next((m.prompt_tokens for m in prepared.task.models if m.id == model), 0)
    return {
        "wait_ms": round(1000 * forecast.waits, 1),
        "first_token_ms": round(1000 * forecast.first_token(prompt), 1),
        "cached": round(forecast.cached, 3),
        "token_ms": round(1000 * forecast.step.at(forecast.busy + 1), 2),
        "usual_tokens": forecast.usual_tokens,
        "busy": forecast.busy,
    }


def _expected(work: Work, forecasts: Mapping[str, Forecast]) -> dict[str, Any]:
    """The milliseconds that a draw was expected to take at most; null where nobody knew."""
    if not isinstance(work, RunningDraw):
        return {}
    forecast, draw = forecasts.get(work.model), work.command
    if forecast is None:
        return {"forecast_ms": None}
    seconds = forecast.seconds(work.prompt_tokens, draw.n, draw.max_tokens)
    return {"forecast_ms": round(1000 * seconds, 1)}


def object_of_several(
    parts: Sequence[Prepared], outcomes: Sequence[Outcome], cost: CostModel, *, elapsed_s: float
) -> dict[str, Any]:
    """Everything about the plans of several prompts: the whole, and each with its own share."""
    budget = parts[0].budget
    return {
        "plan": label_of_several(outcomes),
        "policy": parts[0].request.budget.policy,
        "budget": _shown(budget),
        "flops_used": flops_of_several(outcomes, cost),
        "cached_tokens": sum(cached_tokens(outcome) for outcome in outcomes),
        "latency_ms_used": round(elapsed_s * 1000, 1),
        "prompts": [
            router_object(_with_share(part, outcome), outcome, cost, elapsed_s=elapsed_s)
            for part, outcome in zip(parts, outcomes, strict=True)
        ],
    }


def _with_share(part: Prepared, outcome: Outcome) -> Prepared:
    if part.budget.flops is None:  # a target has a limit of its own
        return part
    limit = outcome.ledger.limit
    flops = limit if math.isfinite(limit) else None
    return replace(part, budget=replace(part.budget, flops=flops))


def _command(work: Work, cost: CostModel) -> dict[str, Any]:
    """What was asked for and what it came to; what every kind of work has, and its own."""
    known = work.model is None or cost.knows(work.model)
    return {
        "command": type(work.command).__name__.lower(),
        "ticket": work.ticket,
        "model": work.model,
        **_details(work),
        "sent": work.sent,
        "flops_reserved": work.hold.ceiling if known else None,
        "flops": work.flops(cost) if known else None,
        "failure": None if work.failure is None else str(work.failure),
    }


def _details(work: Work) -> dict[str, Any]:
    match work:
        case RunningDraw(command=draw):
            return {
                "reason": draw.reason,
                "for_tests": draw.for_tests,
                "n": draw.n,
                "max_tokens": draw.max_tokens,
                "temperature": draw.temperature,
                "top_p": draw.top_p,
                "prompt_tokens": work.prompt_tokens,
                "cached_tokens": work.cached_tokens,
                "counted_on_cached": work.counted_on,
                "completion_tokens": work.computed_tokens,
                "unseen_tokens": work.unseen_tokens,
                "overrun": work.overrun,
            }
        case Errand(command=Rank(candidates=ranked, reviews=reviews), passes=passes):
            ids = [candidate.id for candidate in ranked]
            told = {"candidates": ids, "reviews": reviews, "passes": len(passes)}
            return {**told, "pass_tokens": [list(each) for each in passes]}
        case Errand(command=Execute(candidates=executed, inputs=inputs)) as errand:
            ids = [candidate.id for candidate in executed]
            return {"candidates": ids, "inputs": len(inputs), "asserts": errand.asserts}
        case _:
            return {}


def _candidate(
    draw: RunningDraw, sample: Sample, flops: float | None, outcome: Outcome, *, chosen: bool
) -> dict[str, Any]:
    judgement = outcome.judgements.get(sample.id)
    known = next((c.scores for c in outcome.choice.candidates if c.id == sample.id), sample.scores)
    return {
        "id": sample.id,
        "ticket": draw.ticket,
        "model": draw.model,
        "prompt_tokens": draw.prompt_tokens,
        "cached_tokens": draw.cached_tokens,
        "completion_tokens": sample.tokens,
        "flops": flops,
        "finish_reason": sample.ending,
        "partial": sample.partial,
        "nll": sample.nll,
        "scores": {name: score for name, score in known.items() if name != NLL},
        "trimmed": sample.trimmed or None,
        "verdict": (judgement.verdict if judgement else Verdict.UNVERIFIED).value,
        "status": judgement.status if judgement else None,
        "integrity": judgement.integrity if judgement else None,
        "message": judgement.message if judgement else "",
        "checks": judgement.checks if judgement else None,
        "passed_checks": judgement.passed_checks if judgement else None,
        "chosen": chosen,
    }
