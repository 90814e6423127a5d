"""A worker's process as its parent starts it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from http_world import descriptors

from router.settings import Settings
from router.workers import board as boards
from router.workers import process
from router.workers.board import Board
from router.workers.messages import Assigned, EngineChanged, WorkerReady
from router.workers.portions import portion
from router.workers.process import WorkerProcess
from router.workers.wire import Wire

pytestmark = pytest.mark.anyio


@contextmanager
def nothing_left() -> Iterator[Board]:
    """No process and no descriptor is there that was not there before."""
    children = psutil.Process().children()
    with boards.made(1, [boards.CLOSED]) as board:
        before = descriptors()
        yield board
        assert psutil.Process().children() == children
        assert descriptors() == before


def assigned(board: Board, figures: Path = Path()) -> Assigned:
    return Assigned(0, {}, list(board.columns), str(figures))


async def test_one_whose_start_is_cancelled_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = asyncio.Event()

    async def over(_: socket.socket) -> Wire:
        waits.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Wire, "over", over)
    with nothing_left() as board:
        starting = asyncio.create_task(WorkerProcess.launch(assigned(board), board))
        await waits.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting


async def test_one_that_cannot_be_started_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: Any) -> Any:
        raise BlockingIOError

    monkeypatch.setattr(process, "_started", none)
    with nothing_left() as board:
        with pytest.raises(BlockingIOError):
            await WorkerProcess.launch(assigned(board), board)
        await asyncio.sleep(0.05)  # the wire's end is closed in the loop's next turns


async def test_one_that_ends_by_itself_is_reaped_and_shut(tmp_path: Path) -> None:
    with nothing_left() as board:
        # It has nothing to serve.
        worker = await WorkerProcess.launch(assigned(board, tmp_path), board)
        assert await worker.aclose() != 0
        assert worker.untaken() == []
        worker.shut()
        await asyncio.sleep(0.05)


async def test_one_that_cannot_understand_its_parent_ends(tmp_path: Path) -> None:
    model = {"engine": "url", "url": "http://127.0.0.1:9", "flops_per_token": 1}
    settings = Settings.model_validate(
        {"workers": 2, "models": {"m": model}, "sandbox": {"enabled": False}}
    )
    columns = [boards.SERVED, boards.CLOSED, boards.BEAT, boards.COMPUTING + "m"]
    with boards.made(2, columns) as board:
        own = Assigned(0, portion(settings, 0), columns, str(tmp_path))
        worker = await WorkerProcess.launch(own, board)
        try:
            async with asyncio.timeout(200):
                said = [type(await anext(worker.wire.received()))]
                worker.send(EngineChanged("nobody's", "", ready=True, restarts=0))
                assert await worker.process.wait() == 1
        finally:
            await worker.aclose()
            worker.shut()
    assert said == [WorkerReady]
