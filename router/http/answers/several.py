"""The answers to several prompts of one request: at once, or as they stream.

In a stream whichever comes first goes first, and choices are told apart by their numbers. A plan of
one sample streams through, as it would alone. The end of the choice that ends last is the last
chunk, so that it can carry what the whole came to. At the deadline every prompt has what there is
of its answer. One that was left without a token has an empty answer, cut at its beginning; where
all were, the deadline is the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from router.batch import Batch
from router.errors import InternalError
from router.gateway import Gateway, finished
from router.http.answers.answer import Answer, summed, together
from router.http.answers.explain import object_of_several
from router.http.answers.headers import headers_of_several
from router.http.answers.relay import Hand, Piece, Tick, performed, produced
from router.http.answers.streaming import Telling
from router.http.dialects.dialect import Dialect
from router.plan.outcome import Outcome
from router.preparing.prepared import Prepared
from router.request import RouteRequest

Told: TypeAlias = Callable[[Sequence[Outcome]], dict[str, Any]]
"""Makes what is added to the last chunk."""


@dataclass(frozen=True, slots=True)
class Several:
    """The prompts of one request, prepared, and the answer to each."""

    batch: Batch
    answers: tuple[Answer, ...]
    include_usage: bool

    @classmethod
    async def prepare(
        cls,
        gateway: Gateway,
        requests: Sequence[RouteRequest],
        received: float,
        dialect: Dialect,
        request_id: str,
    ) -> Several:
        """See `Batch.prepare`."""
        # Usage is told once, of all.
        alone = [replace(request, include_usage=False) for request in requests]
        batch = await Batch.prepare(gateway, alone, received)
        n = requests[0].n
        answers = tuple(
            Answer(dialect, part, request_id, first=at * n, padded=True)
            for at, part in enumerate(batch.parts)
        )
        return cls(batch, answers, requests[0].include_usage)

    async def run(self) -> Sequence[Outcome]:
        """Run all plans. Raises what they raise, and where no prompt has an answer, why."""

        async def perform(_: int, part: Prepared) -> Outcome:
            outcome = await self.batch.gateway.run(part)
            return outcome if _left_out(outcome) else finished(outcome)

        return _answered(await self.batch.run(perform))

    def plain(self, outcomes: Sequence[Outcome], details: dict[str, Any]) -> Any:
        """The whole answer as JSON."""
        return together(list(zip(self.answers, outcomes, strict=True)), details)

    async def tell(self, hand: Hand[dict[str, Any]], told: Told) -> None:
        """Run all plans, handing out the chunks of the answers. Raises as `run` does."""
        chunks = _Held(hand)

        async def perform(at: int, part: Prepared) -> Outcome:
            return await _tell(self.batch.gateway, part, self.answers[at], chunks.take)

        outcomes = _answered(await self.batch.run(perform))
        if (last := chunks.last) is None:
            raise InternalError("an answer without a piece")
        for answer, outcome in zip(self.answers, outcomes, strict=True):
            for chunk in answer.missing(outcome):
                hand(chunk)
        if self.include_usage:
            hand(last)
            last = self._usage(outcomes)
        hand(last | told(outcomes))

    def headers(self, outcomes: Sequence[Outcome], elapsed_s: float) -> dict[str, str]:
        """The headers of a plain answer."""
        cost = self.batch.gateway.cost
        return headers_of_several(self.batch.parts, outcomes, cost, elapsed_s=elapsed_s)

    def details(self, outcomes: Sequence[Outcome], elapsed_s: float) -> dict[str, Any]:
        """The `router` object, where the client is to see one."""
        if not self.batch.parts[0].request.detailed:
            return {}
        cost = self.batch.gateway.cost
        told = object_of_several(self.batch.parts, outcomes, cost, elapsed_s=elapsed_s)
        return {"router": told}

    def _usage(self, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        usage = summed(each.usage(its) for each, its in zip(self.answers, outcomes, strict=True))
        model = next(draw.model for outcome in outcomes for draw in outcome.draws)
        return self.answers[0].usage_chunk(model, usage)


def _answered(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The outcomes, where the deadline left one an answer at least. Raises `DeadlineExceeded`."""
    if all(_left_out(outcome) for outcome in outcomes):
        finished(outcomes[0])
    return outcomes


@dataclass(slots=True)
class _Held:
    """Hands chunks on, but keeps back the newest that ends an answer, for what the whole is."""

    hand: Hand[dict[str, Any]]
    last: dict[str, Any] | None = None

    def take(self, chunk: dict[str, Any], *, ends: bool) -> None:
        """A chunk of one answer, and whether it ends it."""
        if not ends:
            self.hand(chunk)
            return
        if self.last is not None:
            self.hand(self.last)
        self.last = chunk


async def _tell(
    gateway: Gateway, prepared: Prepared, answer: Answer, take: Callable[..., None]
) -> Outcome:
    """Run the plan of one prompt, and tell its chunks; none where it is left out."""
    ended: list[Outcome] = []

    def end(_: Prepared, outcome: Outcome) -> dict[str, Any]:
        ended.append(outcome)
        return {}

    telling = Telling(answer.dialect, answer.request_id, end)
    telling.begin(answer)

    async def work(hand: Hand[Piece]) -> Outcome:
        return await performed(gateway, prepared, hand)

    async with aclosing(produced(work)) as items:
        async for item in items:
            if isinstance(item, Outcome) and _left_out(item):
                return item
            if not isinstance(item, Tick):
                for chunk in telling.told(item):
                    take(chunk, ends=bool(ended))
    return ended[0]


def _left_out(outcome: Outcome) -> bool:
    """Whether the deadline came before an answer."""
    return outcome.deadline_passed and not outcome.choice.candidates
