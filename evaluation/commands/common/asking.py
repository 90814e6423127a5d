"""What commands share that ask a running gateway: options, and the run itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from evaluation import datasets
from evaluation.commands.common.configuration import load_settings
from evaluation.commands.common.failing import fail, failing_on
from evaluation.commands.common.outputs import to_file
from evaluation.commands.common.progress import RunProgress
from evaluation.datasets import Problem
from evaluation.gateway import comparison
from evaluation.gateway.client import AskFailed, GatewayClient, GatewayDown
from evaluation.gateway.local_judge import LocalJudge
from evaluation.gateway.prompt_tokens import TokenCache, prompt_tokens
from evaluation.gateway.rates import rates_of_models
from evaluation.gateway.recount import rate_to_json
from evaluation.gateway.results import Header, ResultFileError, Results, ResultWriter, read
from evaluation.gateway.run import AnswerJudge, Budgets, GatewayRun, Parameters
from policies.cost import CostModel, Rate
from router.settings import Settings
from sandbox import Limits, ProcessBackend, SandboxUnavailable

Out = Annotated[
    Path,
    typer.Option(
        help="Result file (JSON lines); continued if it is there.", metavar="FILE", callback=to_file
    ),
]
Temperature = Annotated[float | None, typer.Option(min=0, max=2, help="Default: the policy's own.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Requests at a time.")]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds for one request.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """The problems that are asked; `data_sha256` is the content hash of all their data set."""

    problems: Sequence[Problem]
    data_sha256: str

    @classmethod
    def of(cls, found: Sequence[Problem], problems: Sequence[Problem]) -> Asked:
        """Some of the problems that were found; the hash is of all, so that more can follow."""
        return cls(problems, datasets.content_hash(found))


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway that is asked, the file, and how they are used."""

    url: str
    out: Path
    config: Path | None
    concurrency: int
    timeout_s: float


def failing_to_ask() -> AbstractContextManager[None]:
    """What can go wrong for the user when problems are loaded and a gateway is asked."""
    return failing_on(
        datasets.UnknownDataset,
        datasets.DatasetUnavailable,
        ResultFileError,
        GatewayDown,
        AskFailed,
        SandboxUnavailable,
        OSError,
    )


def drive(parameters: Parameters, target: Target, asked: Asked) -> Results:
    """Ask the problems that have no answer yet; all answers. Raises what `failing_to_ask` takes."""
    settings = load_settings(target.config)
    asyncio.run(_run(parameters, target, settings, asked))
    return read(target.out)


async def _run(parameters: Parameters, target: Target, settings: Settings, asked: Asked) -> None:
    problems = asked.problems
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
            asked.data_sha256,
        )
        writer = stack.enter_context(ResultWriter(target.out, header))
        judge = None if parameters.tests else await _judge(stack)
        done = writer.results.done
        earlier = [r for r in writer.results.records if r["task_id"] in done]
        passed = sum(map(comparison.passed, earlier))
        progress = stack.enter_context(RunProgress(len(problems), done=len(earlier), passed=passed))
        if writer.torn_bytes:
            progress.say(f"{target.out}: cut off {writer.torn_bytes} bytes of an unfinished line")
        tokens = await _prompt_tokens(parameters, target.out, asked, client, progress)

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
    asked: Asked,
    client: GatewayClient,
    progress: RunProgress,
) -> Mapping[str, int]:
    """Prompt lengths under the large model; none where the budget does not depend on them."""
    if parameters.large_model is None:
        return {}
    cache = TokenCache.beside(out, parameters.large_model, parameters.dataset, asked.data_sha256)
    return await prompt_tokens(client, asked.problems, cache, progress.prompts)


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
