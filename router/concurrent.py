"""Doing the same for several things, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
Result = TypeVar("Result")


async def concurrently(
    given: Iterable[T], perform: Callable[[T], Awaitable[Result]], *, at_once: int
) -> tuple[Result, ...]:
    """All results in order, begun in order; the first error cancels what is left."""
    places = asyncio.Semaphore(at_once)

    async def one(each: T) -> Result:
        async with places:
            return await perform(each)

    try:
        async with asyncio.TaskGroup() as running:
            tasks = [running.create_task(one(each)) for each in given]
    except ExceptionGroup as several:  # one reason not to go on is enough
        raise several.exceptions[0] from None
    return tuple(task.result() for task in tasks)
