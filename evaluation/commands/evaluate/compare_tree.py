"""`budget-router evaluate compare-tree`: tree search beside samples that cost as much."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import CostsConfig, Dataset, Out
from evaluation.commands.common.prices import rates_of
from evaluation.commands.common.programs import run_programs
from evaluation.commands.common.recorded import PAIR, Pools
from evaluation.pools.errors import PoolError
from evaluation.selection.behaviour import Behaviours
from evaluation.selection.measuring import greedy_answers
from evaluation.selection.standings import greedy_row
from evaluation.selection.tree.measuring import curve_rows, curves, tree_rows
from evaluation.selection.tree.picture import draw_figure
from evaluation.selection.tree.recorded import large_answers, read_trees, samples_of
from evaluation.selection.tree.table import to_markdown
from evaluation.writing import write_json
from policies.cost import CostModel, UnknownCost
from sandbox import SandboxError

Trees = Annotated[
    list[Path],
    typer.Option(metavar="DIR", help="A judged pool of `evaluate tree`; several of one model."),
]
Large = Annotated[str, typer.Option(help="Whose greedy answers are the unit of what is spent.")]


def run(
    *,
    tree: Trees,
    pools: Pools,
    dataset: Dataset,
    out: Out,
    large: Large = PAIR[-1],
    config: CostsConfig = None,
) -> None:
    """Compare tree search with samples that are chosen among for the same FLOPs."""
    cost = CostModel(rates_of(config))
    with failing_on(PoolError, UnknownCost, SandboxError, OSError):
        found = [read_trees(path) for path in tree]
        models = {trees.grove.manner.model for trees in found}
        tasks = found[0].tasks
        if len(models) > 1 or any(trees.tasks != tasks for trees in found):
            fail("trees that are compared must be of one model, and of the same problems")
        (model,) = models
        samples = samples_of(pools, dataset, model, tasks)
        behaviours = Behaviours(out / "outputs.jsonl")
        run_programs([*samples, *(each for trees in found for each in trees.problems)], behaviours)
        samples = tuple(problem.with_outputs(behaviours) for problem in samples)
        found = [
            replace(trees, problems=[each.with_outputs(behaviours) for each in trees.problems])
            for trees in found
        ]
        call = large_answers(pools, dataset, large, tasks, cost)
        drawn = curves(samples, cost, model)
        rows = [row for trees in found for row in tree_rows(trees, drawn, cost, call)]
        of_samples = curve_rows(model, drawn, call)
        answers = (greedy_answers(samples, cost, model), call)
        greedy = [greedy_row(each, call) for each in answers if each is not None]
        told = {
            "dataset": dataset,
            "problems": len(tasks),
            "basis": "exact",
            "searched": [asdict(trees.grove.manner) for trees in found],
            "trees": [asdict(row) for row in rows],
            "samples": [asdict(row) for row in of_samples],
            "greedy": [asdict(row) for row in greedy],
        }
        write_json(out / "tree.json", told)
        paths = draw_figure(dataset, of_samples, rows, greedy, out)
    typer.echo(to_markdown(rows), nl=False)
    typer.echo(f"{out / 'tree.json'}, {', '.join(path.name for path in paths)}", err=True)
