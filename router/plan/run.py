"""Drives a plan: performs its commands, pays for them, and feeds back what happened.

One `Run` serves one request. Its policy decides, the sampler performs, the ledger pays; when the
plan ends, the deadline passes or the request is cancelled, everything still running is cancelled
and settled by what was seen. Whatever ended it, the policy chooses among what exists.

It never edits a command: what does not fit is refused with what remains.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias, assert_never

from policies.cost import CostModel
from policies.protocol import (
    Cancel,
    Command,
    Done,
    Draw,
    Event,
    Judged,
    Plan,
    Policy,
    Refused,
    Sampled,
    Started,
    Wait,
)
from policies.values import Budget, Candidate, Choice, Task, Verdict
from router.plan.draws import Overrun, RunningDraw, Sample
from router.plan.ledger import Ledger
from router.upstream.chunks import Chunk
from router.upstream.client import UpstreamError


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the tests said of one candidate, and how far that can be trusted."""

    verdict: Verdict
    status: str
    integrity: str | None = None
    message: str = ""


class Sampler(Protocol):
    """Performs draws. Closing the generator aborts the draw; it raises `UpstreamError`."""

    def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        """Stream the samples of a draw."""
        ...

    def token_per_chunk(self, model: str) -> bool:
        """Whether every chunk with text from this model is one token."""
        ...


class Judge(Protocol):
    """Runs the caller's tests on a candidate. Our own faults come back as unverified."""

    async def judge(self, candidate: Candidate) -> Judgement:
        """Judge one candidate."""
        ...


Listener: TypeAlias = Callable[[RunningDraw, Chunk], None]
"""Told of every piece as it arrives, for plans that stream through."""


USAGE_GRACE_S: Final = 0.25
"""How long to wait for a server's usage and for the end of its stream after the last sample."""


class PlanError(Exception):
    """A policy broke the protocol: it waits for something that can never happen."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    `choice` is empty when nothing finished; `failures` then say why, unless the deadline did.
    `waited_s` is the time in which the run only waited for upstreams and sandbox.
    """

    choice: Choice
    draws: tuple[RunningDraw, ...]
    judgements: dict[int, Judgement]
    ledger: Ledger
    deadline_passed: bool
    waited_s: float

    @property
    def failures(self) -> list[Exception]:
        """What upstreams did wrong, in order."""
        return [draw.failure for draw in self.draws if draw.failure is not None]


