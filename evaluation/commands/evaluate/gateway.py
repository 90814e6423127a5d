"""`budget-router evaluate gateway`: puts a run together, and says how it ended."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import typer

from evaluation import datasets
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.datasets import Problem
from evaluation.gateway import comparison as report
from evaluation.gateway.client import AskFailed, GatewayClient, GatewayDown
from evaluation.gateway.local_judge import LocalJudge
from evaluation.gateway.progress import RunProgress
from evaluation.gateway.prompt_tokens import TokenCache, prompt_tokens
from evaluation.gateway.recount import rate_to_json
from evaluation.gateway.results import Header, ResultFileError, ResultWriter, read
from evaluation.gateway.run import Budgets, GatewayRun, Judge, Parameters
from policies.cost import CostModel, Rate
from policies.values import InvalidBudget
from router.catalogue.entries import CATALOGUE
from router.configured import model_rate
from router.http.budgets import parse_flops
from router.settings import Settings
from router.upstream import architecture
from router.upstream.architecture import UnknownArchitecture
from sandbox import Limits, ProcessBackend, SandboxUnavailable


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run happens: the gateway, the file, and how they are used."""

    url: str
    out: Path
    config: Path | None
    concurrency: int
    timeout_s: float


def parameters(
    *,
    budget_flops: str | None,
    budget_large_calls: float | None,
    large_model: str,
    label: str | None,
    **others: Any,
) -> Parameters:
    """Parameters from the options; ends the command where these make no sense."""
    if budget_flops is not None and budget_large_calls is not None:
        raise typer.BadParameter("give --budget-flops or --budget-large-calls, not both")
    if budget_large_calls is not None and not 0 < budget_large_calls < math.inf:
        raise typer.BadParameter("--budget-large-calls must be positive and finite")
    try:
        flops = None if budget_flops is None else parse_flops(budget_flops)
    except InvalidBudget as error:
        raise typer.BadParameter(str(error)) from error
    unnamed = Parameters(
        label="",
        budget_flops=flops,
        budget_large_calls=budget_large_calls,
        large_model=None if budget_large_calls is None else large_model,
        **others,
    )
    return replace(unnamed, label=label or _label(unnamed))


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


def run(parameters: Parameters, place: Place) -> None:
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
        settings = load_settings(place.config)
        asyncio.run(_run(parameters, place, settings, problems))
        row = report.row(read(place.out))
    typer.echo(report.to_markdown([row]), nl=False)
    if row.errors:
        fail(f"{row.errors} of {row.n} problems have no answer; run again to ask them again")


async def _run(
    parameters: Parameters, place: Place, settings: Settings, problems: Sequence[Problem]
) -> None:
    async with AsyncExitStack() as stack:
        limits = httpx.Timeout(place.timeout_s, connect=5.0)
        http = httpx.AsyncClient(base_url=place.url, timeout=limits)
        client = GatewayClient(await stack.enter_async_context(http))
        models = await client.models()
        rates = _rates(settings, models)
        _require_rates(parameters, models, rates)
        header = Header(
            parameters.to_json(),
            models,
            {model: rate_to_json(rate) for model, rate in rates.items()},
            place.url,
        )
        writer = stack.enter_context(ResultWriter(place.out, header))
        judge = None if parameters.tests else await _judge(stack)
        done = writer.results.done
        earlier = [r for r in writer.results.records if r["task_id"] in done]
        progress = stack.enter_context(RunProgress(len(problems), earlier))
        if writer.torn_bytes:
            progress.say(f"{place.out}: cut off {writer.torn_bytes} bytes of an unfinished line")
        tokens = await _prompt_tokens(parameters, place.out, problems, client, progress)

        def keep(record: Mapping[str, Any]) -> None:
            writer.append(record)
            progress.record(record)

        gateway_run = GatewayRun(
            parameters, client, Budgets(parameters, CostModel(rates), tokens), judge
        )
        left = [problem for problem in problems if problem.task_id not in done]
        await gateway_run.over(left, keep, concurrency=place.concurrency)


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


async def _judge(stack: AsyncExitStack) -> Judge:
    backend = await stack.enter_async_context(ProcessBackend())
    return LocalJudge(backend, Limits())


def _rates(settings: Settings, models: Sequence[str]) -> dict[str, Rate]:
    """What the gateway's models cost, as far as the configuration and files here say."""
    found = {model: _rate(settings, model) for model in models}
    return {model: rate for model, rate in found.items() if rate is not None}


def _rate(settings: Settings, model: str) -> Rate | None:
    try:
        if model in settings.models:
            return model_rate(settings, model)
        if model in CATALOGUE:
            return architecture.from_gguf(settings.model_dir / CATALOGUE[model].file)
    except (UnknownArchitecture, OSError) as error:
        typer.echo(f"{model}: its sizes cannot be read: {error}", err=True)
    return None


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
