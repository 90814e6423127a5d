"""`budget-router evaluate gateway`: puts a run together, and says how it ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from evaluation import datasets
from evaluation.commands.common.asking import (
    Asked,
    Concurrency,
    Out,
    Target,
    Temperature,
    Timeout,
    drive,
    failing_to_ask,
)
from evaluation.commands.common.failing import fail
from evaluation.commands.common.options import Config
from evaluation.gateway import comparison
from evaluation.gateway.run import MAX_TOKENS, Parameters
from policies.values import InvalidBudget
from router.http.dialects.budgets import parse_flops

BudgetFlops = Annotated[
    str | None, typer.Option(metavar="F", help="FLOPs per problem, such as 2.5T.")
]
BudgetLargeCalls = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Per problem, X times the cost of its prompt and 256 tokens on --large-model.",
    ),
]
LargeModel = Annotated[str, typer.Option(help="The model that --budget-large-calls counts in.")]
Tests = Annotated[
    bool, typer.Option("--tests/--no-tests", help="Whether the gateway is shown the tests.")
]


def run(
    *,
    policy: Annotated[str, typer.Option(help="The policy to measure.")],
    out: Out,
    dataset: Annotated[str, typer.Option(help="The benchmark.")] = "humaneval",
    model: Annotated[str, typer.Option(help="Pin a model.")] = "auto",
    temperature: Temperature = None,
    budget_flops: BudgetFlops = None,
    budget_large_calls: BudgetLargeCalls = None,
    large_model: LargeModel = "qwen2.5-coder-1.5b",
    tests: Tests = True,
    select: Annotated[
        str | None, typer.Option(help="What chooses, with --no-tests; by default the policy's own.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first problems.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sent with every request.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Per sample.")] = MAX_TOKENS,
    label: Annotated[str | None, typer.Option(help="Name of the run in tables.")] = None,
    url: Annotated[str, typer.Option(help="The gateway.")] = "http://127.0.0.1:8000",
    config: Config = None,
    concurrency: Concurrency = 1,
    timeout: Timeout = 600,
) -> None:
    """Drive a running gateway over a benchmark; a run that was stopped goes on where it was.

    It does so with a higher --limit as well.
    """
    if tests and select is not None:
        raise typer.BadParameter("--select is for answers that no tests judge: add --no-tests")
    unnamed = Parameters(
        label="",
        dataset=dataset,
        policy=policy,
        model=model,
        temperature=temperature,
        budget_flops=_flops(budget_flops, budget_large_calls),
        budget_large_calls=budget_large_calls,
        large_model=None if budget_large_calls is None else large_model,
        tests=tests,
        seed=seed,
        max_tokens=max_tokens,
        select=select,
    )
    parameters = replace(unnamed, label=label or _label(unnamed))
    _drive(parameters, Target(url, out, config, concurrency, timeout), limit)


def _flops(budget: str | None, large_calls: float | None) -> float | None:
    """The budget in FLOPs, if it was given so; ends the command where the budgets make no sense."""
    if budget is not None and large_calls is not None:
        raise typer.BadParameter("give --budget-flops or --budget-large-calls, not both")
    if large_calls is not None and large_calls <= 0:
        raise typer.BadParameter("--budget-large-calls must be positive and finite")
    try:
        return None if budget is None else parse_flops(budget)
    except InvalidBudget as error:
        raise typer.BadParameter(str(error)) from error


def _label(given: Parameters) -> str:
    parts = [given.policy]
    if given.model != "auto":
        parts.append(given.model)
    if given.temperature is not None:
        parts.append(f"T={given.temperature:g}")
    if given.budget_large_calls is not None:
        parts.append(f"X={given.budget_large_calls:g}")
    if given.budget_flops is not None:
        parts.append(f"F={given.budget_flops:.3g}")
    if not given.tests:
        parts.append("no tests")
    if given.select is not None:
        parts.append(f"by {given.select}")
    return " ".join(parts)


def _drive(parameters: Parameters, target: Target, limit: int | None) -> None:
    """Run to the end, print the row, and fail if problems are left without an answer."""
    with failing_to_ask():
        found = datasets.load(parameters.dataset)
        problems = found[:limit]
        if parameters.tests and not all(problem.prompt_is_program for problem in problems):
            fail(
                f"the prompts of {parameters.dataset} are no programs, and a gateway that is shown "
                "tests runs them on prompt and answer: add --no-tests, and answers are judged here"
            )
        row = comparison.row(drive(parameters, target, Asked.of(found, problems)))
    typer.echo(comparison.to_markdown([row]), nl=False)
    if row.errors:
        fail(f"{row.errors} of {row.n} problems have no answer; run again to ask them again")
