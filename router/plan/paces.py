"""How fast models answer now, as the runs before saw it: where forecasts come from.

Every run is watched: when its draws were sent, when their first token came and when the last, and
how many samples the model computed meanwhile. Of that a few draws of each size are kept, newer ones
count more, and old ones are forgotten: a machine's load changes, and a cache fills. What the
operator gave as a start counts little beside what was seen, and alone where nothing was. How long a
draw waited here before it was sent is no matter of the model's pace: `router.plan.queues.lanes`
foretells that.

The time to the first token grows with what is computed of a prompt. What a model has read lately it
does not compute again: `router.plan.prefixes` foretells that.

Where no token is asked for, as editors do to have a prompt read ahead, the prompt is known as read;
of the model's pace, and of how long answers are, that says nothing.

What came too late was not seen, and must be learned from too, or the next plan would try the same
again. A draw that the deadline ended before its first token is taken to have needed twice as long,
and its model to be slower by as much, until a first token is seen that says better; that is
believed less and less, so that it is tried again. Of how long answers are, it says nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from policies.forecast import Forecast, Length, Seen, Trend, usual_length
from policies.protocol import Command, Done, Draw, Event, Sampled, Started
from policies.values import Candidate, Task
from router.plan.draws import RunningDraw
from router.plan.ports import Observer
from router.plan.prefixes import NOTHING_READ, Blocks, KeptPrompts
from router.plan.queues.occupancy import Occupancy, OwnOccupancy
from router.upstream.said.chunks import Chunk

KEPT: Final = 8
"""Draws of one model that are remembered, of each size about."""

KEPT_LENGTHS: Final = 64
"""Answers of one model and kind that are remembered."""

LATE_TIMES: Final = 2.0
"""How often the time that it had a draw is taken to need that had no token by then."""

HALF_LIFE_S: Final = 30.0
"""A draw counts half as much as one that came this much later."""

STALE_S: Final = 600.0
"""What is older is forgotten."""

CLOCK_S: Final = 0.001
"""Timers come early by less than this."""

START_WEIGHT: Final = 0.05
"""How much the operator's figures count beside a draw that was just seen."""

Dated: TypeAlias = tuple[float, Seen]
"""When, on the event loop's clock, and what."""


@dataclass(frozen=True, slots=True)
class PaceStart:
    """What is given of a model before it was seen: seconds by prompt tokens, and by samples."""

    first: tuple[Seen, ...] = ()
    step: tuple[Seen, ...] = ()


@dataclass(slots=True)
class _SeenLately:
    """What was seen last, of each size about (up to its double).

    An editor's prompts are cached but for a few: all that is known of new ones would be forgotten.
    """

    _by_size: dict[int, deque[Dated]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=KEPT))
    )

    def add(self, when: float, seen: Seen) -> None:
        """It was seen now."""
        self._by_size[round(seen.size).bit_length()].append((when, seen))

    def weighed(self, start: Iterable[Seen], now: float) -> list[Seen]:
        """What is not stale, by its age, and what was given as a start."""
        kept = [dated for alike in self._by_size.values() for dated in alike]
        fresh = [(when, seen) for when, seen in kept if now - when <= STALE_S]
        newest = max((when for when, _ in fresh), default=now)
        return [
            *(Seen(s.size, s.seconds, 0.5 ** ((newest - at) / HALF_LIFE_S)) for at, s in fresh),
            *(Seen(s.size, s.seconds, START_WEIGHT) for s in start),
        ]


