"""Asks a trained verifier how probably answers are right: it runs in a process of its own.

So the gateway needs neither numpy nor what reads the file, and no answer waits while one is scored.
Questions go one after another; one that nobody waits for any more is answered, and the answer is
let go. A process that ended, or does not answer in time, is started again with the next question.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from policies.lever import LEVER
from policies.protocol import Rank
from policies.values import NLL, Candidate, Task
from router.plan.executing import Trials
from router.plan.ports import Book, Ranker
from router.plan.programs import texts_of
from router.request import Prompt
from router.upstream.failures import UpstreamError

SERVING: Final = "evaluation.verifier.serving"
"""The module that answers; it is in the wheel, and its needs are an extra."""

START_S: Final = 60.0
ANSWER_S: Final = 20.0
"""Of no use to anybody after that: it hangs."""

LONGEST_LINE: Final = 2**24


class VerifierFailed(RuntimeError):
    """A verifier did not start; the message says why and what to do."""


@dataclass(slots=True)
class Verifier:
    """The process, and who speaks with it; `command` is what is started."""

    command: Sequence[str]
    _process: Process | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @classmethod
    def of(cls, path: Path) -> Verifier:
        """Of a file that `budget-router train lever` wrote."""
        return cls((sys.executable, "-m", SERVING, str(path)))

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises `VerifierFailed`."""
        async with self._turn:
            await self._started()

    async def scores(self, question: Mapping[str, Any]) -> list[float]:
        """-log P(right) of each candidate, all seen together. Raises `UpstreamError`."""
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await self._asked(await self._started(), question)
            except TimeoutError:
                await self._ended()
                raise UpstreamError(LEVER, "did not answer in time") from None
            except (VerifierFailed, OSError, ValueError) as error:
                await self._ended()
                raise UpstreamError(LEVER, f"failed: {error}") from error

    async def aclose(self) -> None:
        """End it."""
        async with self._turn:
            await self._ended()

    async def _asked(self, process: Process, question: Mapping[str, Any]) -> list[float]:
        assert process.stdin is not None  # noqa: S101 a pipe was asked for, for the type checker
        number = next(self._numbers)
        process.stdin.write(json.dumps({**question, "id": number}).encode() + b"\n")
        await process.stdin.drain()
        while True:
            match await _line(process):
                case {"id": int(of), "scores": [*scores]} if of == number:
                    return [float(score) for score in scores]
                case {"id": int(of)} if of < number:
                    continue  # whoever asked has gone
                case told:
                    raise VerifierFailed(f"it said {str(told)[:200]!r}")

    async def _started(self) -> Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        # One thread: what is computed is small, and engines need the others.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment,
            limit=LONGEST_LINE,
            start_new_session=True,  # a signal to the gateway's group is the gateway's to handle
        )
        try:
            async with asyncio.timeout(START_S):
                told = await _line(process)
        except BaseException:
            await self._ended()
            raise
        match told:
            case {"ready": True}:
                return process
            case {"error": str(why)}:
                reason = why
            case _:
                reason = (
                    "it ended at once: it needs the extras `evaluation` and `torch` "
                    "(pip install 'budget-router[evaluation,torch]')"
                )
        await self._ended()
        raise VerifierFailed(f"the verifier of [select] lever did not start: {reason}")

    async def _ended(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        assert process.stdin is not None  # noqa: S101 likewise
        process.stdin.close()
        await process.wait()


async def _line(process: Process) -> Any:
    """What it says next; None where it has ended. Raises `ValueError` for what is no JSON."""
    assert process.stdout is not None  # noqa: S101 likewise
    line = await process.stdout.readline()
    return json.loads(line) if line else None


@dataclass(frozen=True, slots=True)
class VerifyingRanker:
    """Ranks the answers to one request, by the verifier where that is asked for."""

    verifier: Verifier
    prompt: Prompt
    task: Task
    trials: Trials | None
    otherwise: Ranker

    async def rank(self, command: Rank, book: Book) -> Mapping[int, float]:
        """The score of each candidate by its id. Raises `UpstreamError`."""
        if command.model != LEVER:
            return await self.otherwise.rank(command, book)
        *_, text = ("", *texts_of(self.prompt))
        question = {
            "prompt": text,
            "function": "" if self.trials is None else self.trials.entry_point,
            "inputs": self.task.inputs,
            "examples": [(each.call, each.expected) for each in self.task.examples],
            "candidates": [_told(each) for each in command.candidates],
        }
        scores = await self.verifier.scores(question)
        return {each.id: own for each, own in zip(command.candidates, scores, strict=True)}


def _told(candidate: Candidate) -> dict[str, Any]:
    return {
        "text": candidate.text,
        "ending": candidate.finish_reason,
        "tokens": candidate.tokens,
        "nll": candidate.score(NLL),
        "outputs": {call: (out.text, out.returned) for call, out in candidate.outputs.items()},
    }
