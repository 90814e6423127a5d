"""Hand-written stand-ins for what the run drives: an upstream with a script, and a judge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from policies.protocol import Draw
from policies.values import Verdict
from router.request import Judgement
from router.upstream.chunks import Chunk, TokenLogprob
from router.upstream.failures import UpstreamError

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


def guarded(statement: str) -> str:
    """A statement of a prompt as the prelude has it: its failure decides nothing."""
    return f"try:\n    {statement}\nexcept Exception:\n    pass"
