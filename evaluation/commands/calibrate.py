"""`budget-router calibrate`: a policy from pools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from pydantic import ValidationError

from evaluation.calibration.calibrate import Basis, Calibrating, CannotCalibrate
from evaluation.calibration.ladders import WORTH
from evaluation.calibration.particles import (
    COUNTS,
    Particles,
    TooFewProblems,
    read_particles,
)
from evaluation.calibration.published import published_effects
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import CostsConfig
from evaluation.commands.common.prices import rates_of
from evaluation.commands.common.progress import PoolProgress
from evaluation.paper.published import CODE_LLAMA, LLAMA_3
from evaluation.pools.errors import PoolError
from evaluation.pools.files import write_whole
from policies.cost import Rate
from policies.ladder import Calibration, Domain
from router.artifact.artifact import Artifact, Source
from router.artifact.files import text_of
from router.upstream.architecture import UnknownArchitecture, from_config_json

Pools = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="POOL…",
        help="Pools, directories of pools, or files of counts (problem,model,n,c).",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option(help="The policy's file.", metavar="FILE")]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="Only these models; by default all.", show_default=False),
]
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
    str | None,
    typer.Option(
        metavar="KIND=DATASET",
        help="What requests of a kind are like: `text` continues a program, `chat`, `fill`.",
    ),
]
BasisOption = Annotated[
    Literal["exact", "paper"] | None,
    typer.Option(help="What a sample costs; by default exact where tokens were counted."),
]

_LIKE: Final = "text=humaneval"

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
    if out.exists() and not force:
        fail(f"{out} is there already: give another --out, or --force to write over it")
    kind, _, dataset = (like or _LIKE).partition("=")
    rates = {**rates_of(config), **_sizes(config_json or [])}
    how = Calibrating(rates, basis or "exact", worth, {kind: dataset})
    if tables is not None:
        if pools:
            fail("give pools or --from paper, not both")
        artifact = _of_paper(model or CODE_LLAMA, replace(how, basis="paper"))
    else:
        artifact = _of_pools(pools or [], model or [], basis, how)
    if like is not None and not artifact.kinds:
        fail(f"--like takes KIND=DATASET with a data set that was read, not {like!r}")
    if selectors is not None:
        artifact = _with_courses(artifact, selectors)
    with failing_on(OSError):
        write_whole(out, text_of(artifact).encode())
    typer.echo(_summary(artifact.calibration()), nl=False)


def _of_pools(
    paths: Sequence[Path], models: Sequence[str], basis: Basis | None, how: Calibrating
) -> Artifact:
    with failing_on(PoolError, TooFewProblems, CannotCalibrate, OSError):
        particles = read_particles(_pools(paths), models)
        if basis is None:
            counted = all(each.counted for each in particles)
            how = replace(how, basis="exact" if counted else "paper")
        with PoolProgress("calibrate", how.steps(len(particles)), 0) as bar:
            how = replace(how, advance=lambda: bar.advance(1, ""))
            calibration = how.calibration(particles)
    return _artifact(
        calibration, how, sources=[_source(each, calibration.models) for each in particles]
    )


def _of_paper(models: Sequence[str], how: Calibrating) -> Artifact:
    if unknown := sorted(set(models) - {*CODE_LLAMA, *LLAMA_3}):
        fail(f"the paper has no {', '.join(unknown)}; it has {', '.join((*CODE_LLAMA, *LLAMA_3))}")
    with failing_on(CannotCalibrate):
        names = how.models(dict.fromkeys(models))
        found, told = {}, []
        for benchmark in _PAPER_BENCHMARKS:
            found[benchmark], assumed = published_effects(benchmark, names)
            told += assumed
        with PoolProgress("calibrate", how.steps(len(found)), 0) as bar:
            how = replace(how, advance=lambda: bar.advance(1, ""))
            calibration = how.of_effects(names, dict.fromkeys(names, 0.8), found)
    return _artifact(calibration, how, sources=[], assumptions=told)


def _pools(paths: Sequence[Path]) -> list[Path]:
    """Pools and files of counts as named, and all that is below other directories."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir() and not (path / "pool.json").exists():
            found += sorted(each.parent for each in path.glob("**/pool.json"))
        elif path.exists():
            found.append(path)
        else:
            fail(f"{path} is not there: name a pool, a directory of pools, or a file of counts")
    if not found:
        fail("name pools, or files of counts that end in " + " or ".join(sorted(COUNTS)))
    return found


def _with_courses(artifact: Artifact, path: Path) -> Artifact:
    """With the courses of a `selectors.json`, which must be of the same models."""
    with failing_on(OSError, ValueError):
        measured = json.loads(path.read_bytes())
    if not isinstance(measured, dict) or measured.get("models") != list(artifact.models):
        fail(f"{path} is no `selectors.json` of {', '.join(artifact.models)}")
    told = artifact.model_dump(by_alias=True) | {"without_tests": measured.get("courses")}
    with failing_on(ValidationError):
        return Artifact.model_validate(told)


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
    )


def _source(particles: Particles, models: Sequence[str]) -> Source:
    arms = {model: particles.arms[model] for model in models}
    return Source(
        dataset=particles.dataset,
        problems=particles.tasks,
        pools={model: arm.sources for model, arm in arms.items()},
        samples={model: arm.samples for model, arm in arms.items()},
    )


def _summary(calibration: Calibration) -> str:
    """What a few budgets buy, in each domain, at a usual length of prompt."""
    lines = ["| kind of task | budget, large calls | ladder | success, % | large calls spent |"]
    lines.append("|---|---:|---|---:|---:|")
    for domain in (*calibration.domains.values(), calibration.pooled):
        lines += _rows(domain)
    return "\n".join(lines) + "\n"


def _rows(domain: Domain) -> list[str]:
    rows = []
    for ladder in domain.at(_SHOWN_LENGTH).own:
        if ladder.calls in _SHOWN_BUDGETS:
            success = ladder.success
            rows.append(
                f"| {domain.name} | {ladder.calls:g} | {ladder} | {100 * success.value:.1f} "
                f"({100 * success.low:.1f} to {100 * success.high:.1f}) "
                f"| {ladder.spent.value:.2f} |"
            )
    return rows


_SHOWN_LENGTH: Final = 256
_SHOWN_BUDGETS: Final = frozenset({0.25, 0.5, 1.0, 2.0, 4.0, 8.0})
