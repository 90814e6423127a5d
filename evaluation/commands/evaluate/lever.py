"""`budget-router evaluate lever`: what a verifier's choice is worth on other problems."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import CostsConfig, Dataset, Out
from evaluation.commands.common.prices import rates_of
from evaluation.commands.common.progress import PoolProgress
from evaluation.commands.common.recorded import PAIR, Generators, Outputs, Pools
from evaluation.pools.errors import PoolError
from evaluation.selection.measuring import KS
from evaluation.selection.recorded import Sight
from evaluation.verifier.measuring import Trial
from evaluation.verifier.model import AnswerVerifier, UnreadableVerifier
from evaluation.verifier.picture import draw_figure
from evaluation.verifier.recorded import Observed
from evaluation.verifier.table import to_markdown
from evaluation.writing import write_json
from policies.cost import CostModel, UnknownCost
from router.verifier.verifying import located

SIGHTS: Final = (Sight.NOT_USED, Sight.STRIPPED)


def run(
    *,
    verifier: Annotated[
        Path, typer.Option(help="What `train lever` wrote, or `shipped`.", metavar="FILE")
    ],
    pools: Pools,
    dataset: Dataset,
    outputs: Outputs,
    out: Out,
    model: Generators = None,
    config: CostsConfig = None,
) -> None:
    """Measure the selector `lever` on recorded samples of problems that trained nothing."""
    models = tuple(model or PAIR)
    with failing_on(PoolError, UnreadableVerifier, UnknownCost, OSError):
        trained = AnswerVerifier.load(located(verifier))
        observed = Observed.read(pools, dataset, models, outputs)
        seen = set(trained.told.get("problems", "").split())
        if known := [each for each in observed.problems if each.task_id in seen]:
            fail(f"{verifier} was trained on {len(known)} of these problems: take another data set")
        trial = Trial(observed.problems, observed.readings, trained, CostModel(rates_of(config)))
        with PoolProgress("sets of samples", len(models) * len(SIGHTS) * len(KS)) as bar:
            rows = trial.rows(models, SIGHTS, bar.advance)
        greedy = trial.greedy_rows(models)
        told = {
            "dataset": dataset,
            "problems": len(observed.problems),
            "trained_on": trained.told.get("dataset"),
            "basis": "exact",
            "rows": [asdict(row) for row in rows],
            "greedy": [asdict(row) for row in greedy],
        }
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "lever.json", told)
        paths = draw_figure(dataset, rows, greedy, out)
    typer.echo(to_markdown(rows, greedy), nl=False)
    typer.echo(f"{out / 'lever.json'}, {', '.join(path.name for path in paths)}", err=True)
