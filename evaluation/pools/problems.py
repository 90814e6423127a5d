"""The problems that a pool's samples answer, with the first tests or with the second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation import datasets
from evaluation.datasets import Problem
from evaluation.pools.asked import read_problems
from evaluation.pools.errors import MixedPools
from evaluation.pools.released import ENGINE as RELEASED
from evaluation.pools.released import prompts_hash
from evaluation.pools.store import Pool


def problems_of(pool: Pool, data: Path | None = None) -> tuple[Problem, ...]:
    """All problems of the pool's dataset, in order; `data` as `datasets.load` takes it.

    Released generations may answer a part of them, and are known by ids and prompts alone. Raises
    `UnknownDataset`, `DatasetUnavailable`, and `MixedPools` where the dataset is not what it was
    when the samples were drawn.
    """
    identity = pool.identity
    problems = datasets.load(identity.dataset, data)
    if identity.engine == RELEASED:
        return _of_released(pool, problems)
    found = datasets.content_hash(problems)
    if found != identity.dataset_sha256:
        raise MixedPools(
            f"{pool.path} answers another {identity.dataset}: its content hash was "
            f"{identity.dataset_sha256[:12]} and is {found[:12]} now; give the data it was drawn on"
        )
    return problems


@dataclass(frozen=True, slots=True)
class SecondTested:
    """The problems that have second tests, by task, and what of these tests is left out."""

    problems: Mapping[str, Problem]
    omissions: str


def second_problems_of(pool: Pool, data: Path | None = None) -> SecondTested:
    """The pool's problems with the second tests in place of their own, where there are some.

    `data` holds the second tests. Raises as `problems_of` does, and `DatasetUnavailable` where
    they are of other problems.
    """
    second = datasets.second_tests(pool.identity.dataset, data)
    others = {problem.task_id: problem for problem in second.problems}
    own = read_problems(pool) or problems_of(pool)
    both = [problem for problem in own if problem.task_id in others]
    wrong = [one.task_id for one in both if one.entry_point != others[one.task_id].entry_point]
    if wrong or not both:
        what = f"ask for another function in {wrong[0]}" if wrong else "have none of its tasks"
        raise datasets.DatasetUnavailable(
            f"the second tests of {pool.identity.dataset} do not match {pool.path}: they {what}"
        )
    return SecondTested(
        {one.task_id: replace(one, tests=others[one.task_id].tests) for one in both},
        second.omissions,
    )


def _of_released(pool: Pool, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    identity, known = pool.identity, {problem.task_id: problem for problem in problems}
    if missing := [task for task in identity.tasks if task not in known]:
        raise MixedPools(
            f"{pool.path} answers {len(missing)} tasks that {identity.dataset} does not have, the "
            f"first {missing[0]!r}: import it as the dataset that it answers"
        )
    answered = tuple(known[task] for task in identity.tasks)
    if prompts_hash((one.task_id, one.prompt) for one in answered) != identity.dataset_sha256:
        raise MixedPools(
            f"{pool.path} was imported with other prompts than those of {identity.dataset}: it can "
            "be neither judged nor scored by them; its imported verdicts stand"
        )
    return answered
