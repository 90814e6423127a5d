"""The console script: `budget-router`. Only options live here; each command imports what it needs.

So `--help` is quick, and `serve` loads nothing of the evaluation suite.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from evaluation.cli_pools import app as pools_app
from evaluation.cli_sandbox import app as sandbox_app
from evaluation.cli_study import app as study_app

app = typer.Typer(
    help="A gateway for code completion that spends a budget and lets your tests choose.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="Models that the gateway can run by itself.", no_args_is_help=True)
evaluate_app = typer.Typer(help="Measure a gateway on coding benchmarks.", no_args_is_help=True)
app.add_typer(models_app, name="models")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(sandbox_app, name="sandbox")
evaluate_app.add_typer(pools_app)  # without a name: its commands stand beside the others
evaluate_app.add_typer(study_app)

Config = Annotated[
    Path | None, typer.Option(help="The gateway's TOML file.", metavar="FILE", show_default=False)
]
Directory = Annotated[
    Path | None, typer.Option("--dir", help="The model directory.", show_default=False)
]


def main() -> None:
    """Run the console script."""
    app()


@app.command()
def serve(
    *,
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    pull: Annotated[bool, typer.Option(help="Pull embedded models that are missing.")] = True,
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C."""
    from evaluation.commands import serve as command  # noqa: PLC0415 see the module's docstring

    command.run(config, host, port, pull_missing=pull)


@models_app.command("list")
def models_list(
    *,
    directory: Directory = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the catalogue, and which models are here."""
    from evaluation.commands import models as command  # noqa: PLC0415

    command.list_models(directory, as_json=as_json)


@models_app.command("pull")
def models_pull(
    *,
    names: Annotated[list[str], typer.Argument(metavar="NAME")],
    directory: Directory = None,
) -> None:
    """Bring models here: resumable, and only their SHA-256 decides."""
    from evaluation.commands import models as command  # noqa: PLC0415

    command.pull_models(names, directory)


@evaluate_app.command("gateway")
def evaluate_gateway(
    *,
    policy: Annotated[str, typer.Option(help="The policy to measure.")],
    out: Annotated[Path, typer.Option(help="Result file (JSON lines); continued if it is there.")],
    dataset: Annotated[str, typer.Option(help="The benchmark.")] = "humaneval",
    model: Annotated[str, typer.Option(help="Pin a model.")] = "auto",
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Default: the policy's own.")
    ] = None,
    budget_flops: Annotated[
        str | None, typer.Option(metavar="F", help="FLOPs per problem, such as 2.5T.")
    ] = None,
    budget_large_calls: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Per problem, X times the cost of its prompt and 256 tokens on --large-model.",
        ),
    ] = None,
    large_model: Annotated[
        str, typer.Option(help="The model that --budget-large-calls counts in.")
    ] = "qwen2.5-coder-1.5b",
    tests: Annotated[
        bool, typer.Option("--tests/--no-tests", help="Whether the gateway is shown the tests.")
    ] = True,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first problems.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sent with every request.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Per sample.")] = 256,
    label: Annotated[str | None, typer.Option(help="Name of the run in tables.")] = None,
    url: Annotated[str, typer.Option(help="The gateway.")] = "http://127.0.0.1:8000",
    config: Config = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 1,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds for one request.")] = 600,
) -> None:
    """Drive a running gateway over a benchmark; a run that was stopped goes on where it was."""
    from evaluation.commands.evaluate import gateway as command  # noqa: PLC0415

    command.run(
        command.parameters(
            dataset=dataset,
            policy=policy,
            model=model,
            temperature=temperature,
            budget_flops=budget_flops,
            budget_large_calls=budget_large_calls,
            large_model=large_model,
            tests=tests,
            limit=limit,
            seed=seed,
            max_tokens=max_tokens,
            label=label,
        ),
        command.Place(url, out, config, concurrency, timeout),
    )


@evaluate_app.command("bench")
def evaluate_bench(
    *,
    starts: Annotated[int, typer.Option(min=1, help="How often each thing is started.")] = 3,
    requests: Annotated[int, typer.Option(min=1, help="Pairs of requests.")] = 50,
) -> None:
    """Measure start-up, memory and overhead of the gateway, with the default models."""
    from evaluation.commands.evaluate import bench as command  # noqa: PLC0415

    command.run(starts=starts, requests=requests)


@evaluate_app.command("table")
def evaluate_table(
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE")],
    baseline: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Compare every run with this one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of Markdown.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the table here as well.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw pass rate against FLOPs into this .svg or .png.")
    ] = None,
) -> None:
    """Compare result files: one row each."""
    from evaluation.commands.evaluate import table as command  # noqa: PLC0415

    command.run(files, baseline=baseline, as_json=as_json, out=out, picture=plot)


@evaluate_app.command("flops")
def evaluate_flops(
    *,
    model: Annotated[str, typer.Option(help="Such as codellama-7b or qwen2.5-coder-0.5b.")],
    seq_len: Annotated[int, typer.Option(min=1, help="Tokens of one sample.")] = 128,
    basis: Annotated[
        Literal["paper", "exact"],
        typer.Option(help="The linear layers, as the paper counts; or attention as well."),
    ] = "paper",
    prompt_tokens: Annotated[
        int, typer.Option(min=0, help="Of --seq-len, for the exact basis.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what one sample costs, from a model's sizes alone: no weights are needed."""
    from evaluation.commands.evaluate import flops as command  # noqa: PLC0415

    command.run(
        model,
        sequence_length=seq_len,
        exact=basis == "exact",
        prompt_tokens=prompt_tokens,
        as_json=as_json,
    )


@evaluate_app.command("paper")
def evaluate_paper(
    *,
    out: Annotated[Path, typer.Option(help="The directory to write to.", metavar="DIR")],
    times: Annotated[
        Path | None,
        typer.Option(help="Of `evaluate time`, to set beside Table 1's.", metavar="FILE"),
    ] = None,
    claims_table: Annotated[
        bool, typer.Option("--claims-table", help="Print the claims as a Markdown table.")
    ] = False,
) -> None:
    """Draw the paper's figures from its published tables, and hold its claims against them."""
    from evaluation.commands.evaluate import paper as command  # noqa: PLC0415

    command.run(out, times=times, claims_table=claims_table)


@evaluate_app.command("bench-metrics")
def evaluate_bench_metrics(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is timed.")] = 5,
) -> None:
    """Time the metrics against the paper's loop and against the usual product formula."""
    from evaluation.commands.evaluate import bench_metrics as command  # noqa: PLC0415

    command.run(rounds=rounds)
