"""Tests of kind `io`: programs that people write, run as they would run from a shell."""

from dataclasses import replace

import pytest

from sandbox import IO, IOCase, Limits, Status

PASSED, FAILED, ERROR = Status.PASSED, Status.FAILED, Status.ERROR
SHORT = Limits(wall_s=1.0, cpu_s=1.0, memory_bytes=128 * 2**20)
EACH = Limits(wall_s=2.0, cpu_s=1.0, memory_bytes=128 * 2**20)
RAISE = "import resource, sys\n{}\nsys.setrecursionlimit(10**6)\nprint(int(input()) + 1)\n"
INFINITE = "resource.RLIM_INFINITY"

PROGRAMS = {
    # Buffers, and other ends.
    "file on descriptor 1": ("out = open(1, 'w', closefd=False)\nprint(2, file=out)", PASSED),
    "file in a list": ("outs = [open(1, 'w', closefd=False)]\nouts[0].write('2')", PASSED),
    "file in a cycle": (
        (
            "class A: pass\na = A(); a.me = a\na.out = open(1, 'w', closefd=False)\n"
            "a.out.write('2')\n"
            "del a"
        ),
        PASSED,
    ),
    "file kept elsewhere": (
        "import math\nmath.out = open(1, 'w', closefd=False)\nmath.out.write('2')",
        PASSED,
    ),
    "bytes": ("import sys\nsys.stdout.buffer.write(b'2\\n')", PASSED),
    "fdopen": ("import os, sys\nsys.stdout = os.fdopen(1, 'w', 1 << 16)\nprint(2)", PASSED),
    "buffer at the end": (
        (
            "import atexit, io, os, sys\nout = io.BytesIO()\n"
            "sys.stdout.write = lambda text: out.write(text.encode())\n"
            "atexit.register(lambda: os.write(1, out.getvalue()))\nprint(2)"
        ),
        PASSED,
    ),
    "at exit": ("import atexit\natexit.register(print, 2)", PASSED),
    "object that prints at its end": (
        "class A:\n    def __del__(self): print(2)\na = A()",
        PASSED,
    ),
    "thread that prints late": (
        (
            "import threading, time\n"
            "threading.Thread(target=lambda: (time.sleep(0.1), print(2))).start()"
        ),
        PASSED,
    ),
    "daemon that goes on": (
        (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nprint(2)"
        ),
        PASSED,
    ),
    "child that raises": (
        "import os\nif os.fork() == 0: raise ValueError\nos.wait()\nprint(2)",
        PASSED,
    ),
    "child that raises, and so does it": (
        "import os\nif os.fork() == 0: raise ValueError\nos.wait()\nprint(2)\n1 / 0",
        ERROR,
    ),
    "no stdout": ("import sys\nprint(2)\nsys.stdout.flush()\nsys.stdout = None", PASSED),
    "no stdout, not flushed": ("import sys\nprint(2)\nsys.stdout = None", PASSED),
    "no stderr": ("import sys\nsys.stderr = None\nprint(2)", PASSED),
    "closed stdout": ("import sys\nprint(2)\nsys.stdout.close()", PASSED),
    "closed descriptor": ("import os, sys\nprint(2, flush=True)\nos.close(1)", PASSED),
    "closed stdin": ("import sys\nprint(2)\nsys.stdin.close()", PASSED),
    "exit": ("import sys\nprint(2)\nsys.exit(0)", PASSED),
    "exit with nothing": ("print(2)\nexit()", PASSED),
    "exit with False": ("import sys\nprint(2)\nsys.exit(False)", PASSED),
    "exit with 3": ("import sys\nprint(2)\nsys.exit(3)", ERROR),
    "exit with text": ("import sys\nprint(2)\nsys.exit('no')", ERROR),
    "exception": ("print(2)\n1 / 0", ERROR),
    "error in a thread": (
        "import threading\nthreading.Thread(target=lambda: 1 / 0).start()\nprint(2)",
        PASSED,
    ),
    "error at exit": ("import atexit\natexit.register(lambda: 1 / 0)\nprint(2)", PASSED),
    "restored stdout": (
        (
            "import contextlib, io\n"
            "with contextlib.redirect_stdout(io.StringIO()) as out: print(2)\n"
            "print(out.getvalue())"
        ),
        PASSED,
    ),
    "kept stdout": ("import io, sys\nprint(2)\nsys.stdout = io.StringIO()\nprint(3)", PASSED),
    # Limits that programs raise.
    "stack to infinity": (
        RAISE.format(f"resource.setrlimit(resource.RLIMIT_STACK, ({INFINITE}, {INFINITE}))"),
        PASSED,
    ),
    "stack to infinity, hard stays": (
        RAISE.format(f"resource.setrlimit(resource.RLIMIT_STACK, ({INFINITE}, -1))"),
        PASSED,
    ),
    "stack to the hard limit": (
        RAISE.format(
            "_, hard = resource.getrlimit(resource.RLIMIT_STACK)\n"
            "resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))"
        ),
        PASSED,
    ),
    "stack of 256 MiB": (
        RAISE.format("resource.setrlimit(resource.RLIMIT_STACK, (2**28, 2**28))"),
        PASSED,
    ),
    "thread with a large stack": (
        (
            "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(2**27)\n"
            "def deep(n): return n and 1 + deep(n - 1)\n"
            "t = threading.Thread(target=lambda: print(deep(20_000) // 10_000))\n"
            "t.start(); t.join()"
        ),
        PASSED,
    ),
    "deep recursion": (
        (
            "import sys\nsys.setrecursionlimit(10**6)\ndef deep(n): return n and 1 + deep(n - 1)\n"
            "print(deep(50_000) // 25_000)"
        ),
        PASSED,
    ),
    "64 threads": (
        (
            "import threading, time\n"
            "ts = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in range(64)]\n"
            "[t.start() for t in ts]; [t.join() for t in ts]\nprint(2)"
        ),
        PASSED,
    ),
    "64 workers": (
        (
            "from concurrent.futures import ThreadPoolExecutor\nimport time\n"
            "with ThreadPoolExecutor(64) as pool:\n"
            "    list(pool.map(lambda n: time.sleep(0.05), range(128)))\nprint(2)"
        ),
        PASSED,
    ),
    # Numbers and sources.
    "long integer out": ("print(len(str(2 ** 16000)) - 4815)", PASSED),
    "long integer in": ("print(int('9' * 10_000) % 7 - 1)", PASSED),
    "byte-order mark": ("\ufeffprint(2)", PASSED),
    "windows lines": ("print(\r\n2)\r\n", PASSED),
    "main": ("if __name__ == '__main__':\n    print(2)", PASSED),
    "own name": (
        "import os\nprint(2 if os.path.basename(__file__) == 'solution.py' else 3)",
        PASSED,
    ),
    # What is wrong stays wrong.
    "another number": ("print(3)", FAILED),
    "space before": ("print(' 2')", FAILED),
    "line before": ("print()\nprint(2)", FAILED),
    "more": ("print(2)\nprint(2)", FAILED),
    "nothing": ("pass", FAILED),
    "output of a child that goes on": (
        "import os, time\nif os.fork() == 0:\n    time.sleep(3)\n    print(2)",
        FAILED,
    ),
    "killed": ("import os\nprint(2, flush=True)\nos.kill(os.getpid(), 9)", ERROR),
    "silence": ("import time\nprint(2, flush=True)\ntime.sleep(60)", Status.TIMEOUT),
    "thread that does not end": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\nprint(2)",
        Status.TIMEOUT,
    ),
    "object that does not end": (
        "class A:\n    def __del__(self):\n        while True: pass\na = A()\nprint(2)",
        Status.TIMEOUT,
    ),
}


