"""What problems are replayed with: calibrations by folds, or one artifact made elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.calibration.calibrate import Calibrating
from evaluation.calibration.particles import read_particles
from evaluation.calibration.replays.comparing import Fold
from evaluation.calibration.replays.folds import folds
from evaluation.calibration.replays.problems import RecordedProblem, find_models, read_problems
from evaluation.pools.errors import UnreadablePool
from evaluation.pools.store import Pool
from policies.cost import CostModel
from router.artifact.artifact import Artifact


@dataclass(frozen=True, slots=True, eq=False)
class Making:
    """Folds with their calibrations, and what a file must tell of them.

    `tuning` are problems of the data that an artifact was made from, for the fixed plans; empty
    where folds have each other. `warnings` are for people.
    """

    folds: tuple[Fold, ...]
    told: Mapping[str, Any]
    tuning: tuple[RecordedProblem, ...] = ()
    warnings: tuple[str, ...] = ()


def by_folds(
    problems: Sequence[RecordedProblem],
    directory: Path,
    calibrating: Calibrating,
    *,
    count: int,
    split: str,
    advance: Callable[[], None] = lambda: None,
) -> Making:
    """Every problem by a calibration of all folds but its own; `advance` is called for each.

    Raises `CannotSplit`, and what calibrating raises.
    """
    dataset, tasks = problems[0].dataset, [problem.task_id for problem in problems]
    parts = np.array(folds(tasks, count, split))
    pools = find_models(directory, dataset)
    models = tuple(problems[0].models)
    (particles,) = read_particles([path for name in models for path in pools[name]], models)
    made = []
    for fold in range(count):
        others = {task for task, part in zip(tasks, parts, strict=True) if part != fold}
        calibration = calibrating.calibration([particles.among(others)])
        made.append(Fold(parts == fold, calibration))
        advance()
    by_problem = dict(zip(tasks, parts.tolist(), strict=True))
    told = {
        "calibrated_on": [{"dataset": dataset, "problems": "those of the other folds"}],
        "folds": {"count": count, "split": split, "by_problem": by_problem},
    }
    return Making(tuple(made), told)


def by_artifact(
    problems: Sequence[RecordedProblem], directory: Path, artifact: Artifact, cost: CostModel
) -> Making:
    """All problems by one calibration, whatever it was made from. Raises `PoolError`.

    Fixed plans are tuned on the pools that it was made from, where they are in this directory.
    """
    dataset, models = problems[0].dataset, tuple(problems[0].models)
    tuning, warnings = list[RecordedProblem](), list[str]()
    for source in artifact.sources:
        try:
            found = read_problems(directory, source.dataset, cost, models)
        except UnreadablePool:
            warnings.append(
                f"{directory} has no pools of {source.dataset}, which the policy was made from: no "
                "fixed plan is tuned on it"
            )
            continue
        tuning += [problem for problem in found if problem.task_id in set(source.problems)]
    seen = {task for each in artifact.sources if each.dataset == dataset for task in each.problems}
    known = [problem.task_id for problem in problems if problem.task_id in seen]
    if known:
        warnings.append(
            f"{len(known)} of the {len(problems)} problems were seen when the policy was made: it "
            "looks better on them than it is. Leave --policy out for folds"
        )
    told = {
        "calibrated_on": [
            {"dataset": each.dataset, "problems": len(each.problems)} for each in artifact.sources
        ],
        "seen_problems": len(known),
        "folds": None,
    }
    everything = Fold(np.ones(len(problems), np.bool_), artifact.calibration())
    return Making((everything,), told, tuple(tuning), tuple(warnings))


def pools_told(directory: Path, problems: Sequence[RecordedProblem]) -> dict[str, list[str]]:
    """The hashes of what was replayed, by model."""
    paths = find_models(directory, problems[0].dataset)
    return {
        model: [Pool.open(path).content_hash() for path in paths[model]]
        for model in problems[0].models
    }
