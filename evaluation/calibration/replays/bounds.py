"""What nobody could do better who knew more than any plan can know: two clairvoyants.

Neither is replayed. The one knows how often each model passes a problem when it samples, and not
which sample will: it spends the cap on the draws that are best for that problem, at most one a
model, and nothing where no model ever passes. The other knows which recorded answers pass, and asks
for the cheapest of them, or for nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.calibration.effects import cut, draw_tokens
from evaluation.calibration.particles import Recorded
from evaluation.calibration.replay import RecordedSample
from evaluation.calibration.replays.entrants import WIDTHS
from evaluation.calibration.replays.problems import Averages, RecordedProblem
from policies.cost import CostModel
from policies.ladder import CALL_TOKENS
from policies.values import Verdict

RATES, OUTCOMES = "clairvoyant-rates", "clairvoyant-outcomes"

DIGITS: Final = 9
"""Of a probability: plans that differ by less succeed equally often, and the cheaper is better."""

TYPICAL_TOKENS: Final = 100
"""Of an answer, at which a token's share of the attention is taken."""


@dataclass(frozen=True, slots=True)
class _Share:
    """Samples of a model in one draw, which its first pass ends.

    `fails` is how likely none passes, `flops` what is expected to be spent, `whole` what must be
    there for it; `plus` is the part of passes that pass the second tests.
    """

    fails: float = 1.0
    flops: float = 0.0
    whole: float = 0.0
    plus: float = 0.0


def by_outcomes(problem: RecordedProblem, cost: CostModel, caps: Sequence[float]) -> list[Averages]:
    """Of one who knows which recorded answers pass (and of these which the second tests pass)."""
    plus = problem.plus or frozenset()
    passing = [
        (cost.draw(model, answers.prompt_tokens, [each.tokens]), each.text in plus)
        for model, answers in problem.models.items()
        for each in answers.all
        if _passes(each)
    ]
    cheapest = min((flops for flops, _ in passing), default=math.inf)
    cheapest_plus = min((flops for flops, truly in passing if truly), default=math.inf)
    return [
        Averages(1.0, float(cheapest_plus <= cap), cheapest) if cheapest <= cap else Averages()
        for cap in caps
    ]


def by_rates(problem: RecordedProblem, cost: CostModel, caps: Sequence[float]) -> list[Averages]:
    """Of one who knows how often each model passes, for each cap."""
    shares = (
        [_Share(), *_shares(problem, model, cost, max(caps, default=0.0))]
        for model in problem.models
    )
    plans = [
        (sum(each.whole for each in plan), _expected(plan)) for plan in itertools.product(*shares)
    ]
    return [_best(each for whole, each in plans if whole <= cap) for cap in caps]


def _best(plans: Iterable[Averages]) -> Averages:
    """The most successful, and the cheapest of those."""
    return max(plans, key=lambda plan: (round(plan.success, DIGITS), -plan.flops))


def _expected(plan: Sequence[_Share]) -> Averages:
    """Of draws one after another, until one has passed."""
    reached, plus, flops = 1.0, 0.0, 0.0
    for share in plan:
        flops += reached * share.flops
        plus += reached * (1 - share.fails) * share.plus
        reached *= share.fails
    return Averages(1 - reached, plus, flops)


def _shares(problem: RecordedProblem, model: str, cost: CostModel, most: float) -> Iterator[_Share]:
    """Of every width that `most` FLOPs buy; of a model that never passes, none."""
    answers = problem.models[model]
    recorded = cut(
        Recorded(
            passed=np.array([_passes(each) for each in answers.samples]),
            tokens=np.array([each.tokens for each in answers.samples], np.float64),
        )
    )
    tokens, passed = recorded.tokens, recorded.passed
    if tokens is None or not passed.any():
        return
    plus = problem.plus or frozenset()
    truly = sum(
        each.text in plus for each, right in zip(answers.samples, passed, strict=True) if right
    )
    prefill = cost.prefill(model, answers.prompt_tokens)
    token = cost.decode(model, answers.prompt_tokens, TYPICAL_TOKENS) / TYPICAL_TOKENS
    spoken = draw_tokens(recorded, max(WIDTHS))
    for width in WIDTHS:
        failing = width * float(tokens[~passed].mean()) if not passed.all() else 0.0
        whole = prefill + token * max(failing, spoken[width])
        if whole > most:
            return
        fails = float(1 - passed.mean()) ** width
        yield _Share(fails, prefill + token * spoken[width], whole, truly / float(passed.sum()))


def _passes(sample: RecordedSample) -> bool:
    """Within a large call's tokens."""
    judged = sample.judgement
    return judged is not None and judged.verdict is Verdict.PASSED and sample.tokens <= CALL_TOKENS
