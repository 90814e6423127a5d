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

from router.workers import board as boards
from router.workers import process
from router.workers.board import Board
from router.workers.messages import Assigned
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
