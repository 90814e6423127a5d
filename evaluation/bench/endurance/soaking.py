"""A soak: load, for as long as is wanted, on a gateway that is looked at before and after."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import aiohttp
import psutil

from evaluation.bench.endurance.clients import Fate, ask, session
from evaluation.bench.endurance.faults import WEIGHTS, Fault
from evaluation.bench.endurance.hosted import Host, Killed, hosted, kill
from evaluation.bench.endurance.load import Kind, Leaving, Wish, wishes
from evaluation.bench.endurance.scripted import FLOPS_PER_TOKEN, MODEL, Scripted, Served
from evaluation.bench.endurance.watching import Figures, Footprint, Lateness, Watch
from evaluation.bench.overhead import BenchFailed

_TRAIL_POINTS: Final = 60

Advance: TypeAlias = Callable[[str], None]
"""Hears what is being done."""


@dataclass(frozen=True, slots=True)
class Ordeal:
    """What a gateway goes through. Times in seconds.

    `warm_s` of load come first, before anything is measured; after load, what is left may take
    `settle_s` to go. `kills` of engines are spread over the time. `engines` are the embedded
    models, `cancel_s` is how long a draw may live after its client went.
    """

    seconds: float
    warm_s: float
    settle_s: float = 60.0
    clients: int = 8
    kills: int = 4
    seed: int = 0
    engines: tuple[str, ...] = ()
    sandbox: bool = True
    cancel_s: float = 0.2
    weights: Mapping[Fault, int] = field(default_factory=lambda: WEIGHTS)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that a server counted, and those that the gateway has booked for the same work."""

    what: str
    counted: float
    booked: float

    @property
    def ratio(self) -> float:
        """Booked for each that was counted."""
        return self.booked / self.counted if self.counted else 1.0


@dataclass(frozen=True, slots=True)
class Outlived:
    """A draw that went on after its client had left, by so many seconds.

    Less what this process was late itself, which it cannot tell apart. `at` is when it left.
    """

    request: int
    kind: Kind
    leaving: Leaving
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Endured:
    """What came of an ordeal. `seconds` are those of load that were measured.

    `served` are the scripted server's answers by request, `scripted` and `engines` the tokens of
    its answers and of the engines', `whole` those of answers that nothing went wrong with.
    `pulses` are the seconds that the gateway took for requests that need nothing: where it is kept
    waiting itself, so is all else. `complaints` are of its log, `left` its processes that
    outlived it.
    """

    ordeal: Ordeal
    seconds: float
    before: Footprint
    after: Footprint
    fates: Sequence[Fate]
    served: Mapping[int | None, Sequence[Served]]
    killed: Sequence[Killed]
    scripted: Sequence[Tokens]
    whole: Tokens
    engines: Sequence[Tokens]
    outlived: Sequence[Outlived]
    trail: Sequence[tuple[float, Footprint]]
    pulses: Sequence[float] = ()
    complaints: Sequence[str] = ()
    left: Sequence[int] = ()


async def soak(ordeal: Ordeal, advance: Advance) -> Endured:
    """Start a gateway and have it go through an ordeal. Raises `BenchFailed`."""
    scripted = Scripted(ordeal.seed, ordeal.weights)
    async with scripted.running():
        async with hosted(scripted, ordeal.engines, sandbox=ordeal.sandbox) as host:
            found = await endured(host, scripted, ordeal, advance)
        return replace(found, left=host.left())


async def endured(host: Host, scripted: Scripted, ordeal: Ordeal, advance: Advance) -> Endured:
    """What comes of an ordeal of a running gateway. Raises `BenchFailed` where it ends itself."""
    try:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(session(host.url))
            watch = Watch(host, scripted, client)
            return await _endured(watch, ordeal, advance)
    except (psutil.Error, aiohttp.ClientError) as error:
        told = "\n".join(host.complaints())
        raise BenchFailed(f"the gateway is gone ({error!r}); it said:\n{told}") from error


