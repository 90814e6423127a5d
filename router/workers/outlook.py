"""What the board says of lanes and servers: how long a draw would wait, and who is left alone.

The parent keeps the lanes, and workers plan: so it writes down for each model when a draw of one
sample, of a caller that has none waiting, would have its slot. Workers find out by their draws
which of a model's servers fail, and the parent gives out slots: so each writes down until when it
leaves which one alone. Both are moments on the clock that all processes share, so that what nobody
renews is over by itself: a worker that has no more draws to find out by takes no slots from others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from router.configuration.configured import counted_slots
from router.plan.queues.lanes import SlotLane
from router.sections.models import RemoteModel
from router.settings import Settings
from router.upstream.balancing.breaker import Closed
from router.upstream.balancing.replicas import Replicated
from router.upstream.client import Upstream
from router.workers.board import Board

_WAIT: Final = "wait "
"""And the name of a model: when a draw that came now would have its slot."""

_AWAY: Final = "away "
"""And a number and the name of a model: until when that server of it is left alone."""

_IN_A_SECOND: Final = 1_000_000
"""Of what moments are written in, as whole numbers."""

_PROBED_S: Final = 1.0
"""By so long after the end of its pause, a worker that has draws has sent a server one of them."""

_SOON_S: Final = 0.02
_AGAIN_S: Final = 0.25
_SHARE: Final = 10
"""Foretelling takes at most one part in so many of the parent's time."""


def columns(settings: Settings) -> list[str]:
    """Those of the board that are written here."""
    models = counted_slots(settings)
    away = (name for model in models for name in _away(settings, model))
    return [*(_WAIT + model for model in models), *away]


def _away(settings: Settings, model: str) -> list[str]:
    """The columns of a model's servers, where there are several."""
    config = settings.models[model]
    urls = config.urls if isinstance(config, RemoteModel) else ()
    return [f"{_AWAY}{at} {model}" for at in range(len(urls))] if len(urls) > 1 else []


@dataclass(frozen=True, slots=True)
class Outlook:
    """A worker's side."""

    settings: Settings
    board: Board
    number: int

    def expected_s(self, model: str) -> float:
        """How long a draw would wait, as the parent foretold it last; see `Lane.expected_s`."""
        at = self.board.value(self.board.parents, _WAIT + model)
        return max(0.0, at / _IN_A_SECOND - time.monotonic())

    def tell(self, upstreams: Mapping[str, Upstream]) -> None:
        """Which servers are left alone just now."""
        for model in counted_slots(self.settings):
            upstream = upstreams[model]
            if not isinstance(upstream, Replicated):
                continue
            # Of a lone server there is no column.
            for name, replica in zip(_away(self.settings, model), upstream.replicas, strict=False):
                breaker = replica.breaker
                until = 0.0 if isinstance(breaker, Closed) else breaker.until + _PROBED_S
                self.board.cell(self.number, name).put(int(until * _IN_A_SECOND))


@dataclass(slots=True)
class ParentOutlook:
    """The parent's side; `lanes` are told of where they are used."""

    settings: Settings
    board: Board
    lanes: Mapping[str, SlotLane] = field(default_factory=dict)
    _servers: dict[str, list[memoryview]] = field(init=False)
    _due: dict[str, tuple[float, asyncio.TimerHandle]] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._servers = {
            model: [self.board.column(name) for name in _away(self.settings, model)]
            for model in counted_slots(self.settings)
        }

    def slots(self, model: str, each: int) -> int:
        """Of all servers of a model, just now; of those that are left alone none.

        At least of one: where all are left alone, it is draws that find out.
        """
        servers = self._servers[model]
        if not servers:
            return each
        now = int(time.monotonic() * _IN_A_SECOND)
        return each * max(1, sum(max(until) <= now for until in servers))

    def changed(self, model: str) -> None:
        """Something came or went: what is foretold has changed."""
        soon = max(time.monotonic() + _SOON_S, self._not_before.get(model, 0.0))
        if model not in self._due or self._due[model][0] > soon:
            self._foretell_at(soon, model)

    def close(self) -> None:
        """Foretell nothing any more."""
        for _, timer in self._due.values():
            timer.cancel()
        self._due.clear()

    def _foretell_at(self, when: float, model: str) -> None:
        if model in self._due:
            self._due[model][1].cancel()
        timer = asyncio.get_running_loop().call_at(when, self._foretell, model)
        self._due[model] = when, timer

    def _foretell(self, model: str) -> None:
        del self._due[model]
        began, lane = time.monotonic(), self.lanes[model]
        lane.admit()  # there may be more slots than before
        waits_s = lane.expected_s(1, "", None)
        if len(lane):  # whoever comes now waits at least as long as it takes to look again
            waits_s = max(waits_s, _AGAIN_S)
        at = int((began + waits_s) * _IN_A_SECOND) if waits_s else 0
        self.board.cell(self.board.parents, _WAIT + model).put(at)
        ended = time.monotonic()
        self._not_before[model] = ended + _SHARE * (ended - began)
        if waits_s:  # by the time alone it becomes another
            self._foretell_at(max(ended + _AGAIN_S, self._not_before[model]), model)
