"""`budget-router calibrate`: a policy from pools."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.console import Console
from rich.table import Column

from evaluation.calibration.calibrate import (
    USUAL_TEMPERATURE,
    Basis,
    Calibrating,
    CannotCalibrate,
)
from evaluation.calibration.ladders import WORTH
from evaluation.calibration.particles import (
    COUNTS,
    Particles,
    TooFewProblems,
    read_particles,
)
from evaluation.calibration.published import published_effects
from evaluation.commands.common.courses import MeasuredCourses
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import CostsConfig, Models
from evaluation.commands.common.outputs import to_file
from evaluation.commands.common.plans import legend, letters_of, short
from evaluation.commands.common.prices import rates_of
from evaluation.commands.common.progress import PoolProgress
from evaluation.commands.common.tables import folding
from evaluation.paper.published import CODE_LLAMA, LLAMA_3
from evaluation.pools.errors import PoolError
from evaluation.writing import write_whole
from policies.cost import Rate
from policies.ladder import Calibration
from router.artifact.artifact import Artifact, Source
from router.artifact.courses import CoursesJson
from router.artifact.files import text_of
from router.upstream.sizes.architecture import UnknownArchitecture, from_config_json

Pools = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="POOL",
        help="Pools, directories of pools, or files of counts (problem,model,n,c).",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option(help="The policy's file.", metavar="FILE", callback=to_file)]
Configs = Annotated[
    list[str] | None,
    typer.Option(
        "--config-json",
        metavar="MODEL=FILE",
        help="The sizes of a model that is not known by name.",
        show_default=False,
    ),
]
Like = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND=DATASET",
        help="What requests of a kind are like: `text` continues a program, `chat`, `fill`.",
        show_default=False,
    ),
]
BasisOption = Annotated[
    Literal["exact", "paper"] | None,
    typer.Option(help="What a sample costs; by default exact where tokens were counted."),
]

_LIKE: Final[Mapping[str, str]] = {"text": "humaneval"}
"""Of kinds that nobody names, where that data set is read."""

_KINDS: Final = ("text", "chat", "fill")
"""Of requests, as policies tell them apart."""

_PAPER_BENCHMARKS: Final = ("humaneval", "mbpp")


def run(
    pools: Pools = None,
    *,
    out: Out = Path("policy.json"),
    model: Models = None,
    basis: BasisOption = None,
    worth: Annotated[
        float, typer.Option(min=0, help="Success that a large call more must bring.")
    ] = WORTH,
    like: Like = None,
    tables: Annotated[
        Literal["paper"] | None,
        typer.Option("--from", help="From the paper's tables: Code Llama, or as --model says."),
    ] = None,
    selectors: Annotated[
        Path | None,
        typer.Option(
            help="What `evaluate selectors` measured: courses for tasks without tests.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    config: CostsConfig = None,
    config_json: Configs = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file.")] = False,
) -> None:
    """Make a policy from pools: the ladders that spend every budget best, for `auto` to climb."""
    _check_out(out, force=force)
    named = _kinds(like or [])
    courses = None if selectors is None else MeasuredCourses.read(selectors)
    rates = {**rates_of(config), **_sizes(config_json or [])}
    how = Calibrating(rates, basis or "exact", worth, {**_LIKE, **named})
    if tables is not None:
        if pools:
            fail("give pools or --from paper, not both")
        if basis == "exact":
            fail("--from paper has no tokens, which --basis exact counts: leave --basis out")
        _check_like(named, _PAPER_BENCHMARKS)
        artifact = _of_paper(model or CODE_LLAMA, replace(how, basis="paper"), courses)
    else:
        artifact = _of_pools(_pools(pools or []), model or [], basis, how, named, courses)
    with failing_on(OSError):
        write_whole(out, text_of(artifact).encode())
    _show(artifact.calibration())
    for each in artifact.assumptions:
        typer.echo(f"assumed: {each}", err=True)
    typer.echo(f"{out}: ladders for {', '.join(artifact.models)}", err=True)


def _check_out(out: Path, *, force: bool) -> None:
    """What can be known of it before all is calibrated that is to be written there."""
    if out.exists() and not force:
        fail(f"{out} is there already: give another --out, or --force to write over it")
    if not out.parent.is_dir():
        fail(f"{out.parent} is no directory: make it, or give another --out")


def _kinds(like: Sequence[str]) -> dict[str, str]:
    """What kinds of request were said to be like."""
    found: dict[str, str] = {}
    for each in like:
        kind, _, dataset = each.partition("=")
        if kind in found:
            fail(f"--like says what {kind} is like twice ({found[kind]} and {dataset}): give one")
        found[kind] = dataset
    return found


def _check_like(named: Mapping[str, str], datasets: Collection[str]) -> None:
    for kind, dataset in named.items():
        if kind not in _KINDS or dataset not in datasets:
            fail(
                f"--like takes KIND=DATASET with {', '.join(_KINDS)} for a kind, and a data set "
                f"that is read ({', '.join(sorted(datasets))}), not {kind}={dataset}"
            )


def _check_models(models: Collection[str], particles: Sequence[Particles]) -> None:
    """A model that is named is not left out in silence."""
    for each in particles:
        if missing := [model for model in models if model not in each.arms]:
            fail(
                f"there is nothing of {', '.join(missing)} on {each.dataset}: name models that "
                f"every data set has; this one has {', '.join(sorted(each.arms))}"
            )


def _of_pools(  # noqa: PLR0917 what was asked
    paths: Sequence[Path],
    models: Sequence[str],
    basis: Basis | None,
    how: Calibrating,
    named: Mapping[str, str],
    courses: MeasuredCourses | None,
) -> Artifact:
    with failing_on(PoolError, TooFewProblems, CannotCalibrate, OSError):
        particles = read_particles(paths, models)
        _check_like(named, {each.dataset for each in particles})
        _check_models(models, particles)
        names = how.common(particles)
        if courses is not None:
            courses.check(names)
        if basis is None:
            counted = all(each.counted for each in particles)
            how = replace(how, basis="exact" if counted else "paper")
        with PoolProgress("calibrate", how.steps(len(particles))) as bar:
            how = replace(how, advance=bar.advance)
            calibration = how.calibration(particles)
    sources = [_source(each, calibration.models) for each in particles]
    return _artifact(calibration, how, courses, sources=sources)


def _of_paper(models: Sequence[str], how: Calibrating, courses: MeasuredCourses | None) -> Artifact:
    if unknown := sorted(set(models) - {*CODE_LLAMA, *LLAMA_3}):
        fail(f"the paper has no {', '.join(unknown)}; it has {', '.join((*CODE_LLAMA, *LLAMA_3))}")
    with failing_on(CannotCalibrate):
        names = how.models(dict.fromkeys(models))
        if courses is not None:
            courses.check(names)
        found, told = {}, []
        for benchmark in _PAPER_BENCHMARKS:
            found[benchmark], assumed = published_effects(benchmark, names)
            told += assumed
        with PoolProgress("calibrate", how.steps(len(found))) as bar:
            how = replace(how, advance=bar.advance)
            calibration = how.of_effects(names, dict.fromkeys(names, USUAL_TEMPERATURE), found)
    return _artifact(calibration, how, courses, sources=[], assumptions=told)


def _pools(paths: Sequence[Path]) -> list[Path]:
    """Pools and files of counts as named, and all that is below other directories."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir() and not (path / "pool.json").exists():
            below = sorted(each.parent for each in path.glob("**/pool.json"))
            if not below:
                fail(f"{path} has no pool, nor has a directory in it")
            found += below
        elif path.is_file() and path.suffix not in COUNTS:
            fail(f"{path} is no file of counts: these end in {' or '.join(sorted(COUNTS))}")
        elif path.exists():
            found.append(path)
        else:
            fail(f"{path} is not there: name a pool, a directory of pools, or a file of counts")
    if not found:
        fail("name pools, or files of counts that end in " + " or ".join(sorted(COUNTS)))
    return found


