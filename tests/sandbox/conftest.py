"""One long-lived backend of each sort for all suites, and a look at the host around each case.

That the backend is never restarted is part of the test: a candidate that poisons the warm
interpreter would show in a later case. The docker backend needs a daemon and the image, see
`.ci/docker`; without them its cases are skipped with what the backend itself says is missing,
or fail where SANDBOX_DOCKER=required.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox import (
    Arguments,
    Asserts,
    Backend,
    DockerBackend,
    Execution,
    Integrity,
    Limits,
    Output,
    ProcessBackend,
    Program,
    Report,
    SandboxUnavailable,
    Status,
    Tests,
)
from sandbox.docker.containers import LABEL
from sandbox.docker.daemon import Daemon

HONEST = Program(
    "def add(a, b):\n    return a + b\n",
    Asserts("assert add(1, 2) == 3\nassert add(5, 5) == 10", "add"),
)
SHORT = Limits(wall_s=1.0, cpu_s=1.0, memory_bytes=128 * 2**20)
PATIENT_S = 30.0
PATIENT = replace(SHORT, wall_s=PATIENT_S)
QUIET_S = 60.0

FIRST_ID = 0x40000000  # from where on containers have their ids, and workers of root

MARK = "<!-- Written by `make sandbox-table`; do not edit below. -->"
Snapshot = dict[str, Any]
SEEN: dict[tuple[str, str, str], dict[str, str]] = {}
"""What each backend came to, by group, case and expected status."""

BACKENDS: dict[str, Callable[[], Backend]] = {
    "process": lambda: ProcessBackend(workers=1),
    # Never recycled: one container sees all the suites, and none is missing when they are counted.
    "docker": lambda: DockerBackend(workers=1, max_uses=10**6),
}


class Judge:
    """Judges a source with tests on one backend: `judge(source, tests, limits)`."""

    def __init__(self, name: str, backend: Backend, runner: asyncio.Runner) -> None:
        self.name = name
        self.runner = runner
        self._backend = backend

    def __call__(
        self, source: str, tests: Tests, limits: Limits = SHORT, *, hasty: bool = False
    ) -> Report:
        """On a busy host a second, even of CPU, may be over before a program is done: it gets more.

        Not where one is `hasty`, as of a program that is to be waited for until its time is over.
        """
        program = Program(source, tests)
        report = self.runner.run(self._backend.run(program, limits))
        if report.status is Status.TIMEOUT and limits.wall_s < PATIENT_S and not hasty:
            longer = replace(limits, wall_s=PATIENT_S, cpu_s=PATIENT_S)
            report = self.runner.run(self._backend.run(program, longer))
        return report

    def tells_apart(self, right: str, wrong: str, tests: Tests, limits: Limits) -> None:
        """Assert that one program passes beside the tests' own process, and the other does not."""
        assert wrong != right
        report = self(right, tests, limits)
        assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
        report = self(wrong, tests, limits)
        assert report.status in {Status.FAILED, Status.ERROR}, report

    def execute(
        self, source: str, *inputs: object, limits: Limits = PATIENT, **others: Any
    ) -> tuple[Output | None, ...]:
        """The outputs of `f`, or of another `entry_point`, for inputs of one argument each."""
        arguments = tuple(
            one if isinstance(one, Arguments) else Arguments((one,)) for one in inputs
        )
        others = {"entry_point": "f", "each_s": 10.0, **others}
        execution = Execution(source, inputs=arguments, **others)
        return self.runner.run(self._backend.execute(execution, limits))

    def check(self, report: Report, expected: Status, other: Status | None = None) -> None:
        """Assert the status, and note it for the tables of `docs/sandbox/suites.md`.

        `other` is as good, where the host's load decides.
        """
        test = os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].removesuffix(" (call)")
        kind, _, case = test.partition("[")
        case = case.removesuffix("]").removeprefix(f"{self.name}-").removesuffix(f"-{self.name}")
        key = (kind.removeprefix("test_").replace("_", " "), case, str(expected))
        SEEN.setdefault(key, {})[self.name] = f"{report.status}, {report.integrity}"
        assert report.status in (expected, other), report

    def containers(self) -> list[str]:
        """The containers of the sandbox that there are now."""
        return self.runner.run(self.list_containers()) if self.name == "docker" else []

    async def list_containers(self) -> list[str]:
        """The ids of all containers of the sandbox, on the daemon that the tests use."""
        daemon = await Daemon.connect()
        try:
            return sorted(found["Id"] for found in await daemon.labelled(LABEL))
        finally:
            await daemon.close()


