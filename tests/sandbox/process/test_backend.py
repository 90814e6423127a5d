"""The process backend judges each kind of tests, and charges each fault to whom it belongs."""

import asyncio
import platform
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from sandbox import (
    IO,
    Asserts,
    Call,
    Calls,
    Integrity,
    IOCase,
    Limits,
    ProcessBackend,
    Program,
    Pytest,
    QueueFull,
    Report,
    SandboxUnavailable,
    Status,
)

ADD = Asserts("assert add(1, 2) == 3", "add")
CALLS = Calls("add", (Call([1, 2], 3), Call([1], 4, {"b": 3})))
DOUBLE = IO((IOCase("4\n", "8\n"), IOCase("5\n", "10")))
PYTEST = Pytest("from solution import add\n\ndef test_add():\n    assert add(1, 2) == 3\n")
GOOD = "def add(a, b):\n    return a + b\n"
BAD = "def add(a, b):\n    return a - b\n"
SHORT = Limits(wall_s=60.0, cpu_s=2.0)


def with_backend(body: Callable[[ProcessBackend], Awaitable[None]], **options: int) -> None:
    async def main() -> None:
        async with ProcessBackend(**{"workers": 1, **options}) as backend:
            await body(backend)

    asyncio.run(main())


def judge(source: str, tests: object, limits: Limits = SHORT) -> Report:
    reports: list[Report] = []

    async def body(backend: ProcessBackend) -> None:
        reports.append(await backend.run(Program(source, tests), limits))

    with_backend(body)
    return reports[0]


@pytest.mark.parametrize(
    ("good", "bad", "tests"),
    [
        (GOOD, BAD, ADD),
        (GOOD, BAD, CALLS),
        (GOOD, BAD, PYTEST),
        ("print(int(input()) * 2)", "print(8)", DOUBLE),
    ],
    ids=["asserts", "calls", "pytest", "io"],
)
def test_right_passes_and_wrong_fails(good: str, bad: str, tests: object) -> None:
    assert judge(good, tests).status is Status.PASSED
    assert judge(bad, tests).status is Status.FAILED


def test_printed_numbers_may_differ_by_the_tolerance_of_their_case() -> None:
    case = IOCase("", "0.3")
    assert judge("print(0.1 + 0.2)", IO((case,))).status is Status.FAILED
    close = replace(case, tolerance=1e-9)
    assert judge("print(0.1 + 0.2)", IO((close,))).status is Status.PASSED
    assert judge("print(0.31)", IO((close,))).status is Status.FAILED


@pytest.mark.parametrize(
    ("end", "exit_code", "signal", "message"),
    [
        ("sys.exit(3)", 3, None, "case 1: the program exited with code 3"),
        ("os.kill(os.getpid(), 15)", None, 15, "case 1: ended by signal 15"),
        ("1 / 0", 1, None, "case 1: ZeroDivisionError"),
    ],
)
def test_how_a_whole_program_ended_is_told(end, exit_code, signal, message) -> None:
    source = f"import os, sys\nn = int(input())\nprint(n * 2)\nif n == 5: {end}"
    report = judge(source, DOUBLE)
    assert (report.status, report.exit_code, report.signal) == (Status.ERROR, exit_code, signal)
    assert report.message.startswith(message)


@pytest.mark.parametrize(
    ("source", "status", "detail"),
    [
        ("def add(a, b)\n    return 3", Status.ERROR, "syntax"),
        ("import nothing_of_that_name", Status.ERROR, "import"),
        ("1 / 0", Status.ERROR, "exception"),
        ("def add(a, b): raise KeyError(a)", Status.ERROR, "exception"),
        ("def other(): pass", Status.ERROR, "exception"),
        ("import os\nos.kill(os.getpid(), 9)", Status.ERROR, "signal"),
        ("raise SystemExit(0)", Status.ERROR, "early_exit"),
        ("while True: pass", Status.TIMEOUT, None),
        ("x = bytearray(10 ** 10)", Status.MEMORY_LIMIT, None),
        ("while True: print('x' * 9999)", Status.OUTPUT_LIMIT, None),
        ("import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)", Status.SANDBOX_VIOLATION, None),
    ],
)
def test_faults_have_their_status(source: str, status: Status, detail: str | None) -> None:
    report = judge(source, ADD)
    assert report.status is status
    assert detail is None or report.detail == detail


def test_tests_that_need_it_are_judged_in_one_process_and_say_so() -> None:
    source = "import os\ndef add(a, b): return os.environ['X'] * (a + b)"
    code = "import os\nos.environ['X'] = 'x'\nassert add(1, 2) == 'xxx'"
    report = judge(source, Asserts(code, "add"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED)
    assert report.message == "judged in one process: the tests change os.environ['X']"


def test_streams_are_reported() -> None:
    source = "import sys\ndef add(a, b):\n    print('out')\n    print('err', file=sys.stderr)\n"
    report = judge(source + "    return a + b", ADD)
    assert (report.stdout, report.stderr) == ("out\n", "err\n")


def test_a_prelude_helper_is_trusted_and_never_replaces_the_entry_point() -> None:
    tests = Asserts("assert add(1, 2) == three()", "add", "def three(): return 3\nadd = max")
    assert judge(GOOD + "def three(): return -1", tests).status is Status.PASSED
    assert judge(BAD + "def three(): return -1", tests).status is Status.FAILED


def test_changes_to_arguments_come_back() -> None:
    tests = Asserts("x = [3, 1]\nassert add(x, x) is x\nassert x == [1, 3, 0]", "add")
    source = "def add(a, b):\n    a.sort()\n    b.append(0)\n    return a"
    report = judge(source, tests)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED)


FORBIDDEN = """
import asyncio, ctypes, os
from pathlib import Path
from sandbox import ProcessBackend, SandboxUnavailable
from sandbox.inner.kernel import linux
me = os.getuid()
assert ctypes.CDLL(None).unshare(linux.CLONE_NEWUSER) == 0  # it may forbid itself further ones
Path("/proc/self/uid_map").write_text(f"1000 {me} 1")
Path("/proc/sys/user/max_user_namespaces").write_text("0")
async def main():
    try:
        async with ProcessBackend(workers=1): print("it pretends")
    except SandboxUnavailable as error: print(error)
asyncio.run(main())
"""


def test_where_no_namespaces_can_be_had_it_does_not_start_and_says_what_to_allow() -> None:
    command = [sys.executable, "-c", FORBIDDEN]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("user namespaces cannot be used here"), said
    assert "sysctl user.max_user_namespaces" in said


def test_on_another_processor_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(SandboxUnavailable, match="needs Linux on x86-64: use docker"):
        asyncio.run(ProcessBackend(workers=1).start())


def test_cancelling_frees_the_worker_at_once() -> None:
    async def body(backend: ProcessBackend) -> None:
        endless = Limits(wall_s=250.0, cpu_s=250.0, total_s=250.0)
        task = asyncio.create_task(backend.run(Program("while True: pass", ADD), endless))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(120):
            report = await backend.run(Program(GOOD, ADD), SHORT)
        assert report.status is Status.PASSED

    with_backend(body)


def test_a_full_queue_is_overloaded() -> None:
    async def body(backend: ProcessBackend) -> None:
        tasks = [asyncio.create_task(backend.run(Program(GOOD, ADD), SHORT)) for _ in range(4)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [Report, Report, Report, QueueFull]

    with_backend(body, queue=2)


def test_a_backend_that_was_not_started_is_unavailable() -> None:
    with pytest.raises(SandboxUnavailable):
        asyncio.run(ProcessBackend(workers=1).run(Program(GOOD, ADD), SHORT))
