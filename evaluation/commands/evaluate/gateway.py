"""`budget-router evaluate gateway`: puts a run together, and says how it ended."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from evaluation import datasets
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.options import Config
from evaluation.commands.common.progress import RunProgress
from evaluation.datasets import Problem
from evaluation.gateway import comparison
from evaluation.gateway.client import AskFailed, GatewayClient, GatewayDown
from evaluation.gateway.local_judge import LocalJudge
from evaluation.gateway.prompt_tokens import TokenCache, prompt_tokens
from evaluation.gateway.rates import rates_of_models
from evaluation.gateway.recount import rate_to_json
from evaluation.gateway.results import Header, ResultFileError, ResultWriter, read
from evaluation.gateway.run import MAX_TOKENS, AnswerJudge, Budgets, GatewayRun, Parameters
from policies.cost import CostModel, Rate
from policies.values import InvalidBudget
from router.http.budgets import parse_flops
from router.settings import Settings
from sandbox import Limits, ProcessBackend, SandboxUnavailable

Out = Annotated[Path, typer.Option(help="Result file (JSON lines); continued if it is there.")]
Temperature = Annotated[float | None, typer.Option(min=0, max=2, help="Default: the policy's own.")]
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
Concurrency = Annotated[int, typer.Option(min=1, help="Requests at a time.")]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds for one request.")]


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway that is asked, the file, and how they are used."""

    url: str
    out: Path
    config: Path | None
    concurrency: int
    timeout_s: float


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
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first problems.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sent with every request.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Per sample.")] = MAX_TOKENS,
    label: Annotated[str | None, typer.Option(help="Name of the run in tables.")] = None,
    url: Annotated[str, typer.Option(help="The gateway.")] = "http://127.0.0.1:8000",
    config: Config = None,
    concurrency: Concurrency = 1,
    timeout: Timeout = 600,
) -> None:
    """Drive a running gateway over a benchmark; a run that was stopped goes on where it was."""
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
        limit=limit,
        seed=seed,
        max_tokens=max_tokens,
    )
    parameters = replace(unnamed, label=label or _label(unnamed))
    _drive(parameters, Target(url, out, config, concurrency, timeout))


def _flops(budget: str | None, large_calls: float | None) -> float | None:
    """The budget in FLOPs, if it was given so; ends the command where the budgets make no sense."""
    if budget is not None and large_calls is not None:
        raise typer.BadParameter("give --budget-flops or --budget-large-calls, not both")
    if large_calls is not None and not 0 < large_calls < math.inf:
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
    return " ".join([*parts, *([] if given.tests else ["no tests"])])


def _drive(parameters: Parameters, target: Target) -> None:
    """Run to the end, print the row, and fail if problems are left without an answer."""
    with failing_on(
        datasets.UnknownDataset,
        datasets.DatasetUnavailable,
        ResultFileError,
        GatewayDown,
        AskFailed,
        SandboxUnavailable,
        OSError,
    ):
        problems = datasets.load(parameters.dataset)[: parameters.limit]
        if parameters.tests and not all(problem.prompt_is_program for problem in problems):
            fail(
                f"the prompts of {parameters.dataset} are no programs, and a gateway that is shown "
                "tests runs them on prompt and answer: add --no-tests, and answers are judged here"
            )
        settings = load_settings(target.config)
        asyncio.run(_run(parameters, target, settings, problems))
        row = comparison.row(read(target.out))
    typer.echo(comparison.to_markdown([row]), nl=False)
    if row.errors:
        fail(f"{row.errors} of {row.n} problems have no answer; run again to ask them again")


async def _run(
    parameters: Parameters, target: Target, settings: Settings, problems: Sequence[Problem]
) -> None:
    async with AsyncExitStack() as stack:
        limits = httpx.Timeout(target.timeout_s, connect=5.0)
        http = httpx.AsyncClient(base_url=target.url, timeout=limits)
        client = GatewayClient(await stack.enter_async_context(http))
        models = await client.models()
        rates = rates_of_models(settings, models, _unreadable)
        _require_rates(parameters, models, rates)
        header = Header(
            parameters.to_json(),
            models,
            {model: rate_to_json(rate) for model, rate in rates.items()},
            target.url,
        )
        writer = stack.enter_context(ResultWriter(target.out, header))
        judge = None if parameters.tests else await _judge(stack)
        done = writer.results.done
        earlier = [r for r in writer.results.records if r["task_id"] in done]
        passed = sum(map(comparison.passed, earlier))
        progress = stack.enter_context(RunProgress(len(problems), done=len(earlier), passed=passed))
        if writer.torn_bytes:
            progress.say(f"{target.out}: cut off {writer.torn_bytes} bytes of an unfinished line")
        tokens = await _prompt_tokens(parameters, target.out, problems, client, progress)

        def keep(record: Mapping[str, Any]) -> None:
            writer.append(record)
            progress.record(record, passed=comparison.passed(record))

        gateway_run = GatewayRun(
            parameters, client, Budgets(parameters, CostModel(rates), tokens), judge
        )
        left = [problem for problem in problems if problem.task_id not in done]
        await gateway_run.over(left, keep, concurrency=target.concurrency)


async def _prompt_tokens(
    parameters: Parameters,
    out: Path,
    problems: Sequence[Problem],
    client: GatewayClient,
    progress: RunProgress,
) -> Mapping[str, int]:
    """Prompt lengths under the large model; none where the budget does not depend on them."""
    if parameters.large_model is None:
        return {}
    cache = TokenCache.beside(out, parameters.large_model, parameters.dataset)
    return await prompt_tokens(client, problems, cache, progress.prompts)


async def _judge(stack: AsyncExitStack) -> AnswerJudge:
    backend = await stack.enter_async_context(ProcessBackend())
    return LocalJudge(backend, Limits())


def _unreadable(model: str, error: Exception) -> None:
    typer.echo(f"{model}: its sizes cannot be read: {error}", err=True)


def _require_rates(
    parameters: Parameters, models: Sequence[str], rates: Mapping[str, Rate]
) -> None:
    """A run under a FLOPs budget that could not be recounted would prove nothing."""
    if parameters.large_model is not None and parameters.large_model not in models:
        fail(f"the gateway has no model {parameters.large_model!r}; it has: {', '.join(models)}")
    budgeted = parameters.budget_flops is not None or parameters.large_model is not None
    unknown = [model for model in models if model not in rates]
    if not unknown:
        return
    text = f"the sizes of {', '.join(unknown)} are not known here (see --config)"
    if budgeted:
        fail(f"{text}, so the requests over budget could not be counted")
    typer.echo(f"{text}: their FLOPs will not be recounted", err=True)
