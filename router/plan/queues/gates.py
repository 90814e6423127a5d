"""What lets the draws of a run through to their servers: through lanes, where there are some.

Where nobody counts the slots of servers, every draw is let through at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from policies.forecast import Forecast
from policies.protocol import Draw
from policies.values import Task
from router.plan.ports import Place
from router.plan.queues.lanes import Lane


class _Anywhere:
    """A place of which there are as many as one likes."""

    def ended(self) -> None:
        """Nothing was taken."""


ANYWHERE: Final[AbstractAsyncContextManager[Place]] = nullcontext(_Anywhere())
"""Entered as often as one likes, also at the same time."""


class OpenGate:
    """Lets everything through."""

    def place(self, draw: Draw) -> AbstractAsyncContextManager[Place]:  # noqa: ARG002 whatever it is
        """Room for a draw."""
        return ANYWHERE


@dataclass(slots=True)
class RequestGate:
    """The gate of one request: who asks, by when, and what is forecast of the models.

    It has `begun` when the first of its draws was let in; at once where it is of one of several
    prompts, and another has. Such a prompt waits until its deadline, which leaves its own answer
    empty: to be refused would fail all of them.
    """

    lanes: Mapping[str, Lane]
    caller: str
    deadline: float | None
    task: Task
    forecasts: Mapping[str, Forecast]
    begun: bool = False
    _drawn: bool = field(default=False, init=False)

    def place(self, draw: Draw) -> AbstractAsyncContextManager[Place]:
        """Room for a draw, in the lane of its model."""
        lane = self.lanes.get(draw.model)
        return ANYWHERE if lane is None else self._through(lane, draw)

    @asynccontextmanager
    async def _through(self, lane: Lane, draw: Draw) -> AsyncIterator[Place]:
        first_s = self._first_s(draw.model)
        room = lane.acquire(draw.n, self.caller, self.deadline, first_s=first_s, begun=self.begun)
        async with room as place:
            self.begun = self._drawn = True
            yield place

    def _first_s(self, model: str) -> float | None:
        forecast = self.forecasts.get(model)
        if forecast is None or (self.begun and not self._drawn):
            return None
        sizes = [view.prompt_tokens for view in self.task.models if view.id == model]
        return forecast.first_token(sizes[0]) if sizes else None
