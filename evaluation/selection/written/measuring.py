"""What comes of a choice by tests that a model wrote, and what these cost beside the answers.

Of the samples of tests as many are taken, anew for each draw of answers, as the gateway asks for;
the selectors are its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from typing import Final

import numpy as np

from evaluation.selection.measuring import Chosen, Way, as_number, draw_flops, subsets
from evaluation.selection.recorded import Sight
from evaluation.selection.written.recorded import Examined, Written
from policies.cost import CostModel
from policies.estimators import pass_at_k
from policies.selection.choosing import SELECTORS
from policies.selection.examined import SAMPLES
from policies.values import Candidate, Examiner

SELECTED_BY: Final = ("codet", "b4")


def chosen_by_tests(
    problems: Sequence[Examined], written: Written, cost: CostModel, way: Way
) -> Chosen | None:
    """What comes of a way to choose; None where a problem has not so many samples."""
    if any(len(one.problem.models[way.model].samples) < way.k for one in problems):
        return None
    rows = [_of_problem(one, written, cost, way) for one in problems]
    return Chosen(*(np.array(column) for column in zip(*rows, strict=True)))


def _of_problem(one: Examined, written: Written, cost: CostModel, way: Way) -> tuple[float, ...]:
    problem, answers = one.problem, one.problem.models[way.model]
    examiner = Examiner(written.model, "", problem.trials.entry_point, SAMPLES)
    task = replace(problem.tasks[way.sight], examiner=examiner)
    selector = SELECTORS[way.selector].of(task)
    draw = random.Random(f"{problem.task_id}/{written.model}/tests/{way.k}")  # noqa: S311 repeats
    right, plus, seconds = list[bool](), list[float](), list[float]()
    for drawn in subsets(problem, way):
        tests = draw.sample(one.draws.checks, SAMPLES)
        best = selector.order(_knowing(one, drawn, tests)).candidates[0]
        right.append(bool(problem.passes(best, plus=False)))
        plus.append(as_number(problem.passes(best, plus=True)))
        runs = {c.text: problem.seconds[c.id] + one.seconds.get(c.id, 0.0) for c in drawn}
        seconds.append(sum(runs.values()))
    n, c = len(answers.samples), sum(each.id in answers.passed for each in answers.samples)
    flops = draw_flops(cost, way.model, answers, way.k) + flops_of_tests(
        one, written, cost, way.model
    )
    return mean(right), mean(plus), pass_at_k(n, c, way.k), c / n, flops, mean(seconds)


def _knowing(
    one: Examined, drawn: Sequence[Candidate], tests: Sequence[Sequence[str]]
) -> list[Candidate]:
    """Answers that were run on what these tests assert too, and on no other assert."""
    asserts = tuple(dict.fromkeys(text for each in tests for text in each))

    def run(candidate: Candidate) -> Candidate:
        given = one.outputs.get(candidate.id, {})
        held = {text: given[text] for text in asserts if text in given}
        return replace(candidate, outputs={**candidate.outputs, **held})

    return [run(candidate) for candidate in drawn]


def flops_of_tests(one: Examined, written: Written, cost: CostModel, model: str) -> float:
    """Mean FLOPs of the draw of tests for answers of a model.

    Its prompt goes on behind that of the answers: where one model wrote both, its server has this
    in its cache. A stripped prompt is another one, and computed in full.
    """
    shared = written.model == model and written.sight is Sight.USED
    cached = one.problem.models[model].prompt_tokens - 1 if shared else 0
    prompt_tokens = one.draws.prompt_tokens
    own = mean(cost.decode(written.model, prompt_tokens, tokens) for tokens in one.draws.tokens)
    return cost.prefill(written.model, prompt_tokens, cached) + SAMPLES * own