def _sizes(given: Sequence[str]) -> dict[str, Rate]:
    found: dict[str, Rate] = {}
    for each in given:
        name, equals, path = each.partition("=")
        if not (name and equals and path):
            fail(f"--config-json takes MODEL=FILE, not {each!r}")
        with failing_on(UnknownArchitecture, OSError):
            found[name] = from_config_json(Path(path))
    return found


def _artifact(
    calibration: Calibration,
    how: Calibrating,
    courses: MeasuredCourses | None,
    *,
    sources: Sequence[Source],
    assumptions: Sequence[str] = (),
) -> Artifact:
    return Artifact.of(
        calibration,
        how.rates,
        basis=how.basis,
        sources=sources,
        assumptions=assumptions,
        without_tests=CoursesJson() if courses is None else courses.courses,
    )


def _source(particles: Particles, models: Sequence[str]) -> Source:
    arms = {model: particles.arms[model] for model in models}
    return Source(
        dataset=particles.dataset,
        problems=particles.tasks,
        pools={model: arm.sources for model, arm in arms.items()},
        samples={model: arm.samples for model, arm in arms.items()},
    )


def _show(calibration: Calibration) -> None:
    """What a few budgets buy, in each kind of task, at a usual length of prompt."""
    shown = [
        (domain.name, ladder)
        for domain in (*calibration.domains.values(), calibration.pooled)
        for ladder in domain.at(_SHOWN_LENGTH).own
        if ladder.calls in _SHOWN_BUDGETS
    ]
    letters = letters_of(str(ladder) for _, ladder in shown)
    table = folding(
        "kind of task",
        Column("budget", justify="right"),
        Column("spent", justify="right"),
        Column("success, %", justify="right"),
        "95 %",
        "ladder",
    )
    for kind, ladder in shown:
        success = ladder.success
        table.add_row(
            kind,
            f"{ladder.calls:g}",
            f"{ladder.spent.value:.2f}",
            f"{100 * success.value:.1f}",
            f"{100 * success.low:.1f} to {100 * success.high:.1f}",
            short(str(ladder), letters),
        )
    console = Console()
    console.print(table)
    told = f"{legend(letters)}. Budget and spent are in large calls, prompts of {_SHOWN_LENGTH} "
    console.print(f"{told}tokens.", markup=False, highlight=False)


_SHOWN_LENGTH: Final = 256
_SHOWN_BUDGETS: Final = frozenset({0.25, 0.5, 1.0, 2.0, 4.0, 8.0})
