"""Recorded problems that tests make up, and a calibration for them by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence

from world import COST

from evaluation.calibration.replay import RecordedSample
from evaluation.calibration.replays.problems import RecordedAnswers, RecordedProblem
from policies.ladder import Answers, Calibration, Domain, Interval, Ladder, Length, Rung
from policies.values import Verdict
from router.request import Judgement

PASSED, FAILED = (Judgement(verdict, "") for verdict in (Verdict.PASSED, Verdict.FAILED))

MODELS = ("small", "large")


def sample(name: str, tokens: int, *, passed: bool) -> RecordedSample:
    return RecordedSample(f"{name}\n", tokens, "stop", judgement=PASSED if passed else FAILED)


def problem(
    task_id: str = "made/0",
    *,
    small: Sequence[tuple[int, bool]] = ((50, False), (40, True)),
    large: Sequence[tuple[int, bool]] = ((60, True),),
    greedy: dict[str, tuple[int, bool]] | None = None,
    plus: frozenset[str] | None = None,
    prompt: int = 100,
    dataset: str = "made",
) -> RecordedProblem:
    """Answers by (tokens, passed); their names are MODEL/INDEX and MODEL/greedy."""
    models = {}
    for model, told in zip(MODELS, (small, large), strict=True):
        samples = tuple(sample(f"{model}/{at}", n, passed=p) for at, (n, p) in enumerate(told))
        alone = (greedy or {}).get(model)
        answer = None if alone is None else sample(f"{model}/greedy", alone[0], passed=alone[1])
        models[model] = RecordedAnswers(prompt, samples, answer)
    verdicts = {each.text: each.judgement for of in models.values() for each in of.all}
    return RecordedProblem(task_id, dataset, models, plus, verdicts)


def made(seed: int, samples: int = 12, *, covered: bool = True) -> RecordedProblem:
    """A problem by chance: of two passes of it about one is true."""
    draw = random.Random(seed)
    rate = draw.random() ** 2

    def told(n: int, rate: float) -> list[tuple[int, bool]]:
        return [(draw.randint(1, 120), draw.random() < rate) for _ in range(n)]

    small, large = told(samples, rate), told(samples // 2, rate**0.5)
    greedy = {model: told(1, rate)[0] for model in MODELS}
    found = problem(f"made/{seed}", small=small, large=large, greedy=greedy)
    passed = [s.text for of in found.models.values() for s in of.all if s.judgement is PASSED]
    plus = frozenset(text for text in passed if draw.random() < 0.5)
    return problem(
        *(f"made/{seed}",),
        small=small,
        large=large,
        greedy=greedy,
        plus=plus if covered else None,
    )


def ladder(calls: float, *rungs: Rung, success: float = 0.5) -> Ladder:
    return Ladder(calls, rungs, Interval(success, success / 2, 1.0), Interval(0.5, 0.0, 1.0))


def calibration(*ladders: Ladder, most: int = 100) -> Calibration:
    """For the data set `made`, its ladders as given, with and without a cache."""
    chosen = ladders or (
        ladder(0.2, Rung("small", 1, 0.0), Rung("small", 3, 0.8), success=0.4),
        ladder(1.0, Rung("small", 4, 0.8), Rung("large", 2, 0.8), Rung("small", 6, 0.8)),
    )
    lengths = (Length(100, chosen, chosen),)
    answers = {model: Answers(most // 2, most) for model in MODELS}
    domain = Domain("made", lengths, answers)
    return Calibration(MODELS, {"made": domain}, Domain("any", lengths, {}), {})


__all__ = ["COST", "MODELS", "calibration", "ladder", "made", "problem", "sample"]
