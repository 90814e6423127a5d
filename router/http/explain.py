"""Tells what a run did: the plan's name, the `router` object and the response headers.

Every figure is computed from the same draws, so that they add up: the FLOPs of the candidates are
those of the commands, and these are what the ledger settled. A candidate's FLOPs are its own
tokens, its share of the prompt, and of what it took to rank it among others, or to write tests.
Cached tokens are those of a command's prompt, which its candidates share: the whole is the sum over
commands.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from policies.choosing import NAMES
from policies.cost import CostModel
from policies.forecast import Forecast
from policies.ladder import Found
from policies.protocol import Draw, Execute, Rank
from policies.selectors import FIM
from policies.values import NLL, Budget, Verdict
from router.gateway import Prepared
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.plan.samples import Sample
from router.plan.work import Errand, Work
from router.request import RouteRequest

_TOLD: Final = frozenset({FIM, *NAMES}) - {"first"}
"""What chose, where that took more than the order of drawing."""


def plan_label(
    draws: Iterable[RunningDraw], *, verified: bool, selected_by: str = "", counts: bool = True
) -> str:
    """What was drawn and what chose, such as `qwen2.5-coder-0.5b*4+tests`.

    What was never sent was not drawn.
    """
    drawn: dict[str, int] = {}
    for draw in _sent(draws):
        drawn[draw.model] = drawn.get(draw.model, 0) + draw.command.n
    parts = [f"{model}*{n}" if counts else model for model, n in drawn.items()]
    if verified:
        parts.append("tests")
    elif selected_by in _TOLD:
        parts.append(selected_by)
    return "+".join(parts)


def _sent(draws: Iterable[RunningDraw]) -> Iterator[RunningDraw]:
    return (draw for draw in draws if draw.sent)


def outcome_label(prepared: Prepared, outcome: Outcome, *, counts: bool = True) -> str:
    """The label of a plan that has ended."""
    return plan_label(
        outcome.draws,
        verified=prepared.task.verifiable,
        selected_by=outcome.choice.selected_by,
        counts=counts,
    )


def flops_used(outcome: Outcome, cost: CostModel) -> float | None:
    """FLOPs that the run spent; None where a model's FLOPs are unknown."""
    known = all(work.model is None or cost.knows(work.model) for work in outcome.work)
    return outcome.ledger.used if known else None


def cached_tokens(outcome: Outcome) -> int:
    """Prompt tokens of all draws that servers say they had not to compute."""
    return sum(draw.cached_tokens or 0 for draw in outcome.all_draws)


