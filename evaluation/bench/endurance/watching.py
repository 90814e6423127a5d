"""What a gateway holds: memory, tasks, descriptors, processes, places, and slots of its engines.

And what it has counted of tokens, beside what its engines have.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Final, TypeAlias

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

from evaluation.bench.endurance.hosted import Host
from evaluation.bench.endurance.scripted import Scripted

_LOOK_S: Final = 1.0
_PULSE_S: Final = 0.2
_BEAT_S: Final = 0.02
_LATE_S: Final = 0.005

Figures: TypeAlias = Mapping[tuple[str, str], float]
"""Values of metrics, summed over their labels but for `model`: by name and model."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What may grow. `memory` is in bytes, of the gateway's own process; `active` are requests.

    `draws` are those that the scripted server serves, `slots` those that engines are busy with.
    """

    memory: int
    tasks: int
    descriptors: int
    processes: int
    active: int
    draws: int
    slots: int


SLACK: Final = Footprint(
    memory=48 * 2**20, tasks=4, descriptors=16, processes=0, active=0, draws=0, slots=0
)
"""What may come and go: an allocator's reserve, and connections that are kept."""


def growth(before: Footprint, after: Footprint) -> list[str]:
    """What grew by more than it may, in words."""
    old, new, slack = asdict(before), asdict(after), asdict(SLACK)
    return [
        f"{name} grew: {old[name]}, then {new[name]}"
        for name in old
        if new[name] > old[name] + slack[name]
    ]


@dataclass(slots=True)
class Lateness:
    """How late this process itself was, at which times: what it measures cannot be finer."""

    late: list[tuple[float, float]] = field(default_factory=list)

    def between(self, start: float, end: float) -> float:
        """The most that it was late in this time, in seconds."""
        return max((by for at, by in self.late if start <= at and at - by <= end), default=0.0)

    async def watch(self) -> None:
        """Note it, until cancelled."""
        now = asyncio.get_running_loop().time
        while True:
            due = now() + _BEAT_S
            await asyncio.sleep(_BEAT_S)
            if now() > due + _LATE_S:
                self.late.append((now(), now() - due))


@dataclass(slots=True)
class Watch:
    """Looks at a gateway, its engines and the scripted server.

    `counted` are the engines' own counts of tokens, by name and model, summed over the processes
    that an engine had; what one counted within a second of its death is lost.
    """

    host: Host
    scripted: Scripted
    client: aiohttp.ClientSession
    counted: dict[tuple[str, str], dict[int, float]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    trail: list[tuple[float, Footprint]] = field(default_factory=list)
    pulses: list[float] = field(default_factory=list)

    async def figures(self) -> Figures:
        """The gateway's metrics."""
        return await _figures(self.client, "/metrics")

    async def filling(self) -> list[str]:
        """The models that fill in the middle."""
        async with self.client.get("/v1/models") as answer:
            shown = {each["id"]: each for each in (await answer.json())["data"]}
        return [model for model in self.host.models if shown[model]["fills_in_the_middle"]]

    async def footprint(self) -> Footprint:
        """What it holds just now."""
        figures = await self.figures()
        process = self.host.process
        return Footprint(
            memory=process.memory_info().rss,
            tasks=int(figures["router_tasks", ""]),
            descriptors=process.num_fds(),
            processes=len(self.host.children()),
            active=int(figures["router_requests_active", ""]),
            draws=self.scripted.playing,
            slots=await self._busy(),
        )

    async def settled(self, wanted: Footprint | None, within: float) -> Footprint:
        """What it holds once nothing is being done, and no more than is `wanted`.

        That is, or what it holds after so many seconds.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + within
        while True:
            await asyncio.sleep(_LOOK_S)
            found = await self.footprint()
            idle = not (found.active or found.draws or found.slots)
            if clock() > until or (idle and (wanted is None or not growth(wanted, found))):
                return found

    async def follow(self, every: float) -> None:
        """Keep a trail of what it holds, and of what engines count, until cancelled."""
        now = asyncio.get_running_loop().time
        began = due = now()
        while True:
            await self._busy()
            if now() >= due:
                due += every
                with _gone():
                    self.trail.append((now() - began, await self.footprint()))
            await asyncio.sleep(_LOOK_S)

    async def feel(self) -> None:
        """Note how long the gateway takes for a request that needs nothing, until cancelled."""
        now = asyncio.get_running_loop().time
        while True:
            asked = now()
            with _gone():
                async with self.client.get("/healthz"):
                    self.pulses.append(now() - asked)
            await asyncio.sleep(_PULSE_S)

    def of_engines(self, name: str, model: str) -> float:
        """What the processes of an engine have counted, all together."""
        return sum(self.counted[name, model].values())

    async def _busy(self) -> int:
        """Slots in use, of all engines that answer; their counts are kept on the way."""
        busy = 0
        for model, engine in self.host.engines().items():
            with _gone():
                ports = [
                    c.laddr.port for c in engine.net_connections("tcp") if c.status == "LISTEN"
                ]
                for port in ports:
                    found = await _figures(self.client, f"http://127.0.0.1:{port}/metrics")
                    busy += int(found.get(("llamacpp:requests_processing", ""), 0))
                    for (name, _), value in found.items():
                        self.counted[name, model][engine.pid] = value
        return busy


@contextmanager
def _gone() -> Iterator[None]:
    """What is looked at may have ended, or be ending."""
    try:
        yield
    except (psutil.Error, aiohttp.ClientError, TimeoutError):
        return


async def _figures(client: aiohttp.ClientSession, url: str) -> Figures:
    async with client.get(url) as answer:
        text = await answer.text() if answer.ok else ""  # an engine that still loads its model
    found: dict[tuple[str, str], float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, sample.labels.get("model", "")] += sample.value
    return found
