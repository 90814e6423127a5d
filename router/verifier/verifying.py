"""A verifier that tells how probably answers are right: it runs in a process of its own.

So the gateway needs neither numpy nor what reads the file, and no answer waits while one is scored.
It is a file, which sees all answers to a request together, or a directory: a T5 that reads one at a
time, and whose FLOPs are counted.

A request whose deadline is too short leaves the process as it was (`router.verifier.questions`). A
process that ends, or hangs, is replaced at once; where that happens again and again, after a pause
that grows. Nobody waits for the end of a pause: without a verifier something else chooses.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from policies.cost import EncoderDecoder
from policies.selection.lever import LEVER
from router.upstream.failures import UpstreamError
from router.upstream.sizes.architecture import UnknownArchitecture, t5_from_config_json
from router.verifier.questions import Conversation, NoAnswer, NotReady

SERVING: Final = "evaluation.verifier.serving"
"""The module that answers; it is in the wheel, and its needs are an extra."""

SHIPPED: Final = Path(__file__).parents[1] / "qwen2.5-coder.verifier.safetensors"
"""The one for the embedded pair, learned from its answers to MBPP; `shipped` is its name."""

_NEEDS: Final = (
    "it ended at once: it needs the extra `evaluation` (pip install 'budget-router[evaluation]')"
)

log = structlog.get_logger("router")


def located(path: Path) -> Path:
    """The file that a configuration or a command means."""
    return SHIPPED if path == Path("shipped") else path


class VerifierFailed(RuntimeError):
    """A verifier did not start; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class VerifierTimes:
    """Of a verifier's life, in seconds.

    One that is not ready after `start`, or says nothing for `answer` while it is asked, hangs; so
    long, too, is waited for one that starts. The first that ends is replaced at once, the next one
    after `pause`, and so on, twice as long each time up to `longest_pause`; after one that lived
    for `settled` it starts over.
    """

    start: float = 60.0
    answer: float = 20.0
    pause: float = 1.0
    longest_pause: float = 60.0
    settled: float = 60.0

    def before(self, failures: int) -> float:
        """The pause before another is started, where so many failed in a row."""
        if failures <= 1:
            return 0.0
        return min(self.longest_pause, math.ldexp(self.pause, min(failures - 2, 32)))


_OF_CHECKPOINTS: Final = VerifierTimes(start=300.0, answer=60.0)
"""Much is read to start one, and much is computed for an answer."""


def times_of(path: Path) -> VerifierTimes:
    """Of the life of the one that a configuration or a command means."""
    return _OF_CHECKPOINTS if located(path).is_dir() else VerifierTimes()


@dataclass(slots=True, eq=False)
class Verifier:
    """The process, kept running from `start` to `aclose`; `command` is what is started.

    One with `sizes` reads the answers to a request one at a time.
    """

    command: Sequence[str]
    times: VerifierTimes = field(default_factory=VerifierTimes)
    sizes: EncoderDecoder | None = None
    _talk: Conversation | None = None
    _away: str = ""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _keeper: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, path: Path) -> Verifier:
        """Of a file that `budget-router train lever` wrote, the shipped one by its name, or a T5's.

        Raises `VerifierFailed` for a directory that is no T5's.
        """
        where = located(path)
        command = (sys.executable, "-m", SERVING, str(where), str(os.getpid()))
        if not where.is_dir():
            return cls(command, times_of(path))
        try:
            sizes = t5_from_config_json(where / "config.json")
        except UnknownArchitecture as error:
            raise VerifierFailed(
                f"the verifier of [select] lever, {where}, is no T5: {error}"
            ) from error
        return cls(command, times_of(path), sizes)

    @property
    def pid(self) -> int | None:
        """Process id; None while there is none that can be asked."""
        return self._talk.process.pid if self._talk is not None and self._talk.open else None

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises `VerifierFailed` and OSError."""
        try:
            self._talk = talk = await self._begun()
        except NotReady as error:
            reason = error.reason or _NEEDS
            raise VerifierFailed(
                f"the verifier of [select] lever did not start: {reason}"
            ) from error
        self._keeper = asyncio.create_task(self._keep(talk), name="verifier")

    async def scores(self, question: Mapping[str, Any]) -> list[float]:
        """-log P(right) of each candidate, all seen together. Raises `UpstreamError`."""
        match await self._told(question):
            case {"scores": [*scores]} if len(scores) == len(question["candidates"]) and all(
                isinstance(score, float | int) and not math.isnan(score) for score in scores
            ):
                return [float(score) for score in scores]
            case _:
                raise UpstreamError(LEVER, "answered what are no scores")

    async def tokens(self, question: Mapping[str, Any]) -> int:
        """How many it reads to score the candidates, one after another. Raises `UpstreamError`."""
        match await self._told({**question, "count": True}):
            case {"tokens": int(tokens)} if tokens >= 0:
                return tokens
            case _:
                raise UpstreamError(LEVER, "answered what is no number of tokens")

    async def _told(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """What it says to a question. Raises `UpstreamError`."""
        try:
            async with asyncio.timeout(self.times.answer):
                talk = await self._there()
        except TimeoutError:
            raise UpstreamError(LEVER, "is still starting") from None
        try:
            told = await talk.ask(question)
        except NoAnswer as error:
            raise UpstreamError(LEVER, str(error)) from error
        if isinstance(reason := told.get("error"), str):
            raise UpstreamError(LEVER, f"cannot score these answers: {reason}")
        return told

    async def aclose(self) -> None:
        """End it; nothing of it is left. A second call does nothing."""
        keeper, self._keeper = self._keeper, None
        try:
            if keeper is not None:
                keeper.cancel()
                await asyncio.wait([keeper])
        finally:
            talk, self._talk = self._talk, None
            if talk is not None:
                await talk.aclose()
            await self._become(None, "was closed")

    async def _there(self) -> Conversation:
        """The process, once it can be asked. Raises `UpstreamError` where that takes long."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._away or self.pid is not None)
            if self._talk is None:
                raise UpstreamError(LEVER, f"is away: it {self._away}")
            return self._talk

    async def _become(self, talk: Conversation | None, away: str = "") -> None:
        self._talk, self._away = talk, away
        async with self._changed:
            self._changed.notify_all()

    async def _begun(self) -> Conversation:
        times = self.times
        return await Conversation.begin(self.command, start_s=times.start, patience_s=times.answer)

    async def _keep(self, talk: Conversation) -> None:
        clock, failures = asyncio.get_running_loop().time, 0
        while True:
            born = clock()
            reason = await talk.heard()
            log.warning("verifier down", reason=reason)
            await talk.aclose(reason)
            failures = 0 if clock() - born >= self.times.settled else failures
            talk, failures = await self._another(reason, failures + 1)

    async def _another(self, reason: str, failures: int) -> tuple[Conversation, int]:
        """One that is ready, however many attempts it takes, and how many failed in a row."""
        while True:
            if pause_s := self.times.before(failures):
                await self._become(None, reason)
                await asyncio.sleep(pause_s)
            await self._become(None)
            try:
                talk = await self._begun()
            except (NotReady, OSError) as error:  # OSError: no process or descriptor to be had
                reason, failures = f"did not start: {error}", failures + 1
                log.warning("verifier not back", reason=reason)
            else:
                await self._become(talk)
                return talk, failures
