"""`budget-router evaluate replay`: what plans come to on recorded samples, side by side."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Final

import typer

from evaluation.calibration.calibrate import Calibrating, CannotCalibrate
from evaluation.calibration.ladders import WORTH
from evaluation.calibration.particles import TooFewProblems
from evaluation.calibration.replays.comparing import BUDGETS, Comparison, compare, fixed_alone
from evaluation.calibration.replays.folds import CannotSplit
from evaluation.calibration.replays.making import Making, by_artifact, by_folds, pools_told
from evaluation.calibration.replays.picture import draw_all
from evaluation.calibration.replays.problems import RecordedProblem, read_problems
from evaluation.calibration.replays.report import Measured
from evaluation.calibration.replays.table import to_markdown
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import CostsConfig, Dataset, Out
from evaluation.commands.common.prices import rates_of
from evaluation.commands.common.progress import PoolProgress
from evaluation.commands.common.recorded import Pools
from evaluation.pools.errors import PoolError
from policies.cost import CostModel, UnknownCost
from router.artifact.artifact import InvalidArtifact
from router.artifact.files import read_artifact

_KNOWN: Final = (
    *(PoolError, UnknownCost, TooFewProblems, CannotSplit),
    *(CannotCalibrate, InvalidArtifact, OSError),
)


def run(
    *,
    pools: Pools,
    dataset: Dataset,
    out: Out,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="What `calibrate` made, to be replayed as it is; by default, one for each fold.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Of these models, two or more; by default all.", show_default=False),
    ] = None,
    budget: Annotated[
        list[float] | None,
        typer.Option(
            help="In ceilings of one large call; by default 0.25 to 8.", show_default=False
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Orders of the samples.")] = 20,
    folds: Annotated[int, typer.Option(min=2, help="Of the problems, without --policy.")] = 5,
    split: Annotated[str, typer.Option(help="Another word parts them otherwise.")] = "0",
    worth: Annotated[
        float, typer.Option(min=0, help="As `calibrate` takes it, without --policy.")
    ] = WORTH,
    config: CostsConfig = None,
) -> None:
    """Replay every plan on recorded samples: the ladder, the cascade, fixed plans, and bounds."""
    rates, xs = rates_of(config), tuple(sorted(set(budget or BUDGETS)))
    if xs[0] <= 0:
        fail("a budget is a number of large calls, above 0")
    if policy is not None and model:
        fail("a policy is for its own models: give --policy or --model, not both")
    cost = CostModel(rates)
    with failing_on(*_KNOWN):
        artifact = None if policy is None else read_artifact(policy)
        if artifact is not None:
            artifact.check(rates)
        models = tuple(model or ()) if artifact is None else artifact.models
        problems = read_problems(pools, dataset, cost, models)
        if artifact is None:
            making = _by_folds(problems, pools, Calibrating(rates, worth=worth), folds, split)
        else:
            making = by_artifact(problems, pools, artifact, cost)
    for warning in making.warnings:
        typer.echo(f"budget-router: {warning}", err=True)
    compared = _replayed(problems, cost, making, xs, seeds)
    told = {"seeds": seeds, "pools": pools_told(pools, problems), **making.told}
    _write(Measured.of(compared, told), out)


def _by_folds(
    problems: tuple[RecordedProblem, ...],
    pools: Path,
    calibrating: Calibrating,
    count: int,
    split: str,
) -> Making:
    with PoolProgress("calibrating", count) as bar:
        return by_folds(
            *(problems, pools, calibrating),
            count=count,
            split=split,
            advance=bar.advance,
        )


def _replayed(
    problems: tuple[RecordedProblem, ...],
    cost: CostModel,
    making: Making,
    xs: tuple[float, ...],
    seeds: int,
) -> Comparison:
    """Everything, with a bar, and how fast it was."""
    started, runs = time.process_time(), 0
    total = len(problems) + len(making.tuning)
    with PoolProgress("replaying", total) as bar:

        def advance(more: int) -> None:
            nonlocal runs
            runs += more
            bar.advance(1, f"{runs:,} runs")

        elsewhere = None
        if making.tuning:
            elsewhere = fixed_alone(
                *(making.tuning, cost, making.folds[0].calibration, problems[0].dataset),
                xs=xs,
                seeds=seeds,
                advance=advance,
            )
        found = compare(
            *(problems, cost, making.folds),
            xs=xs,
            seeds=seeds,
            elsewhere=elsewhere,
            advance=advance,
        )
    seconds = time.process_time() - started
    each = 1000 * seconds / max(1, runs)
    typer.echo(f"{runs:,} runs in {seconds:.0f} s of one core, {each:.2f} ms each", err=True)
    return found


def _write(measured: Measured, out: Path) -> None:
    """The file, the pictures, and the table on standard output."""
    with failing_on(OSError):
        out.mkdir(parents=True, exist_ok=True)
        measured.write(out / "replay.json")
        paths = draw_all(measured, out)
    typer.echo(to_markdown(measured), nl=False)
    typer.echo(f"{out / 'replay.json'}, {', '.join(path.name for path in paths)}", err=True)
