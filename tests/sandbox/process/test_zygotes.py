"""The server's side of one zygote."""

import asyncio
import socket

import psutil
import pytest

from sandbox import Asserts, Limits, ProcessBackend, Program, Status
from sandbox.process.cgroups import Group
from sandbox.process.zygotes import open_channel


def test_a_worker_that_cannot_be_told_of_a_run_leaves_no_socket() -> None:
    control, gone = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    gone.close()
    before = psutil.Process().num_fds()
    with control, pytest.raises(BrokenPipeError) as raised:
        open_channel(control, Limits().disk_bytes)
    assert raised.tb is not None  # so that what the call held is still held
    assert psutil.Process().num_fds() == before - 1


def test_what_the_kernel_kills_of_a_cancelled_run_is_not_the_next_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kills = [0]
    monkeypatch.setattr(Group, "memory_kills", lambda _group: kills[0])
    tests = Asserts("assert f() == 1", "f")

    async def main() -> None:
        async with ProcessBackend(workers=1) as backend:
            limits = Limits(wall_s=60.0, cpu_s=60.0)
            run = asyncio.create_task(backend.run(Program("while True: pass", tests), limits))
            await asyncio.sleep(0.1)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            kills[0] += 1
            report = await backend.run(Program("1 / 0", tests), limits)
            assert report.status is Status.ERROR
            kills[0] += 1
            report = await backend.run(Program("def f(): return 1", tests), limits)
            assert report.status is Status.PASSED

    asyncio.run(main())
