"""Our own faults are ours: a worker that dies is replaced, and the backend leaves nothing."""

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sandbox import Asserts, Limits, ProcessBackend, Program, Report, SandboxUnavailable, Status
from sandbox.process import cgroups, zygotes

GOOD = Program("def f(): return 1", Asserts("assert f() == 1", "f"))
SPIN = Program("while True: pass", Asserts("assert f() == 1", "f"))


def workers() -> list[psutil.Process]:
    """Not what is below them: a backend of other tests may be renewing that just now."""
    return psutil.Process().children()


def test_a_worker_that_dies_is_replaced_and_the_run_repeated() -> None:
    async def main() -> None:
        async with ProcessBackend(workers=1) as backend:
            for process in psutil.Process().children():
                process.kill()
            report = await backend.run(GOOD, Limits())
            assert report.status is Status.PASSED
            report = await backend.run(GOOD, Limits())
            assert report.status is Status.PASSED

    asyncio.run(main())


def test_a_worker_that_takes_too_long_to_begin_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygotes, "_START_S", 0.0)
    with pytest.raises(SandboxUnavailable, match="set up: it took more than 0 s"):
        asyncio.run(ProcessBackend(workers=1).start())


def test_a_worker_that_dies_in_mid_run_is_never_the_candidates_fault() -> None:
    async def main() -> None:
        async with ProcessBackend(workers=1) as backend:
            run = asyncio.create_task(backend.run(SPIN, Limits(wall_s=60.0, cpu_s=1.5)))
            await asyncio.sleep(0.1)
            for process in psutil.Process().children():
                process.kill()
            report = await run
            assert report.status is Status.TIMEOUT  # the second attempt's verdict
            assert (await backend.run(GOOD, Limits())).status is Status.PASSED

    asyncio.run(main())


def test_closing_leaves_no_process_and_no_descriptor() -> None:
    async def main() -> None:
        async with ProcessBackend(workers=2) as backend:
            run = asyncio.create_task(backend.run(SPIN, Limits()))
            await asyncio.sleep(0.05)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)

    before = len(workers()), psutil.Process().num_fds()
    asyncio.run(main())
    assert (len(workers()), psutil.Process().num_fds()) == before


def test_closing_leaves_no_control_group() -> None:
    async def main() -> None:
        async with ProcessBackend(workers=1) as backend:
            await backend.run(GOOD, Limits())
            assert len(groups()) > len(before) or not cgroups.find()

    before = groups()
    asyncio.run(main())
    assert groups() == before


def groups() -> list[Path]:
    name = f"sandbox-{os.getpid()}-*"
    return [path for hierarchy in cgroups.find() for path in hierarchy.parent.glob(name)]


def test_the_end_of_the_server_ends_every_worker_and_run() -> None:
    server = os.fork()
    if server == 0:

        async def main() -> None:
            async with ProcessBackend(workers=1) as backend:
                await backend.run(SPIN, Limits(wall_s=60.0))

        asyncio.run(main())
        os._exit(1)
    parent = psutil.Process(server)
    running: list[psutil.Process] = []
    until = time.monotonic() + 120
    while len(running) < 4 and time.monotonic() < until:
        time.sleep(0.02)
        running = parent.children(recursive=True)
    assert len(running) >= 4
    os.kill(server, signal.SIGKILL)
    os.waitpid(server, 0)
    _, alive = psutil.wait_procs(running, timeout=120)
    assert not alive


def test_waiting_runs_do_not_hold_up_the_event_loop() -> None:
    async def main() -> None:
        async with ProcessBackend(workers=1) as backend:
            limits = Limits(wall_s=250.0, cpu_s=250.0)
            runs = [asyncio.create_task(backend.run(SPIN, limits)) for _ in range(2)]
            for _ in range(10):
                await asyncio.sleep(0.01)
            assert not any(run.done() for run in runs)
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)

    asyncio.run(main())


@pytest.mark.parametrize("turns", range(1, 5))
def test_closing_while_a_worker_fits_another_disk_ends(turns: int) -> None:
    async def main() -> None:
        backend = ProcessBackend(workers=1)
        await backend.start()
        run = asyncio.create_task(backend.run(GOOD, Limits(disk_bytes=2**20)))
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(120):
            await backend.aclose()
            with contextlib.suppress(SandboxUnavailable):
                assert (await run).status in {Status.PASSED, Status.INTERNAL_ERROR}

    before = len(workers())  # other tests may keep a backend
    asyncio.run(main())
    assert len(workers()) == before


def test_closing_cancels_nobody_else() -> None:
    async def main() -> None:
        backend = ProcessBackend(workers=2)
        await backend.start()
        runs = [asyncio.create_task(backend.run(GOOD, Limits())) for _ in range(40)]
        await runs[0]
        await backend.aclose()
        for found in await asyncio.gather(*runs, return_exceptions=True):
            assert not isinstance(found, asyncio.CancelledError)
            assert isinstance(found, (Report, SandboxUnavailable))

    asyncio.run(main())


def test_a_worker_without_descriptors_is_replaced() -> None:
    async def main() -> None:
        async with ProcessBackend(workers=1) as backend:
            assert (await backend.run(GOOD, Limits())).status is Status.PASSED
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
            try:
                # Without control groups the first run opens nothing, and the next one must.
                runs = [backend.run(GOOD, Limits()) for _ in range(2)]
                ends = await asyncio.gather(*runs, return_exceptions=True)
                assert isinstance(ends[1], SandboxUnavailable)
                assert "Too many open files" in str(ends[1])
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert (await backend.run(GOOD, Limits())).status is Status.PASSED

    before = len(workers())  # other tests may keep a backend
    asyncio.run(main())
    assert len(workers()) == before


ENDS = """
import asyncio, ctypes, os, sys
from sandbox import Asserts, Limits, ProcessBackend, Program

ctypes.CDLL(None).prctl(36, 1)  # what loses its parent comes to this process

async def main():
    async with ProcessBackend(workers=2) as backend:
        await backend.run(Program("def f(): return 1", Asserts("assert f() == 1", "f")), Limits())
        if sys.argv[1] == "while it runs":
            spin = Program("while True: pass", Asserts("assert f() == 1", "f"))
            asyncio.ensure_future(backend.run(spin, Limits()))
            while not backend.busy:
                await asyncio.sleep(0)

asyncio.run(main())
try:
    print("left:", os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("nothing is left")
"""


@pytest.mark.parametrize("moment", ["idle", "while it runs"])
def test_who_has_closed_it_has_waited_for_all_of_it(moment: str) -> None:
    """No process is left to whoever takes orphans, be it dead or alive."""
    command = [sys.executable, "-c", ENDS, moment]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert ended.stdout == "nothing is left\n"


FAILS = """
import ctypes, os, socket, subprocess, sys
from sandbox.process import zygotes

ctypes.CDLL(None).prctl(36, 1)  # what loses its parent comes to this process
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
nobody = str(2**32 - 1)  # no user has this id
command = [sys.executable, "-I", "-S", str(zygotes._BOOT), str(theirs.fileno()), "plain", nobody]
worker = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd="/")
theirs.close()
ours.send(b"g")
print(ours.recv(65536)[:1].decode())
worker.wait()
try:
    print("left:", os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("nothing is left")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives workers ids of their own")
def test_a_worker_that_cannot_be_set_up_leaves_nothing() -> None:
    command = [sys.executable, "-c", FAILS]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert ended.stdout == "e\nnothing is left\n"
