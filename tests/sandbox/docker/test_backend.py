"""The docker backend: containers come and go as they should, and faults are not the candidate's."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil
import pytest

from sandbox import Asserts, Limits, Program, SandboxUnavailable, Status
from sandbox.docker.backend import IMAGE, DockerBackend, abandoned, identity, lacking
from sandbox.docker.containers import EXPIRES, LABEL, OWNER, Recipe, description
from sandbox.docker.daemon import Daemon

GOOD = Program("def f(): return 1", Asserts("assert f() == 1", "f"))
SPIN = Program("while True: pass", Asserts("assert f() == 1", "f"))
SHORT = Limits(wall_s=1.5)
PATIENT = Limits(wall_s=60.0)


@dataclass(frozen=True)
class Others:
    """The containers of the fixture for all suites, as they are when a test starts."""

    list_now: Callable[[], Awaitable[list[str]]]
    ids: frozenset[str]


on_docker = pytest.mark.parametrize("judge", ["docker"], indirect=True, scope="session")
"""For tests that need a daemon."""


@pytest.fixture
def others(judge) -> Others:
    return Others(judge.list_containers, frozenset(judge.containers()))


def with_backend(body: Callable[[DockerBackend], Awaitable[None]], **options: object) -> None:
    async def main() -> None:
        async with DockerBackend(**{"workers": 1, **options}) as backend:
            await body(backend)

    asyncio.run(main())


async def own(others: Others) -> set[str]:
    """The containers of the test that runs."""
    return set(await others.list_now()) - others.ids


async def until_none(others: Others) -> None:
    async with asyncio.timeout(120):
        while await own(others):  # noqa: ASYNC110 - the daemon tells nobody
            await asyncio.sleep(0.05)


@on_docker
def test_closing_leaves_no_container(others) -> None:
    async def body(backend: DockerBackend) -> None:
        run = asyncio.create_task(backend.run(SPIN, Limits()))
        await asyncio.sleep(0.05)
        assert len(await own(others)) == 1
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)

    with_backend(body)
    assert not asyncio.run(own(others))


@on_docker
def test_closing_leaves_no_descriptor(others) -> None:
    async def body(backend: DockerBackend) -> None:
        assert (await backend.run(GOOD, PATIENT)).status is Status.PASSED

    before = psutil.Process().num_fds()
    with_backend(body)
    assert psutil.Process().num_fds() == before


@on_docker
@pytest.mark.parametrize("pause", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_a_start_that_is_cancelled_leaves_nothing(others, pause: float) -> None:
    async def main() -> None:
        backend = DockerBackend(workers=2)
        start = asyncio.create_task(backend.start())
        await asyncio.sleep(pause)
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        if not start.cancelled():  # this machine is quick
            await backend.aclose()
        assert not await own(others)

    before = psutil.Process().num_fds()
    asyncio.run(main())
    assert psutil.Process().num_fds() == before


@on_docker
@pytest.mark.parametrize("pause", [0.0, 0.1, 0.4])
def test_closing_ends_runs_that_start_a_container_or_wait(others, pause: float) -> None:
    async def main() -> None:
        backend = DockerBackend(workers=1)
        await backend.start()
        other_disk = Limits(disk_bytes=2**20)
        runs = [asyncio.create_task(backend.run(SPIN, other_disk)) for _ in range(3)]
        await asyncio.sleep(pause)
        await backend.aclose()
        async with asyncio.timeout(120):
            ends = await asyncio.gather(*runs, return_exceptions=True)
        assert not await own(others)
        for end in ends:
            assert isinstance(end, SandboxUnavailable) or end.status is Status.INTERNAL_ERROR

    asyncio.run(main())


@on_docker
def test_a_cancelled_run_leaves_its_container_fit_for_the_next(others) -> None:
    async def body(backend: DockerBackend) -> None:
        before = await own(others)
        for pause in (0.0, 0.005, 0.02, 0.1):
            run = asyncio.create_task(backend.run(SPIN, Limits()))
            await asyncio.sleep(pause)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            assert (await backend.run(GOOD, PATIENT)).status is Status.PASSED
        assert await own(others) == before

    with_backend(body)


@on_docker
@pytest.mark.parametrize("options", [{"max_uses": 2}, {"max_age_s": 0.0}])
def test_containers_are_recycled_on_use_and_on_age(others, options) -> None:
    async def body(backend: DockerBackend) -> None:
        before = await own(others)
        for _ in range(3):
            assert (await backend.run(GOOD, PATIENT)).status is Status.PASSED
        assert not before & await own(others)

    with_backend(body, **options)


@on_docker
def test_a_container_that_dies_in_mid_run_is_never_the_candidates_fault(others) -> None:
    async def body(backend: DockerBackend) -> None:
        run = asyncio.create_task(backend.run(SPIN, SHORT))
        await asyncio.sleep(0.1)
        daemon = await Daemon.connect()
        for container in await own(others):
            await daemon.remove(container)
        await daemon.close()
        assert (await run).status is Status.TIMEOUT  # the second attempt's verdict
        assert (await backend.run(GOOD, PATIENT)).status is Status.PASSED

    with_backend(body)


@on_docker
def test_what_cannot_be_cleaned_away_costs_the_container(others) -> None:
    deep = "import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\n"
    source = deep + "def f(): return 1"

    async def body(backend: DockerBackend) -> None:
        before = await own(others)
        assert (await backend.run(Program(source, GOOD.tests), Limits())).status is Status.PASSED
        look = "import os\nassert os.listdir('/tmp') == []\ndef f(): return 1"
        assert (await backend.run(Program(look, GOOD.tests), PATIENT)).status is Status.PASSED
        assert not before & await own(others)

    with_backend(body)


@on_docker
def test_the_disk_is_as_large_as_the_limits_say(judge) -> None:
    source = "import os\nprint(os.statvfs('/tmp').f_blocks * os.statvfs('/tmp').f_frsize)\n"
    for size in (2**20, 8 * 2**20):
        limits = Limits(disk_bytes=size)
        report = judge(source + "def f(): return 1", GOOD.tests, limits)
        assert (report.status, report.stdout) == (Status.PASSED, f"{size}\n")


@on_docker
def test_a_container_ends_by_itself_with_its_server(others) -> None:
    hear, say = os.pipe()
    server = os.fork()
    if server == 0:

        async def body(backend: DockerBackend) -> None:
            await backend.run(GOOD, PATIENT)
            os.write(say, b"up")
            await backend.run(SPIN, Limits(wall_s=60.0))

        with_backend(body)
        os._exit(1)
    os.close(say)
    assert os.read(hear, 2) == b"up"
    os.close(hear)
    assert len(asyncio.run(own(others))) == 1
    os.kill(server, signal.SIGKILL)
    os.waitpid(server, 0)
    asyncio.run(until_none(others))


@on_docker
def test_a_start_reaps_what_was_abandoned(others) -> None:
    async def main() -> None:
        daemon = await Daemon.connect()
        body = description(Recipe(IMAGE), Limits(), {LABEL: "1", OWNER: "x", EXPIRES: "1"})
        # Never started, so that it does not end by itself.
        await daemon.create("budget-router-abandoned", body)
        assert len(await own(others)) == 1
        async with DockerBackend(workers=1):
            pass
        await daemon.close()
        assert not await own(others)

    asyncio.run(main())


def test_only_containers_of_the_dead_are_abandoned() -> None:
    me, late = identity(os.getpid()), str(time.time() + 1000)
    host = me.partition(" ")[0]

    def gone(owner: str, expires: str = late) -> bool:
        return abandoned({"Labels": {OWNER: owner, EXPIRES: expires}}, me)

    assert not gone(me)
    assert gone(me, "1")
    assert gone(me, "soon")
    assert gone(f"{host} {os.getpid()} 1")  # the pid's owner before us
    assert gone(f"{host} 4194999 1")
    assert not gone("another-host:1 1 1")
    assert not gone(identity(os.getppid()))


def test_a_close_that_is_cancelled_closes_and_stays_cancelled() -> None:
    closed: list[str] = []

    class Client:
        async def close(self) -> None:
            closed.append("daemon")

    async def answers_late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)

    async def main() -> None:
        backend = DockerBackend(workers=1)
        backend._daemon = Client()  # type: ignore[assignment]
        backend._reaper = asyncio.create_task(answers_late())
        await asyncio.sleep(0)
        closing = asyncio.create_task(backend.aclose())
        await asyncio.sleep(0.05)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert closed == ["daemon"]

    asyncio.run(main())


@on_docker
def test_what_is_missing_is_said(judge) -> None:
    for options, text in (
        ({"image": "no-such"}, "sandbox-image.sh"),
        ({"runtime": "none"}, "json"),
    ):
        with pytest.raises(SandboxUnavailable, match=text):
            with_backend(None, **options)


ABLE = {
    "Architecture": "x86_64",
    "SecurityOptions": ["name=seccomp,profile=builtin"],
    "MemoryLimit": True,
    "PidsLimit": True,
    "Runtimes": {"runc": {}},
}


@pytest.mark.parametrize(
    ("different", "word"),
    [
        ({"Architecture": "aarch64"}, "aarch64"),
        ({"SecurityOptions": ["name=apparmor"]}, "seccomp"),
        ({"SecurityOptions": None}, "seccomp"),
        ({"MemoryLimit": False}, "control groups"),
        ({"PidsLimit": False}, "control groups"),
        ({"Runtimes": {}}, "runc"),
    ],
)
def test_what_a_daemon_lacks_is_said(different: dict[str, object], word: str) -> None:
    assert word in (lacking(ABLE | different, "runc") or "")


def test_a_daemon_that_lacks_nothing() -> None:
    assert lacking(ABLE, "runc") is lacking(ABLE, "") is None


def test_without_docker_py_the_message_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    with pytest.raises(SandboxUnavailable, match=r"pip install 'budget-router\[docker\]'"):
        with_backend(None)


def test_no_daemon_is_unavailable() -> None:
    for host in ("unix:///nonexistent.sock", "tcp://127.0.0.1:2375"):
        with pytest.raises(SandboxUnavailable, match="DOCKER_HOST"):
            with_backend(None, host=host)
