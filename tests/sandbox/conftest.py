"""One long-lived backend for all suites, and a look at the host before and after each case.

That the backend is never restarted is part of the test: a candidate that poisons the warm
interpreter would show in a later case.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sandbox import Asserts, Limits, ProcessBackend, Program, Report, Status, Tests

HONEST = Program(
    "def add(a, b):\n    return a + b\n",
    Asserts("assert add(1, 2) == 3\nassert add(5, 5) == 10", "add"),
)
SHORT = Limits(wall_s=1.0, cpu_s=1.0, memory_bytes=128 * 2**20)

Judge = Callable[..., Report]
Snapshot = dict[str, object]


@pytest.fixture(scope="session", params=["process"])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    """Judge a source with tests, over each backend."""
    backends = {"process": lambda: ProcessBackend(workers=1)}
    with asyncio.Runner() as runner:
        backend = backends[request.param]()
        runner.run(backend.start())

        def run(source: str, tests: Tests, limits: Limits = SHORT) -> Report:
            return runner.run(backend.run(Program(source, tests), limits))

        yield run
        runner.run(backend.aclose())


def _processes() -> int:
    """Processes below this one: the zygotes and their idle sandboxes, when nothing runs."""
    return len(psutil.Process().children(recursive=True))


def _snapshot() -> Snapshot:
    sysv = {name: Path(f"/proc/sysvipc/{name}").read_text() for name in ("shm", "sem", "msg")}
    return {
        "processes": _processes(),
        "mounts": Path("/proc/self/mounts").read_text(),
        "shared memory": sorted(path.name for path in Path("/dev/shm").iterdir()),  # noqa: S108 - only listed
        "descriptors": psutil.Process().num_fds(),
        "sysv": sysv,
    }


@pytest.fixture
def unharmed(judge: Judge) -> Iterator[None]:
    """After the case the host is as before, and the next honest candidate passes."""
    assert judge(HONEST.source, HONEST.tests).status is Status.PASSED
    time.sleep(0.03)
    before = _snapshot()
    yield
    assert judge(HONEST.source, HONEST.tests).status is Status.PASSED
    # The worker prepares its next sandbox in the background.
    for _ in range(50):
        after = _snapshot()
        if after == before:
            return
        time.sleep(0.02)
    assert after == before
