"""Drives a plan: performs its commands, pays for them, and tells it what happened.

Theory of operation. One `Run` serves one request. Its loop (`_drive`) is the only place that talks
to the plan, which is a generator:

    plan ── command ──► _execute ──► a task, for what starts work     ──► answer ──► plan
         ── Wait ─────► the oldest event that the plan has not seen   ──► answer ──► plan

- *Waiting.* A draw is sent when the gate lets it through (`router.plan.streams`); until then it
  costs nothing.
- *Alone.* A draw of one sample that no test judges, beside which nothing runs, gets no task: it is
  performed where the plan waits for it, and has one as soon as the plan does anything else.
- *Paying.* Work reserves its ceiling in the ledger before its task exists, and settles when that
  task has ended, in one place (`settle`, called by `router.plan.tasks`): however it ends, by
  itself, cancelled before its first step, or by a fault of ours. What does not fit is refused with
  what remains; a command is never edited.
- *Events.* A sample that ends is told at once, and judged in a task of its own while the others go
  on. `Done` is told when the stream has ended and every judgement of it is there.
- *Ending.* The plan returns, the deadline passes, or the request is cancelled: all that runs is
  cancelled, waited for and settled, and the selector chooses among what exists (at a deadline,
  beginnings too). Faults of ours in a task are raised then, and wake a plan that waits till then;
  where the request is cancelled, nobody hears them, and they are logged.
- *Time* is the event loop's and no other, so that a simulated clock replays a run.
- *The observer* hears every command and every event, those of a cancelled plan included: they are
  told as they happen and not when the plan asks for them.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any, assert_never

from policies.cost import CostModel
from policies.policy import Policy
from policies.protocol import (
    Cancel,
    Command,
    Done,
    Draw,
    Event,
    Execute,
    Judged,
    Plan,
    PlanError,
    Rank,
    Refused,
    Sampled,
    Start,
    Started,
    Wait,
)
from policies.values import Budget, Candidate, Remaining, Task
from router.plan import errands, streams
from router.plan.draws import RunningDraw, Space
from router.plan.kept import counted_on, kept_tokens
from router.plan.outcome import Outcome, partial_candidates
from router.plan.paying.ledger import Hold, Ledger
from router.plan.paying.prices import Prices
from router.plan.ports import Executor, Gate, Judge, Observer, Ranker, Sampler
from router.plan.queues.gates import OpenGate
from router.plan.samples import Sample
from router.plan.tasks import WorkTasks
from router.plan.work import Errand, Work
from router.request import Judgement
from router.upstream.said.chunks import Chunk


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
        ranker: Ranker | None = None,
        executor: Executor | None = None,
        observer: Observer | None = None,
        space: Space | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._selector = policy.selector.of(task)
        self._prices = Prices.of(task, cost)
        self._cost, self._space = cost, space
        self._sampler, self._judge = sampler, judge
        self._ranker, self._executor = ranker, executor
        self._observer = observer or Observer()
        self._gate = gate or OpenGate()
        self._plan: Plan = policy.plan(task, budget, cost)
        self._ledger = Ledger(budget.flops_limit)
        self._deadline: float | None = None
        self._unseen, self._told = deque[Event](), asyncio.Event()
        self._lone: RunningDraw | None = None
        self._tickets, self._sample_ids = itertools.count(), itertools.count()
        self._work: dict[int, Work] = {}
        self._tasks = WorkTasks()
        self._cancelled: set[int] = set()
        self._candidates: dict[int, Candidate] = {}
        self._tests: list[str] = []
        self._judgements: dict[int, Judgement] = {}
        self._waited_s = 0.0

    @property
    def work(self) -> tuple[Work, ...]:
        """All that was started so far, in order."""
        return tuple(self._work.values())

    async def perform(self, deadline: float | None = None) -> Outcome:
        """Drive the plan to its end, or to the deadline (on the event loop's clock).

        Raises what the policy raises before its first command, such as `BudgetTooSmall`, and faults
        of ours in its work as a group, also where the deadline has passed.
        """
        self._deadline = deadline
        try:
            deadline_passed = await self._drive_until(deadline)
        except BaseException:
            self._tasks.log_bugs()
            raise
        self._tasks.raise_bugs()
        kept = self._candidates or (partial_candidates(self.work) if deadline_passed else {})
        return Outcome(
            choice=self._selector.order(tuple(kept.values())),
            work=self.work,
            judgements=self._judgements,
            ledger=self._ledger,
            deadline_passed=deadline_passed,
            waited_s=self._waited_s,
        )

    async def _drive_until(self, deadline: float | None) -> bool:
        """Drive the plan to its end; whether the deadline came before."""
        if deadline is None:
            await self._drive()
            return False
        try:
            async with asyncio.timeout_at(deadline) as timeout:
                await self._drive()
        except TimeoutError:
            if not timeout.expired():
                raise
            return True
        return False

    async def _drive(self) -> None:
        try:
            with suppress(StopIteration):
                command = next(self._plan)
                while True:
                    self._observer.on_command(command)
                    command = self._plan.send(await self._execute(command))
        finally:
            self._plan.close()
            self._part()
            await self._tasks.stop_all()

    async def _execute(self, command: Command) -> Event:
        match command:
            case Draw() | Rank() | Execute():
                return self._start(command)
            case Cancel(ticket=ticket):
                return await self._cancel(ticket)
            case Wait():
                return await self._next_event()
            case _:
                assert_never(command)

    async def _next_event(self) -> Event:
        if not self._unseen:
            lone, self._lone = self._lone, None
            if lone is None and self._tasks.idle:
                raise PlanError("the plan waits, and nothing is running")
            clock = asyncio.get_running_loop().time
            started = clock()
            try:
                if lone is not None:
                    await self._tasks.perform(lone, self._stream(lone), self)
                while not self._unseen:
                    self._told.clear()
                    await self._told.wait()
            finally:
                self._waited_s += clock() - started
        return self._unseen.popleft()

    def _part(self) -> None:
        """A lone draw has a task from here on, if there is one that was not performed."""
        lone, self._lone = self._lone, None
        if lone is not None:
            self._tasks.launch(lone, self._stream(lone), self, pays=True)

    async def _cancel(self, ticket: int) -> Done:
        self._part()
        if ticket not in self._work:
            raise PlanError(f"the plan cancels {ticket}, and no such work was started")
        self._cancelled.add(ticket)
        await self._tasks.stop(ticket)
        return Done(ticket, self._remaining(), flops=self._work[ticket].flops(self._cost))

    def _start(self, command: Start) -> Event:
        self._part()
        hold, counted = self._ledger.hold(self._prices.ceiling(command)), 0
        if hold is None and (counted := counted_on(self.work, command)):  # only where it must
            hold = self._ledger.hold(self._prices.ceiling(command, counted))
        if hold is None:
            refused = Refused(self._remaining())
            self._observer.on_event(refused)
            return refused
        started = Started(ticket := next(self._tickets), hold.ceiling)
        self._observer.on_event(started)
        match command:
            case Draw():
                draw = self._work[ticket] = self._running(ticket, command, hold, counted)
                if command.n == 1 and not command.verify and self._tasks.idle:
                    self._lone = draw
                else:
                    self._tasks.launch(draw, self._stream(draw), self, pays=True)
            case Rank() | Execute():
                errand = self._work[ticket] = Errand(ticket, command, hold)
                self._tasks.launch(errand, self._ask(errand), self, pays=True)
        return started

    def _running(self, ticket: int, draw: Draw, hold: Hold, counted_on: int) -> RunningDraw:
        return RunningDraw(
            ticket,
            draw,
            self._prices.prompt(draw),
            hold,
            samples=tuple(Sample(next(self._sample_ids), index) for index in range(draw.n)),
            counted_on=counted_on,
            token_per_chunk=self._sampler.token_per_chunk(draw.model),
            space=None if draw.for_tests else self._space,
        )

    def settle(self, work: Work) -> None:
        """Pay for what a work did, and free what it did not need."""
        work.hold.settle(work.flops(self._cost))

    def done(self, work: Work) -> None:
        """Tell the plan that a work has ended."""
        failure = None if work.failure is None else str(work.failure)
        kept = kept_tokens(self.work, work.command)
        done = Done(work.ticket, self._remaining(), failure, kept, work.flops(self._cost))
        self._observer.on_event(done)
        if work.ticket not in self._cancelled:  # or it is the answer to `Cancel`
            self._show(done)

    def _tell(self, event: Event) -> None:
        self._observer.on_event(event)
        self._show(event)

    def _show(self, event: Event) -> None:
        """The plan is to see it."""
        self._unseen.append(event)
        self._told.set()

    def _remaining(self) -> Remaining:
        latency_ms = math.inf
        if self._deadline is not None:
            left_s = self._deadline - asyncio.get_running_loop().time()
            latency_ms = max(0.0, 1000 * left_s)
        return Remaining(self._ledger.remaining, latency_ms)

    def _stream(self, draw: RunningDraw) -> Coroutine[Any, Any, None]:
        return streams.performed(
            draw, gate=self._gate, sampler=self._sampler, observer=self._observer, take=self._take
        )

    def _take(self, running: RunningDraw, chunk: Chunk) -> bool:
        """Add a piece of a draw; whether it ended a sample."""
        ended = running.take(chunk)
        self._observer.on_chunk(running, chunk)
        if ended is None:
            running.keep_within(self._cost)
            return False
        if running.command.for_tests:
            self._tests.append(ended.text)
            return True
        candidate = self._candidates[ended.id] = running.candidate(ended)
        self._tell(Sampled(running.ticket, candidate))
        if running.command.verify and self._judge is not None:
            self._tasks.launch(running, self._verify(candidate, self._judge), self, pays=False)
        return True

    async def _verify(self, candidate: Candidate, judge: Judge) -> None:
        judgement = await judge.judge(candidate.text)
        judged = replace(self._candidates[candidate.id], verdict=judgement.verdict)
        self._judgements[candidate.id], self._candidates[candidate.id] = judgement, judged
        self._tell(Judged(judged, judgement.verdict))

    async def _ask(self, errand: Errand) -> None:
        """Perform a ranking or executions, and tell what came of it."""
        event = await errands.performed(
            errand,
            self._candidates,
            self._tests,
            ranker=self._ranker,
            executor=self._executor,
        )
        if event is not None:
            self._tell(event)