@dataclass(slots=True)
class _Memory:
    """What was seen of one model. `computing` is how many samples it computes for us now."""

    start: PaceStart
    computing: Occupancy = field(default_factory=OwnOccupancy)
    first: _SeenLately = field(default_factory=_SeenLately)
    late: Dated | None = None
    step: _SeenLately = field(default_factory=_SeenLately)
    lengths: dict[str, deque[tuple[float, Length]]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=KEPT_LENGTHS))
    )
    prompts: KeptPrompts = field(default_factory=KeptPrompts)

    @property
    def busy(self) -> int:
        """The samples that it computes for us now."""
        return self.computing.total

    def forecast(self, kind: str, blocks: Blocks, now: float) -> Forecast | None:
        """What is to be expected; None where nothing is known."""
        first, step = self.first_token(now), Trend.of(self.step.weighed(self.start.step, now))
        if first == step == Trend():
            return None
        return Forecast(
            first,
            step,
            busy=self.busy,
            usual_tokens=_usual(self.lengths[kind], now),
            cached=self.prompts.expected(blocks),
        )

    def first_token(self, now: float) -> Trend:
        """The time to a first token, by those that were seen and the one that was not."""
        seen = self.first.weighed(self.start.first, now)
        if self.late is None or now - self.late[0] > STALE_S:
            return Trend.of(seen)
        at, late = self.late
        line = Trend.of(seen or [late])
        slower = max(1.0, LATE_TIMES * late.seconds / max(CLOCK_S, line.at(late.size)))
        return line.slowed(slower**0.5 ** ((now - at) / HALF_LIFE_S))


@dataclass(slots=True)
class _Timed:
    """One draw: its first and its latest token, with what ran meanwhile.

    `draw` is None as long as it waits to be sent, `first_at` as long as no token has come.
    """

    model: str
    samples: int
    for_tests: bool = False
    draw: RunningDraw | None = None
    first_at: float | None = None
    first_tokens: int = 0
    first_busy: int = 0
    last_at: float = 0.0
    last_tokens: int = 0
    last_busy: int = 0


class Paces:
    """The memory of all models; one for a gateway.

    `computing` has, by model, where samples are counted that others draw there as well.
    """

    def __init__(
        self,
        starts: Mapping[str, PaceStart] | None = None,
        computing: Mapping[str, Occupancy] | None = None,
    ) -> None:
        self._models: dict[str, _Memory] = defaultdict(lambda: _Memory(PaceStart()))
        for model, start in (starts or {}).items():
            self._models[model] = _Memory(start)
        for model, occupancy in (computing or {}).items():
            self._models[model].computing = occupancy

    def forecasts(self, kind: str, blocks: Blocks = NOTHING_READ) -> dict[str, Forecast]:
        """What is to be expected of each model of which anything is known, for such a request."""
        now = asyncio.get_running_loop().time()
        memories = self._models.items()
        found = {model: memory.forecast(kind, blocks, now) for model, memory in memories}
        return {model: forecast for model, forecast in found.items() if forecast is not None}

    def watch(
        self, task: Task, kind: str, deadline: float | None, blocks: Blocks = NOTHING_READ
    ) -> Observer:
        """An observer for one run."""
        return _Watch(self._models, task, kind, deadline, blocks)