@pytest.mark.parametrize("case", PROGRAMS)
def test_whole_programs(judge, case: str) -> None:
    source, status = PROGRAMS[case]
    limits = Limits(wall_s=2.0) if status is Status.TIMEOUT else Limits()
    report = judge(source, IO((IOCase("1\n", "2\n"),)), limits, hasty=status is Status.TIMEOUT)
    assert report.status is status, report
    assert (report.checks, report.passed_checks) == (1, int(status is PASSED))


def test_a_text_that_a_program_exits_with_is_shown(judge) -> None:
    report = judge("import sys\nsys.exit('no way')", IO((IOCase("", ""),)))
    assert (report.stderr, report.exit_code) == ("no way\n", 1)


def test_long_integers_are_for_whole_programs_only(judge) -> None:
    source = "import sys\nprint(sys.get_int_max_str_digits())"
    assert judge(source, IO((IOCase("", "0"),))).status is PASSED


DIRECTORIES = {
    "made": "import os\nos.mkdir('work')\nprint(input())",
    "written": "open('out', 'x').write('a')\nprint(input())",
    "seen": "import os\nassert os.listdir() == []\nopen('out', 'w').close()\nprint(input())",
    "in /tmp": "open('/tmp/mine', 'x').close()\nprint(input())",
    "in /dev/shm": "open('/dev/shm/mine', 'x').close()\nprint(input())",
    "filled": "open('big', 'wb').write(bytes(40 * 2**20))\nprint(input())",
    "closed": "import os\nos.makedirs('a/b')\nos.chmod('a', 0)\nprint(input())",
    "link": "import os\nos.symlink('/', 'root')\nprint(input())",
    "deep": "import os\nfor _ in range(1500): os.mkdir('d'), os.chdir('d')\nprint(input())",
    "gone": "import os\nos.rmdir(os.getcwd())\nprint(input())",
    "temporary": "import tempfile\nname = tempfile.mkdtemp()\nprint(input())",
}


