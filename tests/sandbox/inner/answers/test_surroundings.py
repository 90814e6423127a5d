"""Tests that change their own process, or look inside functions, are judged in one process."""

from __future__ import annotations

import timeit
from typing import Any

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status
from sandbox.inner.answers.surroundings import Surroundings

SHARED = [
    (
        "def f(): print('a')",
        (
            "import contextlib as c, io\nb = io.StringIO()\n"
            "with c.redirect_stdout(b): f()\nassert b.getvalue() == 'a\\n'"
        ),
    ),
    (
        "import sys\ndef f(): print('a', file=sys.stderr)",
        (
            "import contextlib as c, io\n"
            "b = io.StringIO()\nwith c.redirect_stderr(b): f()\nassert b.getvalue() == 'a\\n'"
        ),
    ),
    (
        "import warnings\ndef f(): warnings.warn('a')",
        (
            "import warnings as w\n"
            "with getattr(w, 'catch_' + 'warnings')(record=True) as r:\n"
            "    w.simplefilter('always')\n    f()\nassert [str(x.message) for x in r] == ['a']"
        ),
    ),
    (
        "import warnings\ndef f(): warnings.warn('a')",
        ("import unittest\nwith unittest.TestCase().assertWarns(UserWarning): f()"),
    ),
    (
        "import os\ndef f(): return os.path.basename(os.getcwd())",
        ("import os\nos.mkdir('d')\nos.chdir('d')\nassert f() == 'd'"),
    ),
    (
        "import os\ndef f(): return os.environ.get('A')",
        (
            "import os\nos.putenv('A', 'b')\n"
            "getattr(os, 'env' + 'iron')['A'] = 'b'\nassert f() == 'b'"
        ),
    ),
    (
        "import decimal as d\ndef f(): return str(d.Decimal(1) / 3)",
        (
            "import decimal\n"
            "with decimal.localcontext() as c:\n    c.prec = 3\n    assert f() == '0.333'"
        ),
    ),
    (
        "import decimal as d\ndef f(): return str(d.Decimal(1) / 3)",
        ("import decimal\ndecimal.setcontext(decimal.Context(prec=3))\nassert f() == '0.333'"),
    ),
    (
        "def f(n): return n and 1 + f(n - 1)",
        ("import sys\ngetattr(sys, 'setrecursion' + 'limit')(8000)\nassert f(4000) == 4000"),
    ),
    (
        "import sys\ndef f(): return sys.get_int_max_str_digits()",
        ("import sys\nsys.set_int_max_str_digits(5000)\nassert f() == 5000"),
    ),
    (
        "import os\ndef f(): return 1",
        (
            "import os\npid = os.fork()\nif not pid: os._exit(f())\n"
            "assert os.waitpid(pid, 0)[1] == 256"
        ),
    ),
    ("def f(a, b=2): return a", "assert f.__code__.co_argcount == 2 and f(1) == 1"),
    ("def f(a, b=2): return a", "assert f.__defaults__ == (2,) and f(1) == 1"),
    (
        "def f(a, b=2): return a",
        ("import inspect\nassert len(inspect.signature(f).parameters) == 2\nassert f(1) == 1"),
    ),
    (
        "def f(a, b=2): return a",
        (
            "import inspect\nassert f(1) == 1\n"
            "assert getattr(inspect, 'getfull' + 'argspec')(f).args == ['a', 'b']"
        ),
    ),
    (
        "async def f(): return 1",
        ("import inspect\nassert inspect.iscoroutinefunction(f)\nf().close()"),
    ),
    (
        "async def f(): return 1",
        ("import asyncio\nassert asyncio.iscoroutinefunction(f)\nf().close()"),
    ),
    (
        "def f(): yield 1",
        "import inspect\nassert inspect.isgeneratorfunction(f) and next(f()) == 1",
    ),
    (
        "class C:\n    def __init__(self, a, b): pass\ndef f(): return 1",
        ("import inspect\nassert list(inspect.signature(C).parameters) == ['a', 'b'] and f() == 1"),
    ),
    (
        (
            "import functools\ndef w(g):\n    @functools.wraps(g)\n    def h(*a): return g(*a)\n"
            "    return h\n@w\ndef f(x): return x"
        ),
        "assert f(1) == 1 and f.__wrapped__(2) == 2",
    ),
]


