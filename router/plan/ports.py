"""What a run asks of the world, and what it tells it: protocols, without one performer.

The gateway gives it upstreams and a sandbox, replay gives it recorded samples, tests give it
scripts; the run cannot tell them apart.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol, TypeAlias

from policies.protocol import Command, Draw, Event, Execute, Rank
from policies.values import Output
from router.plan.draws import RunningDraw
from router.request import Judgement
from router.upstream.said.chunks import Chunk


class Sampler(Protocol):
    """Performs draws. Closing the generator aborts the draw; it raises `UpstreamError`.

    It yields pieces as they come, and not all at once: what a draw has cost when a verdict ends the
    plan are the pieces that were there by then.
    """

    def sample(self, draw: Draw) -> AsyncGenerator[Chunk, None]:
        """Stream the samples of a draw."""
        ...

    def token_per_chunk(self, model: str) -> bool:
        """Whether every chunk with text from this model is one token."""
        ...


class Place(Protocol):
    """The room that a draw has at its server, while it is entered."""

    def ended(self) -> None:
        """One of its samples has ended, and needs no room any more."""
        ...


class Gate(Protocol):
    """Lets draws through to their servers."""

    def place(self, draw: Draw) -> AbstractAsyncContextManager[Place]:
        """Room for a draw; entering it waits until there is some. Raises `UpstreamError`.

        What waits was not sent: it costs nothing, and may be cancelled.
        """
        ...


class Judge(Protocol):
    """Runs the caller's tests on an answer. Our own faults come back as unverified."""

    async def judge(self, text: str) -> Judgement:
        """Judge the program that an answer makes."""
        ...


Book: TypeAlias = Callable[[int, int], AbstractContextManager[None]]
"""Within it a forward pass is sent, over so many tokens that are read, and those that are scored.

It costs what it computes: nothing where it fails of an `UpstreamError` that says so.
"""


class Ranker(Protocol):
    """Scores candidates under models. Raises `UpstreamError`."""

    async def rank(self, command: Rank, book: Book) -> Mapping[int, float]:
        """The score of each candidate by its id; one that cannot be scored is left out.

        What it computes costs what it books.
        """
        ...


Tell: TypeAlias = Callable[[int, tuple[Output | None, ...]], None]
"""Told what a candidate, by its id, gave for the inputs of a command, in their order."""


class Executor(Protocol):
    """Runs programs for their outputs. What a program does wrong is a missing output."""

    async def execute(self, command: Execute, tell: Tell) -> None:
        """Run them all, and tell of each as it ends."""
        ...


class Observer:
    """Hears what a run does, as it happens. A subclass takes what it wants to hear."""

    def on_command(self, command: Command) -> None:
        """The plan asked for it."""

    def on_event(self, event: Event) -> None:
        """It happened, whether the plan will ask for it or not."""

    def on_sent(self, draw: RunningDraw) -> None:
        """A draw goes out: it does not wait here any more."""

    def on_chunk(self, draw: RunningDraw, chunk: Chunk) -> None:
        """A piece of a draw arrived, and is counted."""


class Together(Observer):
    """Several observers as one, told in their order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def on_command(self, command: Command) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.on_command(command)

    def on_event(self, event: Event) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.on_event(event)

    def on_sent(self, draw: RunningDraw) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.on_sent(draw)

    def on_chunk(self, draw: RunningDraw, chunk: Chunk) -> None:
        """See `Observer`."""
        for observer in self._observers:
            observer.on_chunk(draw, chunk)