async def _endured(watch: Watch, ordeal: Ordeal, advance: Advance) -> Endured:
    now = asyncio.get_running_loop().time
    models = watch.host.models
    asked = wishes(models, await watch.filling(), ordeal.seed, sandbox=ordeal.sandbox)
    late, fates = Lateness(), list[Fate]()
    advance(f"warming up for {ordeal.warm_s:.0f} s")
    await _loaded(watch, asked, fates, late, replace(ordeal, seconds=ordeal.warm_s, kills=0))
    before = await watch.settled(None, ordeal.settle_s)
    watch.trail.clear()
    watch.pulses.clear()
    advance(f"load for {ordeal.seconds:.0f} s")
    began = now()
    killed = await _loaded(watch, asked, fates, late, ordeal)
    seconds = now() - began
    advance("waiting until all is quiet")
    after = await watch.settled(before, ordeal.settle_s)
    figures = await watch.figures()
    return Endured(
        ordeal,
        seconds,
        before,
        after,
        fates=fates,
        served=dict(watch.scripted.served),
        killed=killed,
        scripted=_scripted(watch.scripted, figures),
        whole=_whole(fates, watch.scripted),
        engines=[_computed(watch, figures, model) for model in ordeal.engines],
        outlived=list(_outlived(fates, watch.scripted, late)),
        trail=list(watch.trail),
        pulses=list(watch.pulses),
        complaints=watch.host.complaints(),
    )


async def _loaded(
    watch: Watch, asked: Iterator[Wish], fates: list[Fate], late: Lateness, ordeal: Ordeal
) -> list[Killed]:
    """Have clients ask for some time, until the last has its answer; which engines were killed."""
    now = asyncio.get_running_loop().time
    until = now() + ordeal.seconds

    async def ask_on() -> None:
        while now() < until:
            fates.append(await ask(watch.client, next(asked)))

    async with asyncio.TaskGroup() as beside:
        every = max(1.0, ordeal.seconds / _TRAIL_POINTS)
        works = (watch.follow(every), watch.feel(), late.watch())
        looking = [beside.create_task(work) for work in works]
        killed, *_ = await asyncio.gather(
            _killed(watch, ordeal), *(ask_on() for _ in range(ordeal.clients))
        )
        for task in looking:
            task.cancel()
    return killed or []


async def _killed(watch: Watch, ordeal: Ordeal) -> list[Killed]:
    """Kill engines, one after the other, spread over the time."""
    now = asyncio.get_running_loop().time
    began, pause = now(), ordeal.seconds / (ordeal.kills + 1)
    chance = random.Random(ordeal.seed)  # noqa: S311 no secret
    killed = []
    for at in range(1, ordeal.kills + 1 if ordeal.engines else 1):
        await asyncio.sleep(max(0.0, began + at * pause - now()))
        if one := await kill(watch.host, chance.choice(ordeal.engines), watch.client):
            killed.append(one)
    return killed


def _scripted(scripted: Scripted, figures: Figures) -> list[Tokens]:
    """All that the scripted server sent, and all that was booked for it.

    A prompt whose length nobody told is booked as long as it can be, and a draw whose tokens cannot
    be counted at its ceiling.
    """
    served = scripted.all
    generated = figures["router_completion_tokens_total", MODEL]
    paid = figures["router_flops_used_total", MODEL] / FLOPS_PER_TOKEN
    return [
        Tokens("scripted, generated", sum(each.generated for each in served), generated),
        Tokens("scripted, by FLOPs, prompts too", sum(each.tokens for each in served), paid),
    ]


def _whole(fates: Sequence[Fate], scripted: Scripted) -> Tokens:
    """What it sent in answers that were whole, and what these say that they cost.

    Without those that may be broken off by the plan or the deadline, just when the server is done.
    """
    counted = booked = 0.0
    for fate in fates:
        served = scripted.served.get(fate.wish.number, [])
        well = all(each.fault is Fault.NONE and not each.hung_up for each in served)
        well = well and not fate.code and fate.wish.kind not in {Kind.TESTS, Kind.LATENCY}
        if served and well and fate.left is None and fate.flops is not None:
            counted += sum(each.tokens for each in served)
            booked += fate.flops / FLOPS_PER_TOKEN
    return Tokens("scripted, whole answers", counted, booked)


def _computed(watch: Watch, figures: Figures, model: str) -> Tokens:
    """What an engine counted of answers that it finished; what was broken off it does not count."""
    counted = watch.of_engines("llamacpp:tokens_predicted_total", model)
    booked = figures["router_completion_tokens_total", model]
    return Tokens(f"{model}, generated, of finished answers", counted, booked)


def _outlived(fates: Sequence[Fate], scripted: Scripted, late: Lateness) -> Iterator[Outlived]:
    for fate in fates:
        if fate.left is None:
            continue
        for served in scripted.served.get(fate.wish.number, ()):
            if served.ended is not None and served.ended > fate.left:
                own, wish = late.between(fate.left, served.ended), fate.wish
                seconds = max(0.0, served.ended - fate.left - own)
                yield Outlived(wish.number, wish.kind, wish.leaving, fate.left, seconds)
