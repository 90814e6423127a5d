"""Problems as a calibration takes them: what each model did on each of them, and nothing of which.

A problem is a *particle*: it stands for problems like it, and a ladder is good if it does well on
all of them. Pools give verdicts and tokens, files of counts give verdicts alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np

from evaluation.pools.counts import Counts, read_counts
from evaluation.pools.errors import MixedPools, UnreadablePool
from evaluation.pools.schema import Identity, check_alike
from evaluation.pools.view import Bools, Floats, PoolView, ProblemView, read_view

COUNTS: Final = frozenset({".csv", ".jsonl"})
"""Endings of files that hold counts, and not pools."""

LEAST_PROBLEMS: Final = 20
"""Fewer say next to nothing: a rate of 50 % has an interval of 40 points then."""


class TooFewProblems(ValueError):
    """The models have too few problems in common; the message says how many there must be."""


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """Answers of one model to one problem: which passed (n,), and their tokens (n,) if counted.

    `held` (n,) is the part of the tests' checks that came out right, 0 where nobody counted.
    """

    passed: Bools
    tokens: Floats | None = None
    held: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One model's answers, an entry per problem; `greedy` is empty where it was not asked for.

    `temperature` is that of the samples, None where nobody said, as in counts; `sources` are hashes
    of what they were read from.
    """

    sampled: tuple[Recorded, ...]
    greedy: tuple[Recorded, ...] = ()
    temperature: float | None = None
    sources: tuple[str, ...] = ()

    @property
    def counted(self) -> bool:
        """Whether the tokens of every answer are known."""
        return all(each.tokens is not None for each in (*self.sampled, *self.greedy))

    @property
    def samples(self) -> int:
        """How many samples every problem has at least."""
        return min(len(each.passed) for each in self.sampled)

    def uncounted(self) -> Self:
        """The same without tokens: every sample costs as much as any other."""
        sampled = tuple(replace(each, tokens=None) for each in self.sampled)
        return replace(self, sampled=sampled, greedy=())

    def of(self, places: Sequence[int]) -> Self:
        """The answers to the problems at these places."""
        return replace(
            self,
            sampled=tuple(self.sampled[at] for at in places),
            greedy=tuple(self.greedy[at] for at in places) if self.greedy else (),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Particles:
    """The problems of one data set that all these models have answered."""

    dataset: str
    tasks: tuple[str, ...]
    arms: Mapping[str, Arm]

    @property
    def counted(self) -> bool:
        """Whether all tokens are known, so that costs are exact."""
        return all(arm.counted for arm in self.arms.values())

    def among(self, tasks: Collection[str]) -> Particles:
        """These problems only."""
        places = [at for at, task in enumerate(self.tasks) if task in tasks]
        kept = tuple(self.tasks[at] for at in places)
        return Particles(self.dataset, kept, {m: arm.of(places) for m, arm in self.arms.items()})


@dataclass(slots=True)
class _Answers:
    """What was read so far of a model: by problem, sampled and greedy."""

    sampled: dict[str, Recorded]
    greedy: dict[str, Recorded]
    temperature: float | None
    sources: tuple[str, ...]
    asked: tuple[Identity, ...] = ()


def read_particles(paths: Iterable[Path], models: Collection[str] = ()) -> list[Particles]:
    """The particles in pools and files of counts, a value per data set, of `models` or of all.

    A pool at temperature 0 holds greedy answers. Raises `PoolError`, also for pools of one data set
    whose models were not asked for the same, and `TooFewProblems` where
    models of a data set have fewer than `LEAST_PROBLEMS` problems in common.
    """
    found: dict[str, dict[str, _Answers]] = {}
    for path in paths:
        for dataset, model, answers in _read(path):
            if models and model not in models:
                continue
            known = found.setdefault(dataset, {}).get(model)
            found[dataset][model] = answers if known is None else _merged(known, answers, path)
    if not found:
        wanted = f" of {', '.join(models)}" if models else ""
        raise UnreadablePool(f"there is nothing here{wanted}: name pools or files of counts")
    return [_particles(dataset, by_model) for dataset, by_model in sorted(found.items())]


def _read(path: Path) -> Iterable[tuple[str, str, _Answers]]:
    if path.suffix in COUNTS and path.is_file():
        read = read_counts(path)
        content_hash = hashlib.sha256(path.read_bytes()).hexdigest()
        for counts in read:
            yield path.stem, counts.model, _of_counts(counts, content_hash)
        return
    view = read_view(path)
    yield view.identity.dataset, view.identity.model, _of_view(view)


def _of_counts(counts: Counts, content_hash: str) -> _Answers:
    sampled = {task: Recorded(np.arange(n) < c) for task, (n, c) in counts.counts.items()}
    return _Answers(sampled, {}, None, (content_hash,))


def _of_view(view: PoolView) -> _Answers:
    answers = {problem.task_id: _of_problem(problem) for problem in view.problems if problem.n}
    greedy, temperature = view.identity.greedy, view.identity.temperature
    sampled, greedy_answers = ({}, answers) if greedy else (answers, {})
    return _Answers(sampled, greedy_answers, temperature, (view.content_hash,), (view.identity,))


def _of_problem(problem: ProblemView) -> Recorded:
    judged = problem.judged
    tokens = problem.tokens[judged].astype(np.float64) if problem.counted else None
    checks, right = problem.checks[judged], problem.passed_checks[judged]
    held = np.where(checks > 0, right / np.maximum(checks, 1), 0.0)
    return Recorded(problem.passed[judged], tokens, held)


def _merged(known: _Answers, more: _Answers, path: Path) -> _Answers:
    """Sampled and greedy answers of one model, which come from two pools."""
    if (known.sampled and more.sampled) or (known.greedy and more.greedy):
        raise MixedPools(f"{path} holds answers of a model that another pool has answers of too")
    sampled = known if known.sampled else more
    return _Answers(
        sampled.sampled,
        known.greedy or more.greedy,
        sampled.temperature,
        (*known.sources, *more.sources),
        (*known.asked, *more.asked),
    )


def _particles(dataset: str, answers: Mapping[str, _Answers]) -> Particles:
    """Of the problems that every model has samples for; greedy answers where all have theirs."""
    check_alike(identity for each in answers.values() for identity in each.asked)
    common = [
        task
        for task in next(iter(answers.values())).sampled
        if all(task in each.sampled for each in answers.values())
    ]
    if len(common) < LEAST_PROBLEMS:
        raise TooFewProblems(
            f"{' and '.join(sorted(answers))} have {len(common)} problems of {dataset} in common: "
            f"a calibration needs {LEAST_PROBLEMS} (an interval of 40 points), better 150 (16)"
        )
    arms = {
        model: Arm(
            tuple(each.sampled[task] for task in common),
            tuple(each.greedy[task] for task in common)
            if all(task in each.greedy for task in common)
            else (),
            each.temperature,
            each.sources,
        )
        for model, each in answers.items()
    }
    return Particles(dataset, tuple(common), arms)
