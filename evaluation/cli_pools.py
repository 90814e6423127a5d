"""The options of the `budget-router evaluate` commands about pools of recorded samples.

Like `evaluation.cli`, it imports each command late.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer()

Dataset = Annotated[str, typer.Option(help="humaneval, or another; see docs/evaluation.md.")]
Data = Annotated[
    Path | None,
    typer.Option(help="Where the dataset is, unless a package or the hub has it.", metavar="PATH"),
]


Engine = Annotated[
    Literal["gateway", "transformers"],
    typer.Option(help="As the gateway runs it, or in this process (needs torch; no server)."),
]


@app.command("collect")
def collect(
    *,
    model: Annotated[str, typer.Option(help="A configured model, or one of the catalogue.")],
    n: Annotated[int, typer.Option(min=1, help="Samples per problem; more extend a pool.")],
    out: Annotated[Path, typer.Option(help="The pool; continued if it is there.", metavar="DIR")],
    engine: Engine = "gateway",
    dataset: Dataset = "humaneval",
    data: Data = None,
    temperature: Annotated[float, typer.Option(min=0, max=2)] = 0.8,
    top_p: Annotated[float, typer.Option(min=0, max=1, help="Nucleus.")] = 0.95,
    greedy: Annotated[bool, typer.Option("--greedy", help="Temperature 0; wants --n 1.")] = False,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Per sample; by default as in the paper.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What the seeds of draws are made from.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first problems.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file.", metavar="FILE")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples per request: one prefill.")] = 8,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Requests at a time; by default what fills the slots."),
    ] = None,
) -> None:
    """Sample a model into a pool, resuming one that was stopped; only its engine is started."""
    from evaluation.commands.evaluate import collect as command  # noqa: PLC0415 see the module's docstring

    command.run(
        command.Wanted(
            dataset=dataset,
            data=data,
            model=model,
            n=n,
            temperature=0.0 if greedy else temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            seed=seed,
            limit=limit,
        ),
        command.Means(out, engine, config, batch, concurrency),
    )


@app.command("judge")
def judge(
    *,
    pool: Annotated[Path, typer.Argument(metavar="DIR", help="The pool.")],
    data: Data = None,
    backend: Annotated[Literal["process", "docker"], typer.Option(help="Where.")] = "process",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Programs at a time; by default one per core.")
    ] = None,
) -> None:
    """Run the tests on every sample of a pool that has no verdict yet."""
    from evaluation.commands.evaluate import judge as command  # noqa: PLC0415

    command.run(pool, data=data, backend=backend, workers=workers)


@app.command("score")
def score(
    *,
    pool: Annotated[Path, typer.Argument(metavar="DIR", help="The pool.")],
    ranker: Annotated[
        str,
        typer.Option(help="A model of the catalogue, or a directory; with --url the served name."),
    ],
    url: Annotated[
        str | None, typer.Option(help="A vLLM server; its key is in RANKER_API_KEY.")
    ] = None,
    per_problem: Annotated[
        int | None, typer.Option(min=1, help="Only the first samples of each problem.")
    ] = None,
    data: Data = None,
    config: Annotated[Path | None, typer.Option(help="TOML file.", metavar="FILE")] = None,
) -> None:
    """Score a pool's samples by their averaged NLL under another model (needs torch, or a URL)."""
    from evaluation.commands.evaluate import score as command  # noqa: PLC0415

    command.run(command.Wanted(pool, ranker, url, data, per_problem, config))


@app.command("time")
def time(
    *,
    model: Annotated[str, typer.Option(help="A configured model, or one of the catalogue.")],
    out: Annotated[Path, typer.Option(help="JSON file; other models in it stay.", metavar="FILE")],
    batch: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Samples in flight; give it again for each size to try."),
    ] = None,
    per_draw: Annotated[int, typer.Option(min=1, help="Samples per request, at most.")] = 16,
    problems: Annotated[int, typer.Option(min=1, help="How many problems, the first.")] = 8,
    engine: Annotated[
        Literal["gateway", "transformers", "random"],
        typer.Option(
            help="As the gateway runs it, or in this process (needs torch); random: the shape of "
            "a model, with weights at random."
        ),
    ] = "gateway",
    dataset: Dataset = "humaneval",
    data: Data = None,
    temperature: Annotated[float, typer.Option(min=0, max=2)] = 0.8,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Per sample; by default as in the paper.")
    ] = None,
    hardware: Annotated[
        str | None, typer.Option(help="What a server by URL runs on; it cannot be asked.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file.", metavar="FILE")] = None,
) -> None:
    """Time samples of a real engine at several batch sizes, as the paper does for its Table 1."""
    from evaluation.commands.evaluate import time as command  # noqa: PLC0415
    from evaluation.commands.evaluate.collect import Wanted  # noqa: PLC0415

    command.run(
        Wanted(
            dataset=dataset,
            data=data,
            model=model,
            n=1,
            temperature=temperature,
            top_p=0.95,
            max_tokens=max_tokens,
            seed=0,
            limit=None,
        ),
        command.Means(
            out, engine, config, problems, tuple(batch or (1, 4, 16)), per_draw, hardware
        ),
    )


@app.command("pools")
def pools(
    *,
    paths: Annotated[list[Path], typer.Argument(metavar="POOL", help="Pools, files of counts.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what pools hold, and what of it is missing."""
    from evaluation.commands.evaluate import pools as command  # noqa: PLC0415

    command.run(paths, as_json=as_json)


@app.command("import")
def import_released(
    *,
    file: Annotated[Path, typer.Argument(help="Of {task_id: {prompt, samples}}; .gz as well.")],
    model: Annotated[str, typer.Option(help="Whose generations they are.")],
    dataset: Annotated[str, typer.Option(help="What they answer.")],
    out: Annotated[Path, typer.Option(help="The pool.", metavar="DIR")],
    temperature: Annotated[float, typer.Option(min=0, max=2)] = 0.8,
) -> None:
    """Make a pool of generations in the paper's released format."""
    from evaluation.commands.evaluate import import_released as command  # noqa: PLC0415

    command.run(file, out, dataset=dataset, model=model, temperature=temperature)
