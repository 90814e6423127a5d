"""Trees of a pool, and samples of the same problems, as they are compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.pools.errors import UnreadablePool
from evaluation.pools.store import Pool
from evaluation.selection.measuring import GreedyAnswers, needed_answers
from evaluation.selection.recorded import SelectionProblem, read_selection
from evaluation.selection.tree.grown import Grove
from evaluation.selection.tree.measuring import Trees
from policies.cost import CostModel


def read_trees(path: Path) -> Trees:
    """The judged trees of a pool. Raises `PoolError` and OSError."""
    identity = Pool.open(path).identity
    grove = Grove.read(path)
    problems = read_selection(path, identity.dataset, [identity.model])
    if not problems:
        raise UnreadablePool(f"{path} has no judged answer: budget-router evaluate judge {path}")
    if unknown := [each.task_id for each in problems if each.task_id not in grove.trees]:
        raise UnreadablePool(f"{path} does not say what the tree of {unknown[0]} cost")
    return Trees(identity.model, grove, problems)


def samples_of(
    directory: Path, dataset: str, model: str, tasks: Sequence[str]
) -> tuple[SelectionProblem, ...]:
    """What a model's samples of these problems are. Raises `PoolError`."""
    found = {each.task_id: each for each in read_selection(directory, dataset, [model])}
    if missing := [task for task in tasks if task not in found]:
        raise UnreadablePool(f"{directory} has no judged samples by {model} of {missing[0]}")
    return tuple(found[task] for task in tasks)


def large_answers(
    directory: Path, dataset: str, model: str, tasks: Sequence[str], cost: CostModel
) -> GreedyAnswers:
    """The greedy answers to these problems, in which FLOPs are told. Raises `PoolError`."""
    return needed_answers(samples_of(directory, dataset, model, tasks), cost, model)
