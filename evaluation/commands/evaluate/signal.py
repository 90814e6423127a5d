"""`budget-router evaluate signal`: what failures tell, beyond that they failed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from evaluation.calibration.calibrate import Calibrating, CannotCalibrate
from evaluation.calibration.particles import TooFewProblems, read_particles
from evaluation.calibration.signals.prediction import predictions
from evaluation.calibration.signals.revised import (
    ENDING,
    NothingRevised,
    Revised,
    revised,
)
from evaluation.calibration.signals.table import Signals
from evaluation.calibration.signals.use import compared
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import CostsConfig, Models, Out
from evaluation.commands.common.prices import rates_of
from evaluation.commands.common.progress import StepsProgress
from evaluation.pools.errors import PoolError
from evaluation.pools.view import PoolView, read_view
from evaluation.writing import write_json
from policies.cost import Rate

WORTH: Final = 0.1
"""Of success, of a large call: ladders are compared by FLOPs at equal success, so they are made
frugal. At a calibration's own price they differ by chance in what they spend on a last point."""

Pools = Annotated[list[Path], typer.Option(metavar="DIR", help="Pools, or directories of pools.")]


def run(
    *,
    pools: Pools,
    out: Out,
    model: Models = None,
    config: CostsConfig = None,
) -> None:
    """Measure what partial credit and revisions are worth, before a policy believes in them."""
    how = Calibrating(rates_of(config), worth=WORTH)
    with failing_on(PoolError, TooFewProblems, CannotCalibrate, NothingRevised, OSError):
        views = {path: read_view(path) for path in _pools(pools)}
        again = [view for view in views.values() if _is_revised(view)]
        fresh = {path: view for path, view in views.items() if not _is_revised(view)}
        particles = read_particles(list(fresh), model or ())
        names = how.models(set.intersection(*(set(each.arms) for each in particles)))
        with StepsProgress() as bars:
            predicted = [row for each in particles for row in predictions(each, names)]
            pairs = [(a, b) for a in particles for b in particles]
            steps = bars.counted(pairs, "ladders", len(pairs))
            lengths = {
                each.dataset: _prompt_tokens(each.dataset, fresh.values()) for each in particles
            }
            used = [compared(how, a, b, lengths[b.dataset]) for a, b in steps]
        signals = Signals(predicted, used, _revised(again, fresh.values(), how.rates))
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "signal.json", signals.to_json())
    typer.echo(signals.to_markdown(), nl=False)


def _is_revised(view: PoolView) -> bool:
    return view.identity.dataset.endswith(ENDING)


def _pools(paths: Sequence[Path]) -> list[Path]:
    """Pools as named, and all that are below other directories."""
    found: list[Path] = []
    for path in paths:
        below = sorted(each.parent for each in path.glob("**/pool.json"))
        if not below:
            fail(f"{path} has no pool")
        found += below
    return found


def _prompt_tokens(dataset: str, views: Collection[PoolView]) -> int:
    """The median length of its prompts, at which all its problems are costed."""
    counted = [
        problem.prompt_tokens
        for view in views
        if view.identity.dataset == dataset
        for problem in view.problems
        if problem.prompt_tokens > 0
    ]
    return int(np.median(counted)) if counted else 0


def _revised(
    again: Sequence[PoolView], fresh: Collection[PoolView], rates: Mapping[str, Rate]
) -> list[Revised]:
    """Each pool of revisions against the samples of its own model."""
    found = []
    for view in again:
        dataset, model = view.identity.dataset.removesuffix(ENDING), view.identity.model
        own = [
            other
            for other in fresh
            if (other.identity.dataset, other.identity.model) == (dataset, model)
            and not other.identity.greedy
        ]
        if not own:
            raise NothingRevised(f"there are no samples of {model} on {dataset} to compare with")
        found.append(revised(view, own[0], rates[model]))
    return found