@pytest.mark.parametrize("case", DIRECTORIES)
def test_every_case_starts_in_an_empty_directory(judge, case: str) -> None:
    cases = tuple(IOCase(text, text) for text in "abc")
    report = judge(DIRECTORIES[case], IO(cases), Limits())
    assert (report.status, report.passed_checks) == (PASSED, 3), report


def test_limits_are_those_of_each_case(judge) -> None:
    """At any scale all cases together are above them; a busy host needs a large one."""
    cases = tuple(IOCase(text, text * 700_000) for text in "abcdef")
    for scale in (1, 4, 16):
        source = (
            f"import time\nend = time.process_time() + {0.25 * scale}\n"
            "while time.process_time() < end: pass\n"
            f"time.sleep({0.2 * scale})\nprint(input() * 700_000)\n"
        )
        limits = replace(EACH, wall_s=scale * EACH.wall_s, cpu_s=scale * EACH.cpu_s)
        if (report := judge(source, IO(cases), limits, hasty=True)).status is PASSED:
            break
    assert (report.status, report.passed_checks) == (PASSED, 6), report


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("time.sleep(99)", Status.TIMEOUT),
        ("while True: pass", Status.TIMEOUT),
        ("print('x' * 1_200_000)", Status.OUTPUT_LIMIT),
        ("sys.stderr.write('x' * 1_200_000)", Status.OUTPUT_LIMIT),
        ("x = bytearray(2**30)", Status.MEMORY_LIMIT),
        ("1 / 0", ERROR),
        ("sys.exit(1)", ERROR),
    ],
)
def test_a_later_case_that_breaks_a_limit_ends_the_run(judge, body: str, status: Status) -> None:
    source = f"import sys, time\ntext = input()\nif text == 'b':\n    {body}\nprint(text)\n"
    for wall_s in (1.0, 5.0, 20.0):  # the first is to end in time, on a busy host too
        limits = replace(SHORT, wall_s=wall_s)
        cases = tuple(IOCase(text, text) for text in "abc")
        report = judge(source, IO(cases), limits, hasty=True)
        if (found := (report.status, report.passed_checks)) == (status, 1):
            break
    assert (*found, report.checks) == (status, 1, 3), report


def test_all_cases_together_have_bounds(judge) -> None:
    limits = Limits(wall_s=3.0, cpu_s=1.0, memory_bytes=128 * 2**20, total_s=3.0)
    cases = IO((IOCase("", ""),) * 50)
    slow = judge("import time\ntime.sleep(0.6)", cases, limits, hasty=True)
    assert (slow.status, slow.detail) == (Status.TIMEOUT, "wall")
    assert 1 <= slow.passed_checks < 6
    assert slow.wall_s < 30
    long = judge("print('x' * 1_000_000)", IO((IOCase("", "x" * 10**6),) * 20), SHORT)
    assert (long.status, long.passed_checks) == (Status.OUTPUT_LIMIT, 16)


def test_outputs_that_grow_on_the_way_are_a_limit_too(judge) -> None:
    limits = Limits(output_bytes=8 * 2**20, memory_bytes=2**29)
    source = "import os\nfor _ in range(8): os.write(1, b'\\xff' * 2**20)\n"
    report = judge(source, IO((IOCase("", "x"),) * 2), limits)
    assert report.status in (FAILED, Status.OUTPUT_LIMIT), report


def test_the_first_wrong_case_is_told_and_the_others_counted(judge) -> None:
    cases = tuple(IOCase(text, text) for text in "abcd")
    source = "import sys\ntext = input()\nsys.stderr.write(text)\nprint(text.replace('b', 'x'))"
    report = judge(source, IO(cases))
    assert (report.status, report.checks, report.passed_checks) == (FAILED, 4, 3)
    assert report.message == "case 1: the output differs from what was expected"
    assert (report.stdout, report.stderr) == ("x\n", "b")


def test_an_earlier_wrong_case_outweighs_a_later_error(judge) -> None:
    report = judge("text = input()\nprint(1 // int(text))", IO((IOCase("1", "2"), IOCase("0", ""))))
    assert (report.status, report.passed_checks) == (FAILED, 0)


def test_a_header_stands_before_a_program(judge) -> None:
    header = "import sys\nfrom math import *\nstdin = sys.stdin\n"
    source = "from __future__ import annotations\nprint(floor(float(stdin.readline())))\n"
    assert judge(source, IO((IOCase("2.5", "2"),), header)).status is PASSED
    assert judge("1\n1 / 0\n", IO((IOCase("", ""),), header)).stderr.count("line 2, in") == 1


def test_by_words_spaces_do_not_count(judge) -> None:
    source = "print('  1   2.000001')\nprint()\nprint('a')"
    case = IOCase("", "1 2.0\na", 1e-5, words=True)
    assert judge(source, IO((case,))).status is PASSED
    assert judge(source, IO((IOCase("", "1 2.0\na", 1e-5),))).status is FAILED
