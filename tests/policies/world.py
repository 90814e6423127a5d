"""A world in which a plan is performed: the real run, and a sampler and a judge that do as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace

from policies.cost import Architecture, CostModel
from policies.policy import Policy
from policies.protocol import Command, Draw, Event, Refused
from policies.values import Budget, Candidate, ModelView, Task, Verdict
from router.plan.ports import Observer
from router.plan.run import Run
from router.request import Judgement
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk, TokenLogprob, Usage

SMALL = Architecture(
    body_params=350_000_000, head_params=140_000_000, layers=24, attention_width=896
)
LARGE = Architecture(
    body_params=1_300_000_000, head_params=230_000_000, layers=28, attention_width=1536
)
COST = CostModel({"small": SMALL, "large": LARGE})


def task(*models: str, prompt: int = 100, batch: int = 16, **fields: object) -> Task:
    """A task of 256 tokens over these models, the two of them by default."""
    views = tuple(ModelView(model, prompt, batch) for model in models or ("small", "large"))
    return Task(**{"models": views, "max_tokens": 256, "verifiable": True} | fields)


@dataclass
class World(Observer):
    """Performs a plan: each sample has `length(draw)` tokens and the verdict of `passes(n-th)`."""

    passes: Callable[[int, Draw], bool] = lambda _n, _draw: False
    length: Callable[[Draw], int] = lambda draw: min(60, draw.max_tokens)
    failing: frozenset[str] = frozenset()
    reason: str = "stop"
    draws: list[Draw] = field(default_factory=list)
    refused: list[Draw] = field(default_factory=list)
    spent: float = 0.0
    _asked: Command | None = None
    _samples: list[Draw] = field(default_factory=list)

    def perform(self, policy: Policy, task: Task, flops: float | None = None) -> list[Candidate]:
        """Drive the plan to its end; the candidates as judged."""
        run = Run(policy, task, Budget(flops), COST, sampler=self, judge=self, observer=self)
        outcome = asyncio.run(run.perform())
        self.spent += outcome.ledger.used
        return sorted(outcome.choice.candidates, key=lambda candidate: candidate.id)

    def on_command(self, command: Command) -> None:
        self._asked = command

    def on_event(self, event: Event) -> None:
        if isinstance(event, Refused) and isinstance(self._asked, Draw):
            self.refused.append(self._asked)

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        self.draws.append(draw)
        if draw.model in self.failing:
            raise UpstreamError(draw.model, "is down")
        tokens = (TokenLogprob("", -0.1),) * self.length(draw)
        for index in range(draw.n):
            self._samples.append(draw)
            text = f"#{len(self._samples) - 1}"
            yield Chunk(index, text, tokens, finish_reason=self.reason)
            await asyncio.sleep(0)

    def token_per_chunk(self, model: str) -> bool:
        return False

    async def judge(self, text: str) -> Judgement:
        at = int(text.removeprefix("#"))
        passed = self.passes(at, self._samples[at])
        return Judgement(Verdict.PASSED if passed else Verdict.FAILED, "")


@dataclass
class Caching(World):
    """Its servers keep the prompts that they have read, and tell so before the first token."""

    prompt: int = 100
    _read: set[str] = field(default_factory=set)

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        found = self.prompt - 1 if draw.model in self._read else 0
        yield Chunk(0, usage=Usage(self.prompt, None, found))
        async for chunk in super().sample(draw):
            yield replace(chunk, usage=Usage(self.prompt, self.length(draw), found), said=True)
        self._read.add(draw.model)

    def token_per_chunk(self, model: str) -> bool:
        return True