@pytest.mark.parametrize(("source", "code"), SHARED)
def test_tests_that_need_their_own_process_share_it(judge: Any, source: str, code: str) -> None:
    report = judge(source, Asserts(code, "f"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


SIGNED = """
class Signed:
    def __init__(self, seed): self.warns, self.signature = 0, 'me'
    def chdir(self, to): return to
    def fork(self): return Signed(1)
    def redirect_stdout(self): return 2
    def getdoc(self): '''x'''; return self.getdoc.__doc__
def f(x): '''says x'''; return x
"""
ISOLATED = [
    (SIGNED, "s = Signed(1)\nassert s.warns == 0 and s.signature == 'me' and s.chdir('a') == 'a'"),
    (SIGNED, "assert Signed(1).fork().redirect_stdout() == 2 and Signed(2).getdoc() == 'x'"),
    (SIGNED, "import inspect\nassert inspect.getdoc(f) == 'says x' and f(1) == 1"),
    (SIGNED, "import os\nold = os.getcwd()\nos.chdir('/')\nos.chdir(old)\nassert f(1) == 1"),
    (
        SIGNED,
        (
            "import contextlib as c, io\nwith c.redirect_stdout(io.StringIO()): print(1)\n"
            "assert f(1) == 1"
        ),
    ),
    (
        SIGNED,
        (
            "import decimal\nwith decimal.localcontext() as c:\n    c.prec = 50\n"
            "    x = str(decimal.Decimal(1) / 3)\nassert f(x) == x"
        ),
    ),
    (
        SIGNED,
        (
            "import warnings as w\nwith w.catch_warnings(): w.simplefilter('error')\n"
            "assert f(1) == 1"
        ),
    ),
    (
        SIGNED,
        "import functools as t\ng = t.partial(f, 1)\nassert g() == 1 and f.__name__ == 'f'",
    ),
]


@pytest.mark.parametrize(("source", "code"), ISOLATED)
def test_what_changes_nothing_for_the_candidate_is_isolated(
    judge: Any, source: str, code: str
) -> None:
    report = judge(source, Asserts(code, "f"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def test_what_pytest_changes_around_a_test_is_none_of_its_doing(judge: Any) -> None:
    code = "from solution import f\n" + "".join(
        f"def test_{n}(tmp_path): assert f({n}) == {n}\n" for n in range(3)
    )
    report = judge(SIGNED, Pytest(code), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    looked = "@pytest.mark.parametrize('g, c', [(f, Signed)])\ndef test(g, c): assert g(c(1)).warns"
    report = judge(SIGNED, Pytest(f"import pytest\nfrom solution import f, Signed\n{looked} == 0"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    report = judge(SIGNED, Pytest(f"import pytest\nfrom solution import f, Signed\n{looked} is c"))
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report
    code += "def test_w(recwarn):\n    f(1)\n    assert not recwarn.list\n"
    assert judge(SIGNED, Pytest(code), Limits()).integrity is Integrity.SHARED


def test_a_look_at_what_changed_takes_microseconds() -> None:
    around = Surroundings()
    assert around.changed() is None
    assert min(timeit.repeat(around.changed, number=1_000, repeat=5)) < 0.02


def test_nor_is_what_it_changes_while_a_thread_of_one_test_goes_on_through_others(
    judge: Any,
) -> None:
    code = (
        "import threading\nfrom solution import f\nover = threading.Event()\n"
        "def go_on():\n    while not over.is_set(): assert f(1) == 1\n"
        "asking = threading.Thread(target=go_on)\n"
        "def test_first(): asking.start()\n"
        + "".join(f"def test_{n}(tmp_path): pass\n" for n in range(40))
        + "def test_last():\n    over.set()\n    asking.join()\n"
    )
    report = judge(SIGNED, Pytest(code), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