def response_headers(
    prepared: Prepared, outcome: Outcome, cost: CostModel, *, elapsed_s: float
) -> dict[str, str]:
    """The headers of a plain answer; `elapsed_s` is the time since receipt."""
    best = outcome.choice.candidates[0]
    headers = {
        "X-Router-Plan": outcome_label(prepared, outcome),
        "X-Router-Model": best.model,
        "X-Router-Samples": str(sum(draw.command.n for draw in _sent(outcome.draws))),
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


def _exact(value: float) -> str:
    """A number that reads back as itself, without an exponent where it is whole."""
    return f"{value:.0f}" if value.is_integer() else repr(value)


def router_object(
    prepared: Prepared, outcome: Outcome, cost: CostModel, *, elapsed_s: float
) -> dict[str, Any]:
    """Everything about a run, for `explain` and for the last chunk of a stream."""
    chosen = {candidate.id for candidate in outcome.choice.candidates[: prepared.request.n]}
    best = outcome.choice.candidates[0] if outcome.choice.candidates else None
    ranking = _ranking(outcome, cost)
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
            for draw in _sent(outcome.draws)
            for sample, flops in _shares(draw, cost, ranking)
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
        "first_token_ms": round(1000 * forecast.first.at(prompt), 1),
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


def headers_of_several(
    parts: Sequence[Prepared], outcomes: Sequence[Outcome], cost: CostModel, *, elapsed_s: float
) -> dict[str, str]:
    """The headers of an answer to several prompts: their sums, and every name that occurs.

    There is no overhead among them: while one plan waits, another works.
    """
    choices = [outcome.choice for outcome in outcomes if outcome.choice.candidates]
    draws = [draw for outcome in outcomes for draw in outcome.draws]
    headers = {
        "X-Router-Plan": plan_label(draws, verified=False),
        "X-Router-Model": _named(choice.candidates[0].model for choice in choices),
        "X-Router-Samples": str(sum(draw.command.n for draw in _sent(draws))),
        "X-Router-Selected-By": _named(choice.selected_by for choice in choices),
        "X-Router-Verdict": Verdict.UNVERIFIED.value,
        "X-Budget-Latency-Ms-Used": f"{elapsed_s * 1000:.1f}",
    }
    if (used := _flops_of_several(outcomes, cost)) is not None:
        headers["X-Budget-FLOPs-Used"] = _exact(used)
    return headers | budget_headers(parts[0].request)


def object_of_several(
    parts: Sequence[Prepared], outcomes: Sequence[Outcome], cost: CostModel, *, elapsed_s: float
) -> dict[str, Any]:
    """Everything about the plans of several prompts: the whole, and each with its own share."""
    budget = parts[0].budget
    return {
        "plan": plan_label((d for o in outcomes for d in o.draws), verified=False),
        "policy": parts[0].request.budget.policy,
        "budget": _shown(budget),
        "flops_used": _flops_of_several(outcomes, cost),
        "cached_tokens": sum(cached_tokens(outcome) for outcome in outcomes),
        "latency_ms_used": round(elapsed_s * 1000, 1),
        "prompts": [
            router_object(_with_share(part, outcome), outcome, cost, elapsed_s=elapsed_s)
            for part, outcome in zip(parts, outcomes, strict=True)
        ],
    }


def _named(names: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(names))


def _flops_of_several(outcomes: Sequence[Outcome], cost: CostModel) -> float | None:
    each = [flops_used(outcome, cost) for outcome in outcomes]
    known = [flops for flops in each if flops is not None]
    return math.fsum(known) if len(known) == len(each) else None


def _with_share(part: Prepared, outcome: Outcome) -> Prepared:
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
                "completion_tokens": [sample.tokens for sample in work.samples],
                "overrun": work.overrun,
            }
        case Errand(command=Rank(candidates=ranked, reviews=reviews), passes=passes):
            ids = [candidate.id for candidate in ranked]
            return {"candidates": ids, "reviews": reviews, "passes": len(passes)}
        case Errand(command=Execute(candidates=executed, inputs=inputs)) as errand:
            ids = [candidate.id for candidate in executed]
            return {"candidates": ids, "inputs": len(inputs), "asserts": errand.asserts}
        case _:
            return {}


def _ranking(outcome: Outcome, cost: CostModel) -> Mapping[int, float]:
    """What it took to rank each candidate: an even share of each ranking that it was in.

    Tests were written for all that was drawn.
    """
    drawn = [sample.id for draw in _sent(outcome.draws) for sample in draw.samples]
    shares = defaultdict[int, float](float)
    for work in outcome.work:
        match work.command:
            case Rank(candidates=candidates):
                for candidate in candidates:
                    shares[candidate.id] += work.flops(cost) / len(candidates)
            case Draw(for_tests=True, model=model) if cost.knows(model):
                for at in drawn:
                    shares[at] += work.flops(cost) / len(drawn)
            case _:
                pass
    return shares


def _shares(
    draw: RunningDraw, cost: CostModel, ranking: Mapping[int, float]
) -> Iterable[tuple[Sample, float | None]]:
    """Each sample with its own FLOPs, those of ranking it, and an even share of the other ones."""
    model, prompt_tokens = draw.model, draw.prompt_tokens
    if not cost.knows(model):
        return ((sample, None) for sample in draw.samples)
    own = [cost.decode(model, prompt_tokens, sample.tokens) for sample in draw.samples]
    shared = (draw.flops(cost) - sum(own)) / len(own)
    return (
        (sample, flops + shared + ranking.get(sample.id, 0.0))
        for sample, flops in zip(draw.samples, own, strict=True)
    )


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