def pytest_sessionfinish() -> None:
    """Write the table that was asked for: SANDBOX_TABLE names the document that it goes into."""
    where = os.environ.get("SANDBOX_TABLE")
    if not where or not SEEN:
        return
    lines = []
    for group in dict.fromkeys(key[0] for key in SEEN):
        lines += [f"### {group.capitalize()}", "| case | expected | process | docker |"]
        lines += ["|---|---|---|---|"]
        for (own, case, expected), found in SEEN.items():
            if own == group:
                cells = [found.get(name, "not run") for name in BACKENDS]
                lines.append(f"| {case} | {expected} | {' | '.join(cells)} |")
        lines.append("")
    path = Path(where)
    head = path.read_text(encoding="utf-8").partition(MARK)[0]
    path.write_text(f"{head}{MARK}\n" + "\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="session", params=BACKENDS)
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    """Judge a source with tests, over each backend."""
    with asyncio.Runner() as runner:
        backend = BACKENDS[request.param]()
        try:
            runner.run(backend.start())
        except SandboxUnavailable as error:
            if request.param == "process" or os.environ.get("SANDBOX_DOCKER") == "required":
                raise
            pytest.skip(f"no docker backend here: {error}")
        yield Judge(request.param, backend, runner)
        runner.run(backend.aclose())


def _processes() -> int:
    """Processes below this one: the zygotes and their idle sandboxes, when nothing runs."""
    return len(psutil.Process().children(recursive=True))


def _descriptors() -> int:
    """Open descriptors, without connections to the daemon: docker-py keeps those for later calls.

    The tests of the docker backend see that closing it closes them too.
    """
    count = 0
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own is gone
            count += not (path.is_socket() and _leads_to_docker(int(path.name)))
    return count


def _leads_to_docker(descriptor: int) -> bool:
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        try:
            return copy.family == socket.AF_UNIX and "docker" in str(copy.getpeername())
        except OSError:  # a listening socket
            return False


def _mounts() -> list[str]:
    """The mounts, but those of containers, which are counted themselves."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [line for line in lines if line.split()[2] not in {"overlay", "nsfs"}]


def belongs_to_runs(uid: int) -> bool:
    """Whether it is an id that runs have; what others leave on the host meanwhile is theirs."""
    return uid == os.getuid() != 0 or uid >= FIRST_ID


def _shared_memory() -> list[str]:
    found = []
    for path in Path("/dev/shm").iterdir():  # noqa: S108 - only listed
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            found += [path.name] if belongs_to_runs(path.lstat().st_uid) else []
    return sorted(found)


def _sysv(kind: str) -> list[str]:
    """The System V objects of a kind, each as the line that the kernel has for it."""
    head, *lines = Path("/proc/sysvipc", kind).read_text().splitlines()
    creator = head.split().index("cuid")
    return [line for line in lines if belongs_to_runs(int(line.split()[creator]))]


def _snapshot(judge: Judge) -> Snapshot:
    return {
        "processes": _processes(),
        "containers": len(judge.containers()),
        "mounts": _mounts(),
        "shared memory": _shared_memory(),
        "descriptors": _descriptors(),
        "sysv": {kind: _sysv(kind) for kind in ("shm", "sem", "msg")},
    }


@pytest.fixture
def unharmed(judge: Judge) -> Iterator[None]:
    """After the case the host is as before, and the next honest candidate passes."""
    assert judge(HONEST.source, HONEST.tests).status is Status.PASSED
    before = _settled(judge)
    yield
    assert judge(HONEST.source, HONEST.tests).status is Status.PASSED
    after = _settled(judge, wanted=before)
    # Of what others of our user had in there before, some may be gone.
    assert set(after.pop("shared memory")) <= set(before.pop("shared memory"))
    assert after == before


@pytest.fixture
def with_numpy(judge: Judge) -> None:
    """For programs that import it, where they can."""
    pytest.importorskip("numpy", reason="numpy is not installed")
    if judge.name == "docker":
        pytest.skip("the image has Python only")


def _working() -> bool:
    """Whether a process below this one computes, or would if it had its turn, or is to be reaped.

    Else nothing changes by itself, however busy the host is.
    """
    busy = {psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP, psutil.STATUS_ZOMBIE}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() in busy:
                return True
    return False


def _settled(judge: Judge, wanted: Snapshot | None = None) -> Snapshot:
    """The host when all is quiet, or as `wanted`: workers are renewed in the background."""
    looks: list[Snapshot] = []
    until = time.monotonic() + QUIET_S
    while time.monotonic() < until:
        judge.runner.run(asyncio.sleep(0.03))
        if wanted is None and _working():
            looks.clear()
        looks.append(_snapshot(judge))
        alike = looks[-3:] if wanted is None else [looks[-1], wanted, wanted]
        if alike == [looks[-1]] * 3:
            break
    return looks[-1]
