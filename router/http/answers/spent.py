"""What a run has spent: as a whole, and each answer's share, so that the figures add up.

Every figure is computed from the same draws: the FLOPs of the answers are those of the commands,
and these are what the ledger settled. An answer's FLOPs are its own tokens, its share of the
prompt, and of what it took to rank it among others, or to write tests. Cached tokens are those of a
command's prompt, which its answers share: the whole is the sum over commands.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from policies.cost import CostModel
from policies.protocol import Draw, Rank
from router.plan.draws import RunningDraw
from router.plan.outcome import Outcome
from router.plan.samples import Sample


def flops_used(outcome: Outcome, cost: CostModel) -> float | None:
    """FLOPs that the run spent; None where a model's FLOPs are unknown."""
    known = all(work.model is None or cost.knows(work.model) for work in outcome.work)
    return outcome.ledger.used if known else None


def flops_of_several(outcomes: Iterable[Outcome], cost: CostModel) -> float | None:
    """FLOPs that several runs spent; None where a model's FLOPs are unknown."""
    each = [flops_used(outcome, cost) for outcome in outcomes]
    known = [flops for flops in each if flops is not None]
    return math.fsum(known) if len(known) == len(each) else None


def cached_tokens(outcome: Outcome) -> int:
    """Prompt tokens of all draws that servers say they had not to compute."""
    return sum(draw.cached_tokens or 0 for draw in outcome.all_draws)


def shares(outcome: Outcome, cost: CostModel) -> Iterator[tuple[RunningDraw, Sample, float | None]]:
    """Each sample that was drawn, with its draw and the FLOPs that it accounts for."""
    ranking = _ranking(outcome, cost)
    for draw in outcome.draws:
        if draw.sent:
            for sample, flops in _of_draw(draw, cost, ranking):
                yield draw, sample, flops


def _ranking(outcome: Outcome, cost: CostModel) -> Mapping[int, float]:
    """What it took to rank each candidate: an even share of each ranking that it was in.

    Tests were written for all that was drawn.
    """
    drawn = [sample.id for draw in outcome.draws if draw.sent for sample in draw.samples]
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


def _of_draw(
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
