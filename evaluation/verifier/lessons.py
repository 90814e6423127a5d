"""Recorded answers as a verifier sees them: sets that are drawn together, and who of them is right.

Sets have the sizes that are measured, since how many agree is another thing among 3 than among 20.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.selection.measuring import KS
from evaluation.selection.recorded import SelectionProblem, Sight
from evaluation.verifier.features import FEATURES, Behaving, Floats, Ints, annotated_kind
from evaluation.verifier.tokens import Buckets, program_buckets, prompt_buckets
from policies.values import Candidate

SETS: Final = 2
"""Of each problem's samples, for each size, model and sight."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A problem as a verifier reads it: its prompt, its programs, and what it says of a result.

    `places` are those of programs by their texts: samples that say the same have one.
    """

    task_id: str
    prompt: Buckets
    programs: tuple[Buckets, ...]
    places: Mapping[str, int]
    kind: str | None

    @classmethod
    def of(cls, problem: SelectionProblem, prompt: str) -> Reading:
        """With every program that was recorded."""
        answers = (each for answers in problem.models.values() for each in answers.all)
        texts = tuple(dict.fromkeys(each.text for each in answers))
        return cls(
            problem.task_id,
            prompt_buckets(prompt),
            tuple(map(program_buckets, texts)),
            {text: at for at, text in enumerate(texts)},
            annotated_kind(prompt, problem.trials.entry_point),
        )

    def at(self, drawn: Sequence[Candidate]) -> list[int]:
        """The places of candidates' programs."""
        return [self.places[each.text] for each in drawn]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One problem to learn from: a row per candidate of each set drawn.

    `at` is the place of its program in the reading, `right` is 1 where the tests passed.
    """

    reading: Reading
    at: Buckets
    features: Floats
    right: Floats


def lesson(
    problem: SelectionProblem, reading: Reading, sights: Iterable[Sight], *, seed: int = 0
) -> Lesson:
    """What there is to learn from a problem, under each of these sights."""
    at, right, rows = list[Buckets](), list[Floats](), list[Floats]()
    for sight in sights:
        for model, answers in problem.models.items():
            behaving = Behaving.of(answers.samples, problem.tasks[sight], reading.kind)
            places = np.array(reading.at(answers.samples))
            passed = np.array([float(each.id in answers.passed) for each in answers.samples])
            draw = random.Random(f"{seed}/{problem.task_id}/{model}")  # noqa: S311 repeats
            for k in KS:
                if k <= len(passed):
                    drawn = sets_of(draw, len(passed), k, SETS)
                    rows.append(behaving.features(drawn).reshape(-1, len(FEATURES)))
                    at.append(places[drawn.ravel()])
                    right.append(passed[drawn.ravel()])
    return Lesson(reading, np.concatenate(at), np.concatenate(rows), np.concatenate(right))


def sets_of(draw: random.Random, n: int, k: int, sets: int) -> Ints:
    """(sets, k) places of n samples, drawn without putting back within a set."""
    return np.array([draw.sample(range(n), k) for _ in range(sets)])