class Run:
    """One request's plan, performed. Use it once."""

    def __init__(
        self,
        policy: Policy,
        task: Task,
        budget: Budget,
        cost: CostModel,
        *,
        sampler: Sampler,
        judge: Judge | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._policy = policy
        self._prompt_tokens = {model.id: model.prompt_tokens for model in task.models}
        self._cost = cost
        self._sampler = sampler
        self._judge = judge
        self._listener = listener
        self._plan: Plan = policy.plan(task, budget, cost)
        self._ledger = Ledger(budget.flops_limit)
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._tickets = itertools.count()
        self._sample_ids = itertools.count()
        self._draws: dict[int, RunningDraw] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._open: set[int] = set()
        self._candidates: dict[int, Candidate] = {}
        self._judgements: dict[int, Judgement] = {}
        self._waited_s = 0.0

    @property
    def draws(self) -> tuple[RunningDraw, ...]:
        """All draws so far, in the order of their start."""
        return tuple(self._draws.values())

    async def perform(self, deadline: float | None = None) -> Outcome:
        """Drive the plan to its end, or to the deadline (on the event loop's clock).

        Raises what the policy raises before its first command, such as `BudgetTooSmall`.
        """
        deadline_passed = False
        try:
            async with asyncio.timeout_at(deadline) as timeout:
                await self._drive()
        except TimeoutError:
            if not timeout.expired():
                raise
            deadline_passed = True
        return Outcome(
            choice=self._policy.choose(tuple(self._candidates.values())),
            draws=self.draws,
            judgements=self._judgements,
            ledger=self._ledger,
            deadline_passed=deadline_passed,
            waited_s=self._waited_s,
        )

    async def _drive(self) -> None:
        try:
            command = next(self._plan)
            while True:
                command = self._plan.send(await self._execute(command))
        except StopIteration:
            self._raise_bugs()
        finally:
            self._plan.close()
            await _stop(*self._tasks.values())

    async def _execute(self, command: Command) -> Event:
        match command:
            case Draw():
                return self._start(command)
            case Cancel(ticket=ticket):
                await _stop(self._tasks[ticket])
                return Done(ticket, self._ledger.remaining)
            case Wait():
                return await self._next_event()
            case _:
                assert_never(command)

    async def _next_event(self) -> Event:
        if self._events.empty() and not self._open:
            raise PlanError("the plan waits, and nothing is running")
        started = time.perf_counter()
        try:
            return await self._events.get()
        finally:
            self._waited_s += time.perf_counter() - started

    def _start(self, draw: Draw) -> Event:
        prompt_tokens = self._prompt_tokens[draw.model]
        ceiling = 0.0
        if self._cost.knows(draw.model):
            ceiling = self._cost.ceiling(draw.model, prompt_tokens, draw.n, draw.max_tokens)
        hold = self._ledger.hold(ceiling)
        if hold is None:
            return Refused(self._ledger.remaining)
        samples = tuple(Sample(next(self._sample_ids), index) for index in range(draw.n))
        running = RunningDraw(
            next(self._tickets),
            draw,
            prompt_tokens,
            hold,
            samples,
            token_per_chunk=self._sampler.token_per_chunk(draw.model),
        )
        self._draws[running.ticket] = running
        task = asyncio.create_task(self._draw(running), name=f"draw-{running.ticket}")
        task.add_done_callback(lambda ended: self._ended(running, ended))
        self._tasks[running.ticket] = task
        self._open.add(running.ticket)
        return Started(running.ticket, ceiling)

    async def _draw(self, running: RunningDraw) -> None:
        async with asyncio.TaskGroup() as judging:
            try:
                await self._stream(running, judging)
            except UpstreamError as failure:
                running.failure = failure
            except Overrun as overrun:
                running.overrun = True
                running.failure = UpstreamError(running.draw.model, f"overran: {overrun}")
            finally:
                running.hold.settle(running.flops(self._cost))

    def _ended(self, running: RunningDraw, task: asyncio.Task[None]) -> None:
        """Settle and report.

        A callback, because a task that is cancelled before its first step runs none of its own
        clean-up, and because a bug in it must not leave the plan waiting.
        """
        running.hold.settle(running.flops(self._cost))
        self._open.discard(running.ticket)
        if not task.cancelled():
            failure = running.failure or task.exception()
            text = None if failure is None else str(failure)
            self._events.put_nowait(Done(running.ticket, self._ledger.remaining, text))

    def _raise_bugs(self) -> None:
        """Raise what a task died of: upstream failures never end a task, so it is our fault."""
        for task in self._tasks.values():
            if task.done() and not task.cancelled() and (bug := task.exception()) is not None:
                raise bug

    async def _stream(self, running: RunningDraw, judging: asyncio.TaskGroup) -> None:
        """Read the draw to its end.

        Once every sample has ended, what is left is its usage: worth a moment, and no more.
        """
        running.sent = True
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(None) as patience,
                aclosing(self._sampler.sample(running.draw)) as chunks,
            ):
                async for chunk in chunks:
                    ended = running.take(chunk)
                    if self._listener is not None:
                        self._listener(running, chunk)
                    if ended is not None:
                        self._finish(running, ended, judging)
                    if running.finished and patience.when() is None:
                        patience.reschedule(loop.time() + USAGE_GRACE_S)
        if not running.finished:
            raise UpstreamError(running.draw.model, "ended its answer early")

    def _finish(self, running: RunningDraw, sample: Sample, judging: asyncio.TaskGroup) -> None:
        candidate = running.candidate(sample)
        self._candidates[candidate.id] = candidate
        self._events.put_nowait(Sampled(running.ticket, candidate))
        if running.draw.verify and self._judge is not None:
            judging.create_task(self._verify(candidate, self._judge))

    async def _verify(self, candidate: Candidate, judge: Judge) -> None:
        judgement = await judge.judge(candidate)
        self._judgements[candidate.id] = judgement
        judged = replace(candidate, verdict=judgement.verdict)
        self._candidates[candidate.id] = judged
        self._events.put_nowait(Judged(judged, judgement.verdict))


async def _stop(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks and wait for their ends; `_raise_bugs` looks at how they ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
