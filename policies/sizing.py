"""How large a draw may be: what fits into the FLOPs and the time that are left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from policies.cost import CostModel
from policies.values import NOTHING, Budget, BudgetTooSmall, ModelView, Remaining, Task

USEFUL_TOKENS: Final = 32
"""An answer cut shorter than this is rarely a program, so no draw goes below it."""


def least_tokens(task: Task) -> int:
    """The fewest tokens worth drawing for this task."""
    return min(task.max_tokens, USEFUL_TOKENS)


def useful_tokens(task: Task) -> int:
    """The fewest worth holding back for, or drawing as a further answer: half of what is asked for.

    Answers are mostly far shorter than their limit.
    """
    return max(least_tokens(task), task.max_tokens // 2)


def least_ceiling(task: Task, cost: CostModel, model: ModelView) -> float:
    """FLOPs to hold for the least that is worth drawing from a model: one short sample."""
    return cost.ceiling(model.id, model.reserved_tokens, 1, least_tokens(task))


def sized(
    task: Task,
    cost: CostModel,
    model: ModelView,
    *,
    n: int,
    left: Remaining,
    shortest: int,
    kept: int = 0,
) -> tuple[int, int] | None:
    """(samples, max_tokens) of the largest draw that fits what is left, None if none does.

    As many whole answers as fit, up to `n` and the batch limit; failing that one answer whose
    max_tokens is lowered, as far as `shortened` lets it. A whole answer must be paid for in full,
    but in time it has the usual length, and max_tokens is what there is the time for. The draw
    counts on so many tokens of its prompt as `kept` in a cache.
    """
    n, asked = min(n, model.max_batch), task.max_tokens
    paid, likely = (model.id, model.reserved_tokens), (model.id, model.prompt_tokens)
    if not math.isinf(left.flops):
        n = cost.samples_within(*paid, asked, left.flops, at_most=n, cached_tokens=kept)
    usual = cost.usual_tokens(model.id, asked)
    samples = cost.samples_in_time(*likely, usual, left.seconds, at_most=n)
    if samples:
        return samples, cost.tokens_in_time(*likely, samples, left.seconds, at_most=asked)
    most = asked
    if not math.isinf(left.flops):
        most = cost.tokens_within(*paid, left.flops, at_most=asked, cached_tokens=kept)
    tokens = shortened(cost, model, most=most, seconds=left.seconds, shortest=shortest)
    return None if tokens is None else (1, tokens)


def shortened(
    cost: CostModel, model: ModelView, *, most: int, seconds: float, shortest: int
) -> int | None:
    """The max_tokens of one answer of which `most` tokens can be paid; None where it is too short.

    Paid must be `shortest` at least. Time is enough for as many, or for a usual answer: who holds
    time back for one holds no more.
    """
    tokens = cost.tokens_in_time(model.id, model.prompt_tokens, 1, seconds, most)
    in_time = tokens >= min(shortest, cost.usual_tokens(model.id, most))
    return tokens if in_time and most >= shortest else None


def held_for(task: Task, cost: CostModel, model: ModelView, left: Remaining) -> Remaining:
    """What a useful answer of a model takes of what is left; nothing where that is too little.

    So it can be held back while others are drawn.
    """
    tokens, flops, latency_ms = useful_tokens(task), 0.0, 0.0
    if not math.isinf(left.flops):
        flops = cost.ceiling(model.id, model.reserved_tokens, 1, tokens)
    if not math.isinf(left.latency_ms):
        usual = cost.usual_tokens(model.id, tokens)
        latency_ms = 1000 * cost.seconds(model.id, model.prompt_tokens, 1, usual)
    fits = flops <= left.flops and latency_ms <= left.latency_ms
    return Remaining(flops, latency_ms) if fits else NOTHING


def require_affordable(
    task: Task, budget: Budget, cost: CostModel, models: Sequence[ModelView]
) -> None:
    """Raise `BudgetTooSmall` if not even one short sample of any of these models fits."""
    if budget.flops is None:
        return
    least = min(least_ceiling(task, cost, model) for model in models)
    if least > budget.flops:
        raise BudgetTooSmall(budget.flops, least)
