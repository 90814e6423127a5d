"""Drives a running gateway over a dataset, and records every answer and error.

    problem ── budget ──► request ──► answer ──► (own verdict) ──► record, on disk

Nothing is kept in memory that matters: the result file is the state, and a run that was stopped
goes on where it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Protocol

from evaluation.datasets import Problem
from evaluation.gateway.client import AskFailed, GatewayClient, Reply
from evaluation.pools.workers import for_each
from policies.cost import CostModel
from policies.ladder import CALL_TOKENS
from policies.values import Verdict
from router.request import Judgement

MAX_TOKENS: Final = 256
"""Of one sample, unless told."""

TOO_LATE: Final = "deadline_exceeded"
"""The gateway's code for a latency budget that ended before there was a token."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a run asks for. At most one of the two budgets is set.

    `budget_flops` is per problem; `budget_large_calls` is a multiple of the most that one call of
    `large_model` can cost on the problem's own prompt, which is what policies count in. `tests`
    says whether the gateway sees them. `deadline_ms` is a latency budget, and `prompts` whether
    prompts are surely in no cache or have just been read; None leaves that to chance. `sample` is
    how many problems of the fixed sample there are. `select` names what orders answers, where the
    gateway sees no tests.
    """

    label: str
    dataset: str
    policy: str
    model: str = "auto"
    temperature: float | None = None
    budget_flops: float | None = None
    budget_large_calls: float | None = None
    large_model: str | None = None
    tests: bool = True
    seed: int | None = None
    max_tokens: int = MAX_TOKENS
    deadline_ms: float | None = None
    prompts: Literal["cold", "cached"] | None = None
    sample: int | None = None
    select: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As a header keeps them."""
        return asdict(self)


class AnswerJudge(Protocol):
    """Judges an answer that the gateway was given no tests for."""

    async def judge(self, problem: Problem, text: str) -> Judgement:
        """The verdict on one answer."""
        ...


@dataclass(frozen=True, slots=True)
class Budgets:
    """FLOPs per problem: fixed, in large calls, or none."""

    parameters: Parameters
    cost: CostModel
    prompt_tokens: Mapping[str, int]

    def flops(self, problem: Problem) -> float | None:
        """The cap of one problem. Raises `policies.cost.UnknownCost`."""
        match self.parameters:
            case Parameters(budget_large_calls=float(calls), large_model=str(model)):
                tokens = self.prompt_tokens[problem.task_id]
                return calls * self.cost.ceiling(model, tokens, 1, CALL_TOKENS)
            case _:
                return self.parameters.budget_flops


@dataclass(frozen=True, slots=True)
class GatewayRun:
    """One run: what is asked, of whom and under which budgets. `judge` is None with tests."""

    parameters: Parameters
    client: GatewayClient
    budgets: Budgets
    judge: AnswerJudge | None

    async def over(
        self,
        problems: Sequence[Problem],
        record: Callable[[Mapping[str, Any]], None],
        *,
        concurrency: int = 1,
    ) -> None:
        """Ask every problem, `concurrency` at a time, and give each record away as it comes.

        Raises `GatewayDown` and what `record` raises; requests still open are then cancelled.
        """

        async def ask(problem: Problem) -> None:
            record(await self._record(problem))

        await for_each(problems, ask, concurrency=concurrency)

    async def _record(self, problem: Problem) -> dict[str, Any]:
        flops = self.budgets.flops(problem)
        own = {
            "task_id": problem.task_id,
            "label": self.parameters.label,
            "budget_flops": flops,
        }
        try:
            await self._warm_up(problem)
            reply = await self.client.complete(self._body(problem), self._headers(flops))
        except AskFailed as error:
            if error.code == TOO_LATE and self.parameters.deadline_ms is not None:
                return own | _nothing_in_time(error)
            failed = {"code": error.code, "message": error.message}
            return own | {"status": error.status, "error": failed}
        return own | await self._answer(problem, reply)

    def _body(self, problem: Problem) -> dict[str, Any]:
        given = self.parameters
        optional = {
            "temperature": given.temperature,
            "seed": given.seed,
            "tests": dict(problem.tests) if given.tests else None,
            "suffix": problem.suffix,
            "select": given.select,
        }
        if given.prompts == "cold":
            # As llama.cpp and vLLM are told it; another server has to do without.
            optional |= {"cache_prompt": False, "cache_salt": uuid.uuid4().hex}
        return {
            "model": given.model,
            "prompt": problem.prompt,
            "max_tokens": given.max_tokens,
            "stop": list(problem.stop),
            "explain": True,
        } | {name: value for name, value in optional.items() if value is not None}

    def _headers(self, flops: float | None) -> dict[str, str]:
        headers = {"X-Budget-Policy": self.parameters.policy}
        if self.parameters.deadline_ms is not None:
            headers["X-Budget-Latency-Ms"] = f"{self.parameters.deadline_ms:.17g}"
        # 17 digits give back the same float: the cap that is checked is the cap that was sent.
        return headers if flops is None else headers | {"X-Budget-FLOPs": f"{flops:.17g}"}

    async def _warm_up(self, problem: Problem) -> None:
        """Have every model that may be asked read the prompt, where prompts are to be cached."""
        given = self.parameters
        if given.prompts != "cached":
            return
        models = await self.client.models() if given.model == "auto" else (given.model,)
        for model in models:
            body = self._body(problem) | {"model": model, "max_tokens": 1, "temperature": 0}
            await self.client.complete(body, {"X-Budget-Policy": "single"})

    async def _answer(self, problem: Problem, reply: Reply) -> dict[str, Any]:
        router: Mapping[str, Any] = reply.body["router"]
        text: str = reply.body["choices"][0]["text"]
        verdict = str(router.get("verdict"))
        message = "the gateway could not judge its answer"
        if self.judge is not None:
            judgement = await self.judge.judge(problem, text)
            verdict, message = judgement.verdict.value, judgement.message
        return {
            "status": reply.status,
            "text": text,
            "finish_reason": reply.body["choices"][0].get("finish_reason"),
            "verdict": verdict,
            "judged_by": "gateway" if self.judge is None else "evaluator",
            **{name: router.get(name) for name in ("plan", "model", "selected_by", "flops_used")},
            "latency_s": reply.latency_s,
            "headers": _own_headers(reply.headers),
            "commands": router["commands"],
            "candidates": router.get("candidates", []),
            # An answer that nobody judged says nothing of the policy: it is asked again.
            "error": {"code": "unverified", "message": message}
            if verdict == Verdict.UNVERIFIED.value
            else None,
        }


def _nothing_in_time(error: AskFailed) -> dict[str, Any]:
    """A deadline that passed before the first token is an answer too: none, and not a right one."""
    return {
        "status": error.status,
        "text": "",
        "verdict": Verdict.FAILED.value,
        "latency_s": error.latency_s,
        "commands": [],
        "candidates": [],
        "error": None,
    }


def _own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    wanted = ("x-router-", "x-budget-", "x-request-id")
    return {name: value for name, value in headers.items() if name.startswith(wanted)}
