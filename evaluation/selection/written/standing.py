"""Choices by tests that a model wrote beside choices without tests, paired by problem.

Each is held against others among the same samples, and against what these choose among more of
them for the same FLOPs, since tests have to be paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from statistics import mean
from typing import Any, Final, Literal

import numpy as np

from evaluation.pools.errors import UnreadablePool
from evaluation.selection.curves import Curve, Mixed
from evaluation.selection.measuring import BLIND, KS, Chosen, GreedyAnswers, Way, chosen
from evaluation.selection.recorded import SelectionProblem, Sight
from evaluation.selection.standings import (
    SelectorRow,
    bootstrapped,
    known_mean,
    mean_of,
    selector_row,
)
from evaluation.selection.written.measuring import SELECTED_BY, chosen_by_tests, flops_of_tests
from evaluation.selection.written.recorded import Examined, Written
from policies.cost import CostModel
from policies.selection.examined import SAMPLES
from policies.values import HOLDS

LEVELS: Final = tuple(sorted({*KS, 2, 15, 30, 40}))
"""Samples that a curve without tests has a point for, as far as there are so many."""

RIVALS: Final[Mapping[Sight, tuple[tuple[str, Sight], ...]]] = {
    Sight.USED: (
        ("nll", Sight.STRIPPED),
        ("agreement", Sight.NOT_USED),
        ("examples", Sight.USED),
    ),
    Sight.STRIPPED: (("nll", Sight.STRIPPED), ("agreement", Sight.STRIPPED)),
}
"""What tests have to beat, by whether who wrote them saw the examples of the prompt."""


@dataclass(frozen=True, slots=True)
class Against:
    """How far a choice by tests is ahead of another one, at as many samples or at as many FLOPs."""

    rival: str
    examples: str
    equal: Literal["samples", "flops"]
    k: float
    selected: float
    ahead: float
    ahead_low: float
    ahead_high: float
    ahead_plus: float | None


@dataclass(frozen=True, slots=True)
class WrittenRow:
    """One selector by the tests of one model; `tests_calls` of its large calls are the tests'.

    Where samples of answers alone buy no such level, it is held against none at equal FLOPs.
    """

    tests_by: str
    tests: int
    tests_calls: float
    row: SelectorRow
    against: tuple[Against, ...]

    def to_json(self) -> dict[str, Any]:
        """As `written.json` has it: like the other rows, and more."""
        own = {"tests_by": self.tests_by, "tests": self.tests, "tests_calls": self.tests_calls}
        return {**asdict(self.row), **own, "against": [asdict(each) for each in self.against]}


@dataclass(frozen=True, slots=True)
class Standing:
    """What rows are made of: the pools of tests, each with its problems, and what costs."""

    written: Sequence[tuple[Written, tuple[Examined, ...]]]
    models: Sequence[str]
    cost: CostModel
    large: GreedyAnswers

    @property
    def problems(self) -> list[SelectionProblem]:
        """Those that all have tests of."""
        return [one.problem for one in self.written[0][1]]

    def rows(self, advance: Callable[[int, str], None]) -> Iterator[WrittenRow]:
        """Every pool, model, selector and number of samples."""
        curves = dict[tuple[str, str, Sight], Curve]()
        for (written, problems), model in product(self.written, self.models):
            rivals = [(model, *rival) for rival in RIVALS[written.sight]]
            for rival in rivals:
                if rival not in curves:
                    curves[rival] = self._curve(*rival)
                    advance(1, rival[1])
            for name, k in product(SELECTED_BY, KS[1:]):
                way = Way(model, name, written.sight, k)
                found = chosen_by_tests(problems, written, self.cost, way)
                if found is not None:
                    yield self._row(written, problems, way, found, [curves[one] for one in rivals])
                advance(1, name)

    @property
    def steps(self) -> int:
        """How much `advance` will be told in all."""
        rivals = {rival for written, _ in self.written for rival in RIVALS[written.sight]}
        ways = len(self.written) * len(SELECTED_BY) * len(KS[1:])
        return (len(rivals) + ways) * len(self.models)

    def _curve(self, model: str, name: str, sight: Sight) -> Curve:
        found = ((k, chosen(self.problems, self.cost, Way(model, name, sight, k))) for k in LEVELS)
        levels = {k: each for k, each in found if each is not None}
        return Curve(name, sight, tuple(levels), tuple(levels.values()))

    def _row(
        self,
        written: Written,
        problems: Sequence[Examined],
        way: Way,
        found: Chosen,
        rivals: Sequence[Curve],
    ) -> WrittenRow:
        tests = [flops_of_tests(one, written, self.cost, way.model) for one in problems]
        return WrittenRow(
            written.model,
            SAMPLES,
            mean(tests) / float(self.large.flops.mean()),
            selector_row(way, found, self.large, sees=True),
            tuple(each for rival in rivals for each in _against(found, way.k, rival)),
        )


def _against(found: Chosen, k: int, rival: Curve) -> Iterator[Against]:
    """Both comparisons, as far as the samples go."""
    level = rival.levels[rival.ks.index(k)]
    yield _compared(found, rival, "samples", Mixed(float(k), level.success, level.plus))
    try:
        mixed = rival.at(float(found.flops.mean()))
    except UnreadablePool:  # there are too few samples to spend as much
        return
    yield _compared(found, rival, "flops", mixed)


def _compared(
    found: Chosen, rival: Curve, equal: Literal["samples", "flops"], other: Mixed
) -> Against:
    ahead = bootstrapped(found.success - other.success, mean_of)
    return Against(
        rival.selector,
        "-" if rival.selector in BLIND else rival.sight.value,
        equal,
        other.k,
        float(other.success.mean()),
        *(ahead.value, ahead.low, ahead.high),
        known_mean(found.plus - other.plus),
    )


def told_of(written: Written, problems: Sequence[Examined]) -> dict[str, Any]:
    """What a pool of tests is, and how much of it can be run.

    `right` is the share of its asserts that hold for most of the answers that pass the second
    tests (the first where there are none), over the problems that have such answers.
    """
    shares = [share for one in problems if (share := _right(one)) is not None]
    return {
        "model": written.model,
        "examples": written.sight.value,
        "samples": min(len(one.draws.tokens) for one in problems),
        "tokens": mean(mean(one.draws.tokens) for one in problems),
        "prompt_tokens": mean(one.draws.prompt_tokens for one in problems),
        "asserts": mean(len(one.asserts) for one in problems),
        "without_asserts": sum(not one.asserts for one in problems),
        "right": mean(shares) if shares else None,
    }


def _right(one: Examined) -> float | None:
    answers = [
        each
        for model in one.problem.models.values()
        for each in model.samples
        if each.id in (model.passed if model.plus is None else model.plus)
    ]
    if not answers or not one.asserts:
        return None
    held = [[one.outputs[each.id].get(text) == HOLDS for text in one.asserts] for each in answers]
    return float((np.mean(held, axis=0) > 0.5).mean())  # noqa: PLR2004 most of them
