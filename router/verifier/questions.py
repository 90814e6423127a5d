"""One run of a process that answers questions: a line of JSON for each, and one for each answer.

    us ── stdin: {"id": …, and the question} ──► it
       ◄─ stdout: {"ready": true} once, then {"id": …, and the answer} for each

Whoever asked may have gone by the time its answer comes, which is then let go: whose it is tells
the id. So a deadline that is too short for one question costs the next ones nothing but the time
that the process still takes over it. One that hangs is killed: it has said nothing for longer than
`patience_s` while somebody, gone or not, had asked.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from router.process.processes import killed, started

_LONGEST_LINE: Final = 2**24
_SHOWN: Final = 200


class NoAnswer(Exception):
    """A question has none, and will have none; the message says why."""


class NotReady(Exception):
    """A process does not come to answer; `reason` is its own, empty where it gave none."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason or "it said nothing")
        self.reason = reason


@dataclass(slots=True, eq=False)
class Conversation:
    """The process, and the questions that it has not answered; `heard` must run meanwhile."""

    process: Process
    patience_s: float
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _asked: dict[int, asyncio.Future[Mapping[str, Any]]] = field(default_factory=dict)
    _patience: asyncio.TimerHandle | None = None
    _hung: bool = False
    _over: bool = False

    @classmethod
    async def begin(
        cls, command: Sequence[str], *, start_s: float, patience_s: float
    ) -> Conversation:
        """Start one and wait until it is ready. Raises `NotReady` and OSError; leaves nothing."""
        # One thread: what is computed is small, and engines need the others.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = await started(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment,
            limit=_LONGEST_LINE,
            start_new_session=True,  # a signal to the gateway's group is the gateway's to handle
        )
        made = cls(process, patience_s)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(made.aclose)
            await made._become_ready(start_s)
            undo.pop_all()
        return made

    @property
    def open(self) -> bool:
        """Whether it can be asked."""
        return not self._over and self.process.returncode is None

    async def ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """What it says to that. Raises `NoAnswer`."""
        assert self.process.stdin is not None  # noqa: S101 a pipe was asked for, for the type checker
        with suppress(ConnectionError):  # of one that hangs no more is kept than was asked before
            await self.process.stdin.drain()
        if not self.open:
            raise NoAnswer("has ended")
        number, answer = next(self._numbers), asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        if self._patience is None:
            self._await_word()
        self.process.stdin.write(json.dumps({**question, "id": number}).encode() + b"\n")
        return await answer  # type: ignore[no-any-return]

    async def heard(self) -> str:
        """Take in its answers until it ends, or cannot be understood; which it was."""
        try:
            while (told := await self._line()) is not None:
                self._take(told)
        except ValueError as error:  # it is no JSON, or far too long
            return f"answers what nobody understands ({error})"
        finally:
            self._over = True
        if self._hung:
            return "did not answer in time"
        return f"ended with exit status {await self.process.wait()}"

    async def aclose(self, reason: str = "was ended") -> None:
        """End it and reap it; who waits for an answer is told that reason."""
        self._over = True
        self._forget()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(NoAnswer(reason))
        self._asked.clear()
        assert self.process.stdin is not None  # noqa: S101 likewise
        assert self.process.stdout is not None  # noqa: S101 likewise
        self.process.stdin.close()
        await killed(self.process)
        await self.process.stdout.read()  # its pipe is closed at the end

    async def _become_ready(self, start_s: float) -> None:
        try:
            async with asyncio.timeout(start_s):
                told = await self._line()
        except TimeoutError:
            raise NotReady(f"it was not ready within {start_s:g} s") from None
        except ValueError as error:
            raise NotReady(f"it said what nobody understands ({error})") from error
        match told:
            case {"ready": True}:
                return
            case {"error": str(reason)}:
                raise NotReady(reason)
            case _:
                raise NotReady("")

    async def _line(self) -> Any:
        """What it says next; None where it has ended. Raises ValueError for what is no JSON."""
        assert self.process.stdout is not None  # noqa: S101 likewise
        line = await self.process.stdout.readline()
        return json.loads(line) if line else None

    def _take(self, told: Any) -> None:
        match told:
            case {"id": int(number)} if number in self._asked:
                answer = self._asked.pop(number)
            case _:
                raise ValueError(f"it said {str(told)[:_SHOWN]!r}")
        if not answer.done():
            answer.set_result(told)
        self._forget()
        if self._asked:
            self._await_word()

    def _await_word(self) -> None:
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(self.patience_s, self._give_up)

    def _forget(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        """It hangs; its end is heard like any other."""
        self._hung = True
        with suppress(ProcessLookupError):
            self.process.kill()
