"""Suite B: limits hold, whatever is exhausted, and only the culprit is charged."""

from dataclasses import dataclass

import pytest

from sandbox import IO, Asserts, Call, Calls, IOCase, Limits, Pytest, Status
from sandbox.process import cgroups

ADD = Asserts("assert add(1, 2) == 3", "add")
RIGHT = "\ndef add(a, b):\n    return a + b\n"

TIMEOUT, ERROR, PASSED = Status.TIMEOUT, Status.ERROR, Status.PASSED
MEMORY, OUTPUT, FAILED = Status.MEMORY_LIMIT, Status.OUTPUT_LIMIT, Status.FAILED


@dataclass(frozen=True)
class Case:
    """An abuse, and the status it is reported with. What is harmless in the end may pass.

    `other` is as good, where the host's load decides; `ungrouped` is what it comes to where no
    control groups can be made, so that memory is bounded per process only.
    """

    name: str
    source: str
    status: Status
    detail: str | None = None
    other: Status | None = None
    ungrouped: Status | None = None


UNTIL_REFUSED = """
import os
def until_refused(act):
    for number in range(200_000):
        try: act(number)
        except (OSError, RuntimeError): return number
    raise SystemExit('never refused')
"""

CASES = [
    Case("spin", "while True: pass", TIMEOUT),
    Case("sleep", "import time\ntime.sleep(60)", TIMEOUT, "wall"),
    Case("regex", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')", TIMEOUT),
    Case("pow", "x = pow(3, 10 ** 9)", TIMEOUT),
    Case("pause", "import signal\nsignal.pause()", TIMEOUT, "wall"),
    Case(
        "SIGTERM ignored",
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(60)",
        TIMEOUT,
        "wall",
    ),
    Case("SIGSTOP", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", TIMEOUT, "wall"),
    Case(
        "fork bomb",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        TIMEOUT,
        # Refused forks take kernel memory that a busy host is slow to free.
        other=Status.MEMORY_LIMIT,
    ),
    Case(
        "thread bomb",
        "import threading, time\n"
        "while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        ERROR,
        "exception",
    ),
    Case(
        "double fork",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0: time.sleep(60)\n"
        "    os._exit(0)" + RIGHT,
        PASSED,
    ),
    Case(
        "zombie flood",
        UNTIL_REFUSED + "n = until_refused(lambda n: os.fork() or os._exit(0))\n"
        "assert n < 128" + RIGHT,
        PASSED,
    ),
    Case(
        "child keeps stdout",
        "import os, time\nif os.fork() == 0:\n    time.sleep(60)\n    os._exit(0)" + RIGHT,
        PASSED,
    ),
    Case("list growth", "x = []\nwhile True: x.append([0] * 10_000)", MEMORY),
    Case("mmap", "import mmap\nm = mmap.mmap(-1, 10 ** 10)", ERROR, "exception"),
    Case("big bytes", "x = bytearray(10 ** 9)", MEMORY),
    Case(
        "memory over forks",
        "import os, time\nfor _ in range(20):\n    if os.fork() == 0:\n"
        "        x = bytearray(b'x') * (60 * 2 ** 20)\n        time.sleep(60)\ntime.sleep(60)",
        MEMORY,
        ungrouped=TIMEOUT,
    ),
    Case(
        "temporary directory filling",
        UNTIL_REFUSED + "f = open('/tmp/f', 'wb', buffering=0)\n"
        "n = until_refused(lambda n: f.write(b'x' * 2 ** 20) or None)\nassert n < 100" + RIGHT,
        PASSED,
    ),
    Case(
        "shared memory filling",
        UNTIL_REFUSED
        + "def act(n): open(f'/dev/shm/{n}', 'wb', buffering=0).write(b'x' * 2 ** 20)\n"
        "n = until_refused(act)\nassert n < 100" + RIGHT,
        PASSED,
    ),
    Case("memfd", "import os\nos.memfd_create('x')", ERROR, "exception"),
    Case(
        "deep recursion",
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x): return str(X(x))\nclass X:\n"
        "    def __init__(self, x): pass\n    def __str__(self): return str(X(0)) + repr([self])\n"
        "    __repr__ = __str__\nf(0)",
        ERROR,
        "signal",
    ),
    Case(
        "fallocate",
        "import os\nf = open('/tmp/f', 'wb')\ntry: os.posix_fallocate(f.fileno(), 0, 10 ** 12)\n"
        "except OSError: pass\nelse: raise SystemExit" + RIGHT,
        PASSED,
    ),
    Case(
        "inode flood",
        UNTIL_REFUSED + "n = until_refused(lambda n: open(f'/tmp/{n}', 'w').close())\n"
        "assert n < 10_000" + RIGHT,
        PASSED,
    ),
    Case("sparse file", "open('/tmp/f', 'wb').truncate(10 ** 12)", ERROR, "exception"),
    Case(
        "descriptor exhaustion",
        UNTIL_REFUSED + "kept = []\nn = until_refused(lambda n: kept.append(open('/dev/null')))\n"
        "kept.clear()\nassert n < 1000" + RIGHT,
        PASSED,
    ),
    Case("endless print", "while True: print('line')", OUTPUT),
    Case("endless line", "import sys\nwhile True: sys.stdout.write('x' * 4096)", OUTPUT),
    Case("stderr flood", "import sys\nwhile True: sys.stderr.write('x' * 4096 + '\\n')", OUTPUT),
    Case("invalid UTF-8", "import os\nos.write(1, b'\\xff\\xfe\\xf0')" + RIGHT, PASSED),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.usefixtures("unharmed")
def test_limits_hold(judge, case: Case) -> None:
    report = judge(case.source, ADD, hasty=case.status is TIMEOUT)
    grouped = judge.name == "docker" or cgroups.find()
    status = case.status if grouped else case.ungrouped or case.status
    judge.check(report, status, case.other)
    assert case.detail is None or report.detail == case.detail


@pytest.mark.usefixtures("unharmed")
def test_a_program_need_not_read_its_input(judge) -> None:
    tests = IO((IOCase("x" * 500_000, "done"),))
    assert judge("print('done')", tests).status is PASSED


@pytest.mark.usefixtures("unharmed")
def test_a_child_that_outlives_a_program_cannot_add_to_its_output(judge) -> None:
    source = "import os, time\nif os.fork() == 0:\n    time.sleep(3)\n    os.write(1, b'8')\n"
    assert judge(source, IO((IOCase("4", "8"),))).status is FAILED


@pytest.mark.usefixtures("unharmed")
def test_cpu_time_is_limited_apart_from_the_wall_clock(judge) -> None:
    report = judge("while True: pass", ADD, Limits(wall_s=100.0, cpu_s=1.0))
    assert (report.status, report.detail) == (TIMEOUT, "cpu")


CHILDREN = """
import ctypes, os, signal, time
libc = ctypes.CDLL(None)
ended, held = os.pipe()
class Action(ctypes.Structure):
    _fields_ = [('handler', ctypes.c_size_t), ('mask', ctypes.c_ubyte * 128),
                ('flags', ctypes.c_int), ('restorer', ctypes.c_size_t)]
def spin():
    while time.process_time() < .4: pass
    os._exit(0)
def start(): os.fork() or spin()
def start_twice(): os.fork() or start() or os._exit(0)
"""
AWAIT_ALL = "os.close(held)\nos.read(ended, 1)"  # which each of them holds open
UNWAITED = {
    "never waited for": "for _ in range(3): start()",
    "ignored": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor _ in range(3): start()",
    "not kept": "action = Action(0, flags=2)\nlibc.sigaction(17, ctypes.byref(action), None)\n"
    "for _ in range(3): start()",
    "double fork": "for _ in range(3): start_twice()",
    "ignored after a double fork": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    "for _ in range(3): start_twice()",
}
KINDS = {
    "asserts": ADD,
    "pytest": Pytest("from solution import add\ndef test_add():\n    assert add(1, 2) == 3\n"),
    "calls": Calls("add", (Call([1, 2], 3),)),
    "io": IO((IOCase("", "done"),)),
    "one process": Asserts("import solution\nsolution.x = 1\nassert add(1, 2) == 3", "add"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", UNWAITED)
def test_the_time_of_children_that_nobody_waited_for_counts(judge, way: str, kind: str) -> None:
    source = f"{CHILDREN}{UNWAITED[way]}\n{AWAIT_ALL}\nprint('done')\n{RIGHT}"
    report = judge(source, KINDS[kind], Limits(wall_s=100.0, cpu_s=0.5))
    assert (report.status, report.detail) == (TIMEOUT, "cpu"), report
    assert report.cpu_s > 1.1


@pytest.mark.usefixtures("unharmed")
def test_a_kill_for_memory_is_charged_to_its_own_run_only(judge) -> None:
    if judge.name == "process" and not cgroups.find():
        pytest.skip("no control groups can be made here")
    children = (
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n"
        "        x = bytearray(b'x') * (90 * 2 ** 20)\n        time.sleep(60)\n"
        "while os.wait()[1] != 9: pass"
    )
    limits = Limits(memory_bytes=128 * 2**20)
    assert judge(children + RIGHT, ADD, limits).status is PASSED
    assert judge("1 / 0", ADD).status is ERROR
