"""Recorded answers with what their programs gave, and as a verifier reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from evaluation.calibration.replays.problems import find_models
from evaluation.pools.asked import read_problems
from evaluation.pools.errors import PoolError
from evaluation.pools.store import Pool
from evaluation.pools.view import read_view
from evaluation.selection.behaviour import Behaviours
from evaluation.selection.recorded import SelectionProblem, read_selection
from evaluation.verifier.lessons import Reading


class MissingOutputs(PoolError):
    """Programs of a pool that nobody has run; the message says how many, and what runs them."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Problems whose programs were run, each as a verifier reads it; `pools` are their hashes."""

    problems: tuple[SelectionProblem, ...]
    readings: tuple[Reading, ...]
    pools: tuple[str, ...]

    @classmethod
    def read(cls, directory: Path, dataset: str, models: Sequence[str], outputs: Path) -> Self:
        """From pools below a directory and a file of outputs. Raises `PoolError` and OSError."""
        bare = read_selection(directory, dataset, models)
        behaviours = Behaviours(outputs)
        missing = behaviours.missing(each for problem in bare for each in problem.subjects)
        if missing:
            raise MissingOutputs(
                f"{outputs} lacks what {len(missing)} programs of {dataset} give: "
                "budget-router evaluate selectors runs them"
            )
        found = find_models(directory, dataset)
        paths = [path for model in models for path in found[model]]
        prompts = {each.task_id: each.prompt for each in read_problems(Pool.open(paths[0])) or ()}
        problems = tuple(problem.with_outputs(behaviours) for problem in bare)
        readings = tuple(Reading.of(each, prompts[each.task_id]) for each in problems)
        return cls(problems, readings, tuple(read_view(path).content_hash for path in paths))
