"""Workers kept at their number, whatever becomes of their processes."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from http_world import eventually

from router.settings import Settings
from router.verifier.verifying import times_of
from router.workers import board as boards
from router.workers.board import Board
from router.workers.crew import Crew, Times
from router.workers.messages import (
    Assigned,
    Message,
    SlotEnded,
    SlotsLeft,
    TurnEnded,
    WorkerReady,
)
from router.workers.process import WorkerFailed, WorkerProcess
from router.workers.wire import UnreadableMessage

pytestmark = pytest.mark.anyio

SETTINGS = Settings.model_validate(
    {"workers": 2, "models": {"m": {"engine": "url", "url": "http://127.0.0.1:1"}}}
)
QUICK = Times(pause=0.001, longest_pause=0.001)


@dataclass(eq=False)
class Born:
    """A worker without a process: it says what it is given to say, until it is killed."""

    number: int
    heard: list[Message] = field(default_factory=list)
    says: asyncio.Queue[Message | str | None] = field(default_factory=asyncio.Queue)

    @property
    def wire(self) -> Born:
        return self

    @property
    def process(self) -> Born:
        return self

    async def received(self) -> AsyncIterator[Message]:
        while (message := await self.says.get()) is not None:
            if isinstance(message, str):
                raise UnreadableMessage("no JSON")
            yield message

    def send(self, message: Message) -> None:
        self.heard.append(message)

    def kill(self) -> None:
        self.says.put_nowait(None)

    def babble(self) -> None:
        self.says.put_nowait("")

    async def aclose(self) -> int:
        return -9

    def untaken(self) -> list[socket.socket]:
        return []

    def shut(self) -> None:
        """It has no door."""


@dataclass
class Births:
    """What comes of each start: `becomes` is told the worker and how many were there before."""

    becomes: Callable[[Born, int], None]
    born: dict[int, list[Born]] = field(default_factory=dict)

    async def launch(self, assigned: Assigned, _: Board) -> Any:
        number = assigned.number
        worker, tries = Born(number), self.born.setdefault(number, [])
        tries.append(worker)
        self.becomes(worker, len(tries) - 1)
        return worker


def serves(worker: Born, _: int) -> None:
    worker.says.put_nowait(WorkerReady({}))


@asynccontextmanager
async def kept(
    directory: Path,
    births: Births,
    monkeypatch: pytest.MonkeyPatch,
    times: Times = QUICK,
    settings: Settings = SETTINGS,
) -> AsyncIterator[Crew]:
    """A crew that has started, and is let go at the end."""
    monkeypatch.setattr(WorkerProcess, "launch", births.launch)
    back: list[socket.socket] = []
    columns = [boards.SERVED, boards.CLOSED, boards.BEAT]
    with boards.made(SETTINGS.workers, columns) as board:
        crew = Crew(settings, board, directory, None, lambda: (), lambda: None, back.extend, times)
        async with asyncio.timeout(150), asyncio.TaskGroup() as group:
            crew.keep(group)
            await crew.started()
            yield crew
            crew.let_go()
            for tries in births.born.values():
                tries[-1].kill()


async def test_where_no_process_can_be_made_for_a_while_the_others_serve_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def becomes(worker: Born, before: int) -> None:
        if before in {1, 2, 3}:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        serves(worker, before)

    births = Births(becomes)
    async with kept(tmp_path, births, monkeypatch) as crew:
        births.born[1][0].kill()
        await eventually(lambda: len(births.born[1]) == 5 and len(crew.able) == 2)
        assert len(births.born[0]) == 1


async def test_where_no_process_can_be_made_at_first_the_whole_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def becomes(worker: Born, before: int) -> None:
        if worker.number == 1:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        serves(worker, before)

    with pytest.raises(ExceptionGroup) as caught:
        async with kept(tmp_path, Births(becomes), monkeypatch):
            pass
    (error,) = caught.value.exceptions
    assert isinstance(error, WorkerFailed)
    assert "Resource temporarily unavailable" in str(error)


async def test_one_that_does_not_come_to_serve_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def becomes(worker: Born, before: int) -> None:
        if before != 1:  # the second says nothing
            serves(worker, before)

    births = Births(becomes)
    # Those that serve show no sign of life here, and must not be looked at for that.
    times = Times(pause=0.001, look_every=0.001, misses=10**9, start=1.0)
    async with kept(tmp_path, births, monkeypatch, times) as crew:
        births.born[1][0].kill()
        await eventually(lambda: len(births.born[1]) == 3 and len(crew.able) == 2)
        await asyncio.sleep(0.05)
        assert [len(births.born[number]) for number in (0, 1)] == [1, 3]


async def test_one_that_waits_for_its_verifier_has_the_time_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def becomes(worker: Born, before: int) -> None:
        if worker.number == 0 or not before:  # the second of the other waits
            serves(worker, before)

    births = Births(becomes)
    times = Times(pause=0.001, look_every=0.001, misses=10**9, start=0.0)
    select = SETTINGS.select.model_copy(update={"lever": tmp_path})  # a directory: a T5
    settings = SETTINGS.model_copy(update={"select": select})
    async with kept(tmp_path, births, monkeypatch, times, settings) as crew:
        assert crew.patience_s >= times_of(tmp_path).start > times_of(Path("shipped")).start
        births.born[1][0].kill()
        await eventually(lambda: len(births.born[1]) == 2)
        await asyncio.sleep(0.05)  # in which one without a verifier is replaced again and again
        assert len(births.born[1]) == 2
        serves(births.born[1][1], 1)
        await eventually(lambda: len(crew.able) == 2)


async def test_one_that_says_what_nobody_understands_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    births = Births(serves)
    async with kept(tmp_path, births, monkeypatch) as crew:
        births.born[1][0].babble()
        await eventually(lambda: len(births.born[1]) == 2 and len(crew.able) == 2)
        assert len(births.born[0]) == 1


@pytest.mark.parametrize("said", [SlotEnded(7), SlotsLeft(7), TurnEnded(7)])
async def test_what_is_told_of_something_unknown_ends_nobody(
    said: Message, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    births = Births(serves)
    async with kept(tmp_path, births, monkeypatch) as crew:
        worker = births.born[1][0]
        worker.says.put_nowait(said)
        await eventually(worker.says.empty)
        await asyncio.sleep(0.01)
        assert len(crew.able) == 2
        assert [len(births.born[number]) for number in (0, 1)] == [1, 1]
