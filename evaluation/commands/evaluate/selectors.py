"""`budget-router evaluate selectors`: what chooses how well among answers that no tests judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import CostsConfig, Dataset, Out
from evaluation.commands.common.prices import rates_of
from evaluation.commands.common.programs import run_programs
from evaluation.commands.common.progress import PoolProgress
from evaluation.commands.common.recorded import PAIR, Pools
from evaluation.datasets import BENCHMARKS
from evaluation.pools.errors import PoolError
from evaluation.selection.behaviour import Behaviours
from evaluation.selection.believing import fitted
from evaluation.selection.courses import by_length, steps, uncapped
from evaluation.selection.measuring import (
    BLIND,
    KS,
    NAMES,
    GreedyAnswers,
    Way,
    chosen,
    greedy_answers,
    needed_answers,
    sights_of,
)
from evaluation.selection.picture import draw_all
from evaluation.selection.plans import (
    WIDE,
    Came,
    Route,
    perform,
    shown_routes,
    sure_routes,
    wide_routes,
)
from evaluation.selection.recorded import SelectionProblem, Sight, read_selection
from evaluation.selection.standings import (
    PlanRow,
    SelectorRow,
    greedy_row,
    plan_rows,
    selector_row,
    to_json,
    to_markdown,
)
from evaluation.selection.written.recorded import Written, examined, read_written
from evaluation.selection.written.standing import Standing, told_of
from evaluation.selection.written.table import to_markdown as by_tests
from evaluation.writing import write_json
from policies.cost import CostModel, UnknownCost
from policies.ladder import CALL_TOKENS, Rung
from sandbox import SandboxError


def run(
    *,
    pools: Pools,
    dataset: Dataset,
    out: Out,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Two models, whose greedy answers are there.", show_default=False),
    ] = None,
    written: Annotated[
        list[Path] | None,
        typer.Option(
            help="What `evaluate write-tests` made: measure what chooses by these tests, and no "
            "more.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    config: CostsConfig = None,
) -> None:
    """Measure what chooses well among answers that no tests judge, and what plans make of it."""
    models = tuple(model or PAIR)
    if len(models) != 2 or len(set(models)) != 2:  # noqa: PLR2004 a small one and a large one
        fail("two models are compared: give --model twice, the smaller first")
    cost = CostModel(rates_of(config))
    with failing_on(PoolError, UnknownCost, SandboxError, OSError):
        first, second = (cost.ceiling(each, 1, 1, CALL_TOKENS) for each in models)
        if first > second:
            fail(f"{models[0]} costs more than {models[1]}: give the smaller first")
        tests = _written(written or (), pools, dataset)
        problems = read_selection(pools, dataset, models)
        if tests:
            _by_tests(tests, (problems, dataset, models), cost, out)
        else:
            _without_tests((problems, dataset, models), cost, out)


_Read: TypeAlias = tuple[Sequence[SelectionProblem], str, Sequence[str]]
"""The problems, of which data set they are, and the two models, the smaller first."""


def _without_tests(of: _Read, cost: CostModel, out: Path) -> None:
    """Measure selectors and plans that need none."""
    problems, dataset, models = of
    large = needed_answers(problems, cost, models[-1])
    answers = [greedy_answers(problems, cost, each) for each in models]
    behaviours = Behaviours(out / "outputs.jsonl")
    run_programs(problems, behaviours)
    problems = tuple(problem.with_outputs(behaviours) for problem in problems)
    sights = _sights(dataset, problems)
    rows = _rows(problems, cost, models, sights, large)
    greedy = [greedy_row(each, large) for each in answers if each is not None]
    came = _performed(problems, cost, models, sights)
    plans = _plans(problems, came, models)
    courses = _courses(problems, cost, came, models[-1])
    told = {**_told(dataset, problems, models), "courses": courses}
    write_json(out / "selectors.json", to_json(told, rows, greedy, plans))
    paths = draw_all(dataset, rows, plans, out)
    typer.echo(to_markdown(rows, plans), nl=False)
    typer.echo(f"{out / 'selectors.json'}, {', '.join(path.name for path in paths)}", err=True)


def _told(
    dataset: str, problems: Sequence[SelectionProblem], models: Sequence[str]
) -> dict[str, Any]:
    """What a file is about."""
    return {"dataset": dataset, "problems": len(problems), "basis": "exact", "models": models}


def _written(paths: Sequence[Path], pools: Path, dataset: str) -> list[Written]:
    """The tests of these pools; but those by who saw the very tests that judge are no result."""
    found = [read_written(path, pools, dataset) for path in paths]
    if any(each.sight is Sight.USED for each in found) and _shows_tests(dataset):
        fail(f"prompts of {dataset} show the tests that judge: write tests with --stripped")
    if len({(each.model, each.sight) for each in found}) < len(found):
        fail("two pools have tests of one model, asked in the same way: leave one out")
    return found


def _by_tests(written: Sequence[Written], of: _Read, cost: CostModel, out: Path) -> None:
    """Measure what chooses by tests that models wrote, on the problems that all have tests of."""
    answered, dataset, models = of
    behaviours = Behaviours(out / "outputs.jsonl")
    found = examined(answered, written)
    problems = [one.problem for one in found[0]]
    needed_answers(problems, cost, models[-1])
    run_programs([*problems, *(one for each in found for one in each)], behaviours)
    problems = [problem.with_outputs(behaviours) for problem in problems]
    beside = []
    for each, every in zip(written, found, strict=True):
        own = zip(every, problems, strict=True)
        beside.append((each, tuple(one.with_outputs(problem, behaviours) for one, problem in own)))
    standing = Standing(beside, models, cost, needed_answers(problems, cost, models[-1]))
    with PoolProgress("selectors", standing.steps) as bar:
        rows = list(standing.rows(bar.advance))
    greedy = (greedy_answers(problems, cost, model) for model in models)
    told = {
        **_told(dataset, problems, models),
        "written": [told_of(*each) for each in beside],
        "rows": [row.to_json() for row in rows],
        "greedy": [asdict(greedy_row(each, standing.large)) for each in greedy if each is not None],
    }
    write_json(out / "written.json", told)
    typer.echo(by_tests(rows), nl=False)
    typer.echo(str(out / "written.json"), err=True)


def _sights(dataset: str, problems: Sequence[SelectionProblem]) -> list[Sight]:
    """All; but without examples none are used, and such as are the tests that judge, neither."""
    examples = any(problem.tasks[Sight.USED].examples for problem in problems)
    used = examples and not _shows_tests(dataset)
    return [sight for sight in Sight if used or sight is not Sight.USED]


def _shows_tests(dataset: str) -> bool:
    """Whether prompts show the very tests that judge."""
    benchmark = BENCHMARKS.get(dataset)
    return benchmark is not None and benchmark.shows_tests


def _rows(
    problems: Sequence[SelectionProblem],
    cost: CostModel,
    models: Sequence[str],
    sights: Sequence[Sight],
    large: GreedyAnswers,
) -> list[SelectorRow]:
    wanted = [
        Way(model, name, sight, k)
        for model in models
        for name in NAMES
        for sight in sights_of(name)
        if sight in sights
        for k in KS
    ]
    rows = list[SelectorRow]()
    with PoolProgress("selectors", len(wanted)) as bar:
        for way in wanted:
            found = chosen(problems, cost, way)
            if found is not None:
                rows.append(selector_row(way, found, large, sees=way.selector not in BLIND))
            bar.advance(1, way.selector)
    return rows


def _performed(
    problems: Sequence[SelectionProblem],
    cost: CostModel,
    models: Sequence[str],
    sights: Sequence[Sight],
) -> dict[Sight, dict[Route, Came]]:
    """What comes of every route, under each sight."""
    small, large = models
    with PoolProgress("plans", len(problems) * len(sights)) as bar:
        return {
            sight: perform(
                *(problems, uncapped(cost, sight)),
                [
                    _greedy(large),
                    _greedy(small),
                    *wide_routes(large, WIDE[1]),
                    *wide_routes(small, WIDE[0]),
                    *sure_routes(small, large),
                    *(shown_routes(small, large) if sight is Sight.USED else ()),
                ],
                bar.advance,
            )
            for sight in sights
        }


def _greedy(model: str) -> Route:
    return Route((Rung(model, 1, 0.0),))


def _plans(
    problems: Sequence[SelectionProblem],
    came: Mapping[Sight, Mapping[Route, Came]],
    models: Sequence[str],
) -> list[PlanRow]:
    """The best plan of all, and of the large model alone, at each budget."""
    large = models[-1]
    rows = list[PlanRow]()
    for sight, every in came.items():
        alone = {
            route: each
            for route, each in every.items()
            if {rung.model for rung in route.rungs} == {large}
        }
        for family, own in (("any plan", every), (f"{large} alone", alone)):
            rows += plan_rows(problems, own, (family, sight), every[_greedy(large)])
    return rows


def _courses(
    problems: Sequence[SelectionProblem],
    cost: CostModel,
    came: Mapping[Sight, Mapping[Route, Came]],
    large: str,
) -> dict[str, Any]:
    """What budgets buy after prompts of every length, as an artifact takes it."""
    with PoolProgress("courses", steps(problems, came)) as bar:
        lengths = by_length(
            *(problems, cost, came, _greedy(large)),
            bar.advance,
        )
    found: dict[str, Any] = {"lengths": lengths}
    curves = fitted(problems, list(came))
    if curves.agreed is not None and curves.shown is not None:
        found["belief"] = {"agreed": curves.agreed, "shown": curves.shown}
    typer.echo(f"how well confidence tells right from wrong (AUC): {curves.auc}", err=True)
    return found
