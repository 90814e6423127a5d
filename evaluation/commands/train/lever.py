"""`budget-router train lever`: a verifier, learned from recorded answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import Dataset
from evaluation.commands.common.outputs import to_file
from evaluation.commands.common.progress import PoolProgress
from evaluation.commands.common.recorded import PAIR, Generators, Outputs, Pools
from evaluation.local.loading import LoadFailed
from evaluation.pools.errors import PoolError
from evaluation.selection.recorded import Sight
from evaluation.verifier.lessons import Lesson, lesson
from evaluation.verifier.model import AnswerVerifier
from evaluation.verifier.recorded import Observed
from evaluation.verifier.training import FOLDS, Trained, train

SIGHTS: Final = (Sight.NOT_USED, Sight.STRIPPED)
"""What is learned under. Outputs of examples are not among it: prompts may show what judges."""


def run(
    *,
    pools: Pools,
    dataset: Dataset,
    outputs: Outputs,
    out: Annotated[Path, typer.Option(help="The file to write.", metavar="FILE", callback=to_file)],
    model: Generators = None,
    seed: Annotated[int, typer.Option(help="Of weights and orders.")] = 0,
    licence: Annotated[str, typer.Option(help="What the file says of its licence.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over a file.")] = False,
) -> None:
    """Train a verifier, for the selector `lever`, on recorded answers (needs torch)."""
    if out.exists() and not force:
        fail(f"{out} is there already: --force writes over it")
    models = tuple(model or PAIR)
    with failing_on(PoolError, LoadFailed, OSError, ValueError):
        observed = Observed.read(pools, dataset, models, outputs)
        told = _told(observed, dataset, models, seed) | ({"licence": licence} if licence else {})
        verifier = _trained(observed, told, seed)
        out.parent.mkdir(parents=True, exist_ok=True)
        verifier.save(out)
    typer.echo(
        f"{out}: {len(verifier.networks)} networks, of {len(observed.problems)} problems "
        f"of {dataset}"
    )


def _trained(observed: Observed, told: dict[str, str], seed: int) -> AnswerVerifier:
    """Read every problem, and then train each network, with bars."""
    lessons = list[Lesson]()
    with PoolProgress("problems", len(observed.problems)) as bar:
        for problem, reading in zip(observed.problems, observed.readings, strict=True):
            lessons.append(lesson(problem, reading, SIGHTS, seed=seed))
            bar.advance()
    with PoolProgress("networks", FOLDS) as bar:

        def advance(trained: Trained) -> None:
            bar.advance(1, f"held-out loss {trained.loss:.3f} after {trained.epochs} epochs")

        return train(lessons, told, advance, seed=seed)


def _told(observed: Observed, dataset: str, models: tuple[str, ...], seed: int) -> dict[str, str]:
    """What a verifier's file says of where it comes from."""
    return {
        "dataset": dataset,
        "models": " ".join(models),
        "pools": " ".join(observed.pools),
        "problems": " ".join(problem.task_id for problem in observed.problems),
        "seed": str(seed),
    }
