"""Hand-written stand-ins for what the run drives: an upstream with a script, and a judge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from policies.cost import CostModel
from policies.protocol import Draw, Plan
from policies.selectors import LIKELIEST
from policies.values import Budget, Task, Verdict
from router.request import Judgement
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk, TokenLogprob

Step: TypeAlias = (
    tuple[Literal["token", "flood", "finish", "text"], int]
    | Literal["pause", "stray", "hang", "die", "end"]
)
"""A piece of one choice (of as many as there are), or what the upstream does in between."""


@dataclass
class Sent:
    """What an upstream really sent for one draw, up to the moment it was stopped."""

    draw: Draw
    tokens: list[int]
    closed: bool = False


@dataclass
class ScriptedSampler:
    """Plays a script per draw, and keeps count of what it sent."""

    scripts: Callable[[Draw], Sequence[Step]]
    sent: list[Sent] = field(default_factory=list)

    async def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        """Play the next script."""
        record = Sent(draw, [0] * draw.n)
        self.sent.append(record)
        try:
            for step in self.scripts(draw):
                match step:
                    case "pause":
                        await asyncio.sleep(0)
                    case "hang":
                        await asyncio.Event().wait()
                    case "die":
                        raise UpstreamError(draw.model, "is down")
                    case "end":
                        return
                    case "stray":
                        yield Chunk(draw.n, "x")
                    case ("finish", at):
                        yield Chunk(at % draw.n, finish_reason="stop")
                    case (kind, at):
                        tokens = None if kind == "text" else (TokenLogprob("x", -0.5),)
                        for _ in range(12 if kind == "flood" else 1):
                            record.tokens[at % draw.n] += 1
                            yield Chunk(at % draw.n, "x", tokens)
        finally:
            record.closed = True

    def token_per_chunk(self, model: str) -> bool:
        """Only in the model named for it."""
        return model == "counting"


def answers(*, tokens: int = 5) -> Callable[[Draw], Sequence[Step]]:
    """Every sample says `tokens` tokens and stops."""
    return lambda draw: [
        step
        for at in range(draw.n)
        for step in [*[("token", at)] * min(tokens, draw.max_tokens), ("finish", at)]
    ]


@dataclass
class ScriptedJudge:
    """Passes the n-th answers that it is shown, after `pauses` turns of the event loop."""

    passing: frozenset[int] = frozenset()
    pauses: int = 0
    running: int = 0
    judged: list[str] = field(default_factory=list)

    async def judge(self, text: str) -> Judgement:
        """Judge one answer."""
        passed = len(self.judged) in self.passing
        self.judged.append(text)
        self.running += 1
        try:
            for _ in range(self.pauses):
                await asyncio.sleep(0)
            return Judgement(
                Verdict.PASSED if passed else Verdict.FAILED, "passed" if passed else "failed"
            )
        finally:
            self.running -= 1


class ByHand:
    """A policy that is nothing but the plan a test writes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.selector = LIKELIEST

    def plan(self, task: Task, budget: Budget, cost: CostModel) -> Plan:
        return self._plan

    def restrict(self, models: Sequence[str], *, pinned: str | None) -> tuple[str, ...]:
        return tuple(models)

    def most_samples(self, task: Task) -> int:
        return 99


def guarded(statement: str) -> str:
    """A statement of a prompt as the prelude has it: its failure decides nothing."""
    return f"try:\n    {statement}\nexcept Exception:\n    pass"
