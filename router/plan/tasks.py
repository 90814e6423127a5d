"""The tasks in which a plan's work is performed: when the last of a work's tasks ends, it is done.

A lone work needs none: it is performed in the task of the plan.

A draw has a task that reads its stream, and one for every candidate that is judged meanwhile. The
first one pays: what the work costs is known when it ends. Everything follows from callbacks of the
tasks, because a task that is cancelled before its first step runs none of its own clean-up, and
because a bug in one must not leave the plan waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol, TypeAlias

import structlog

from router.plan.work import Work

_log = structlog.get_logger("router")

_Task: TypeAlias = "asyncio.Task[None]"


class Account(Protocol):
    """Whose work it is.

    Only running tasks refer to it: it refers to them, and a circle would have to be found by the
    collector of garbage, with all that a request has brought.
    """

    def settle(self, work: Work) -> None:
        """A work's paying task has ended."""
        ...

    def done(self, work: Work) -> None:
        """All of its tasks have."""
        ...


class WorkTasks:
    """Starts and stops the tasks of one run.

    An upstream's failure ends no task: what tasks die of are faults of ours.
    """

    def __init__(self) -> None:
        self._bugs: list[BaseException] = []
        self._running: dict[int, dict[_Task, Callable[[_Task], None]]] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing runs."""
        return not self._running

    def launch(
        self, work: Work, performing: Coroutine[Any, Any, None], account: Account, *, pays: bool
    ) -> None:
        """Perform some of a work in a task of its own."""
        task = asyncio.create_task(performing, name=f"work-{work.ticket}")
        ended = partial(self._ended, work, account, pays=pays)
        self._running.setdefault(work.ticket, {})[task] = ended
        task.add_done_callback(ended)

    async def perform(
        self, work: Work, performing: Coroutine[Any, Any, None], account: Account
    ) -> None:
        """Perform all of a work in the task of who waits for it, beside which nothing runs.

        Where that task is cancelled meanwhile, it stays so, whatever the work makes of it: what
        dies only of that is logged, as in `stop_all`.
        """
        before = _cancellations()
        try:
            await performing
        except Exception as bug:
            work.failure = work.failure or _fault(bug)
            if _cancellations() <= before:
                raise ExceptionGroup("a fault in the work of a plan", [bug]) from bug
            _tell([bug])
        finally:
            account.settle(work)
            account.done(work)
        if _cancellations() > before:
            raise asyncio.CancelledError

    async def stop(self, ticket: int) -> None:
        """Cancel one work, and wait for its end."""
        await self._stop(ticket)

    async def stop_all(self) -> None:
        """Cancel everything, and wait for its end.

        What dies only of that has spoilt nothing of what the plan has come to: it is logged.
        """
        before = len(self._bugs)
        try:
            await self._stop(*self._running)
        finally:
            _tell(self._bugs[before:])
            del self._bugs[before:]

    def raise_bugs(self) -> None:
        """Raise what tasks have died of, as a group, if any did."""
        if self._bugs:
            raise BaseExceptionGroup("faults in the work of a plan", self._bugs)

    def log_bugs(self) -> None:
        """Tell the log what tasks have died of, where nobody is there to whom it is raised."""
        _tell(self._bugs)

    async def _stop(self, *tickets: int) -> None:
        """Cancel works, and wait for their end; what of them is done is told, called back or not.

        A task that ends in the very turn of who stops it is done, and has called nobody yet.
        """
        found = [task for ticket in tickets for task in self._running.get(ticket, {})]
        try:
            await _cancel(*found)
        finally:
            for ticket in tickets:
                for task, ended in tuple(self._running.get(ticket, {}).items()):
                    if task.done():
                        ended(task)

    def _ended(self, work: Work, account: Account, task: _Task, *, pays: bool) -> None:
        others = self._running.get(work.ticket, {})
        if others.pop(task, None) is None:  # it was told already
            return
        if pays:
            account.settle(work)
        bug = None if task.cancelled() else task.exception()
        if bug is not None:
            self._bugs.append(bug)
            work.failure = work.failure or _fault(bug)
            for other in others:
                other.cancel()
        if not others:
            del self._running[work.ticket]
            account.done(work)


def _cancellations() -> int:
    """How often the task that runs was told to end."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _fault(bug: BaseException) -> RuntimeError:
    return RuntimeError(f"a fault of ours: {bug!r}")


def _tell(bugs: Sequence[BaseException]) -> None:
    for bug in bugs:
        _log.error("a fault in the work of a plan", exc_info=bug)


async def _cancel(*tasks: _Task) -> None:
    """Cancel tasks, and wait for their end: also where the one who waits is cancelled meanwhile."""
    for task in tasks:
        task.cancel()
    cancelled: asyncio.CancelledError | None = None
    while left := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError as again:
            cancelled = again
    if cancelled is not None:
        raise cancelled