@dataclass(slots=True)
class _Watch(Observer):
    """Times the draws of one run. `kind` is that of the request: what its answers are like."""

    models: Mapping[str, _Memory]
    task: Task
    kind: str
    deadline: float | None
    blocks: Blocks
    _asked: Command | None = None
    _running: dict[int, _Timed] = field(default_factory=dict)

    def on_command(self, command: Command) -> None:
        self._asked = command

    def on_event(self, event: Event) -> None:
        match event:
            case Started(ticket=ticket) if isinstance(self._asked, Draw):
                self._running[ticket] = _Timed(
                    self._asked.model, self._asked.n, for_tests=self._asked.for_tests
                )
            case Sampled(ticket=ticket, candidate=candidate):
                self._sampled(self._running[ticket], candidate)
            case Done(ticket=ticket) as done if ticket in self._running:
                self._done(self._running.pop(ticket), failed=done.failure is not None)
            case _:
                pass

    def on_sent(self, draw: RunningDraw) -> None:
        timed = self._running[draw.ticket]
        timed.draw = draw
        self.models[draw.model].computing.add(timed.samples)

    def on_chunk(self, draw: RunningDraw, chunk: Chunk) -> None:
        timed = self._running[draw.ticket]
        tokens = draw.samples[chunk.index].tokens
        if tokens <= timed.last_tokens:  # the others of a draw follow its longest in step
            return
        now, busy = asyncio.get_running_loop().time(), self.models[draw.model].busy
        if timed.first_at is None:
            timed.first_at, timed.first_tokens, timed.first_busy = now, tokens, busy
        timed.last_at, timed.last_tokens, timed.last_busy = now, tokens, busy

    def _sampled(self, timed: _Timed, candidate: Candidate) -> None:
        memory = self.models[timed.model]
        memory.computing.add(-1)
        timed.samples -= 1
        self._add_length(memory, Length(candidate.tokens, candidate.cut))

    def _done(self, timed: _Timed, *, failed: bool) -> None:
        if timed.draw is None:  # it was never sent, and says nothing of the model's pace
            return
        memory, now = self.models[timed.model], asyncio.get_running_loop().time()
        memory.computing.add(-timed.samples)
        if failed:
            return
        if timed.first_at is not None:
            self._add_times(memory, timed, timed.draw, timed.first_at)
        if timed.for_tests:  # they are no answers, and their prompt is not the request's
            return
        for sample in timed.draw.samples:
            if sample.partial and sample.tokens:
                self._add_length(memory, Length(sample.tokens, cut=True))
        # One may end without a token: where none is asked for, so that a prompt is read ahead.
        if timed.first_at is not None or timed.draw.finished:
            self._add_prompt(memory, timed.draw, timed.draw.cached_tokens)
        elif self.deadline is not None and now > self.deadline - CLOCK_S:
            self._add_late(memory, timed.draw, now)

    def _add_times(
        self, memory: _Memory, timed: _Timed, draw: RunningDraw, first_at: float
    ) -> None:
        seen = Seen(_computed(draw), first_at - draw.sent_at)
        memory.first.add(first_at, seen)
        if memory.late is not None and _better(seen, draw.sent_at, *memory.late):
            memory.late = None
        steps = timed.last_tokens - timed.first_tokens
        if steps > 0:
            busy = (timed.first_busy + timed.last_busy) / 2
            memory.step.add(timed.last_at, Seen(busy, (timed.last_at - first_at) / steps))

    def _add_late(self, memory: _Memory, draw: RunningDraw, now: float) -> None:
        """A draw without a token until its deadline; where nothing was told, nothing was cached."""
        late = Seen(_computed(draw), now - draw.sent_at)
        if memory.first_token(now).at(late.size) < LATE_TIMES * late.seconds:
            memory.late = (now, late)
        self._add_prompt(memory, draw, draw.cached_tokens or 0)

    def _add_prompt(self, memory: _Memory, draw: RunningDraw, cached_tokens: int | None) -> None:
        (most,) = (view.max_batch for view in self.task.models if view.id == draw.model)
        found = None if cached_tokens is None else cached_tokens / max(1, draw.prompt.most)
        memory.prompts.read(self.blocks, samples=draw.command.n, most=most, found=found)

    def _add_length(self, memory: _Memory, length: Length) -> None:
        """Where no token was allowed, nothing was said of how long answers are."""
        if self.task.max_tokens:
            now = asyncio.get_running_loop().time()
            memory.lengths[self.kind].append((now, length))


def _computed(draw: RunningDraw) -> int:
    """The tokens of its prompt that its server computed, as far as that is known."""
    return draw.prompt_tokens - min(draw.cached_tokens or 0, draw.prompt_tokens - 1)


def _better(seen: Seen, sent_at: float, late_at: float, late: Seen) -> bool:
    """Whether a first token shows that a draw which was late would not be so any more.

    It was sent after that one, of a prompt that is half as long at least, and came sooner.
    """
    at_least = seen.size >= late.size / 2 and sent_at >= late_at - late.seconds
    return at_least and seen.seconds < late.seconds * max(1.0, seen.size / max(1, late.size))


def _usual(lengths: Iterable[tuple[float, Length]], now: float) -> int | None:
    return usual_length(length for when, length in lengths if now - when <= STALE_S)
