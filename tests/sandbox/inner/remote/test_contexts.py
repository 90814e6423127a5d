"""What an exception of the program was raised from and in, and what its contexts are told."""

from __future__ import annotations

import pytest

from sandbox import Limits, Pytest, Status

LIMITS = Limits(wall_s=5.0, cpu_s=5.0)
HANDLING = (
    "def f(x):\n    try: 1 / x\n    except ZeroDivisionError:\n        raise ValueError('in it')\n"
)
CASES = {
    "handled": (
        HANDLING,
        "def f(x): raise ValueError('in it')\n",
        (
            "import pytest\nfrom solution import f\ndef test_it():\n"
            "    with pytest.raises(ValueError) as e: f(0)\n"
            "    assert isinstance(e.value.__context__, ZeroDivisionError)\n"
            "    assert e.value.__context__.args == ('division by zero',)\n"
            "    assert e.value.__cause__ is None and not e.value.__suppress_context__\n"
        ),
    ),
    "hidden": (
        HANDLING.replace("'in it')", "'in it') from None"),
        HANDLING,
        (
            "import pytest\nfrom solution import f\ndef test_it():\n"
            "    with pytest.raises(ValueError) as e: f(0)\n"
            "    assert isinstance(e.value.__context__, ZeroDivisionError)\n"
            "    assert e.value.__suppress_context__\n"
        ),
    ),
    "from what was handled, and from another": (
        (
            "class E(Exception): pass\ndef f(way):\n    try: {}['k']\n    except KeyError as k:\n"
            "        if way: raise E(1) from k\n        raise E(2) from ValueError('v')\n"
        ),
        (
            "class E(Exception): pass\ndef f(way):\n    try: {}['k']\n    except KeyError as k:\n"
            "        raise E(1) from k\n"
        ),
        (
            "import pytest\nfrom solution import E, f\ndef test_it():\n"
            "    with pytest.raises(E) as e: f(True)\n"
            "    assert e.value.__context__ is e.value.__cause__\n"
            "    with pytest.raises(E) as e: f(False)\n"
            "    assert str(e.value.__cause__) == 'v'\n"
            "    assert repr(e.value.__context__) == \"KeyError('k')\"\n"
        ),
    ),
    "one in another": (
        (
            "def f():\n    try:\n        try: {}[1]\n        except KeyError: 1 / 0\n"
            "    except ZeroDivisionError: raise OSError(5, 'five')\n"
        ),
        "def f():\n    try: {}[1]\n    except KeyError: raise OSError(5, 'five')\n",
        (
            "import solution\ndef test_it():\n    mine = LookupError('mine')\n    try:\n"
            "        try: raise mine\n        except LookupError: solution.f()\n"
            "    except OSError as e:\n        chain = []\n        while e is not None:\n"
            "            chain.append(type(e).__name__)\n            last, e = e, e.__context__\n"
            "    assert chain == ['OSError', 'ZeroDivisionError', 'KeyError', 'LookupError']\n"
            "    assert last is mine\n"
        ),
    ),
    "of an exception that is kept": (
        (
            "class T:\n    def run(self):\n        try:\n            try: {}[1]\n"
            "            except KeyError: raise ValueError('v')\n"
            "        except ValueError as e: self.error = e\n        return self\n"
        ),
        "class T:\n    def run(self):\n        self.error = ValueError('v')\n        return self\n",
        (
            "from solution import T\ndef test_it():\n    e = T().run().error\n"
            "    assert str(e) == 'v'\n    assert e.__context__.args == (1,)\n"
            "    assert e.__context__ is e.__context__ and e.__cause__ is None\n"
        ),
    ),
    "the tests' own": (
        "def f(g):\n    try: g()\n    except KeyError: raise ValueError('v')\n",
        "def f(g):\n    try: g()\n    except KeyError: pass\n    raise ValueError('v')\n",
        (
            "import pytest\nfrom solution import f\ndef test_it():\n    mine = KeyError('mine')\n"
            "    def g(): raise mine\n    with pytest.raises(ValueError) as e: f(g)\n"
            "    assert e.value.__context__ is mine\n"
        ),
    ),
    "told at the end of a with": (
        (
            "class C:\n    def __init__(self): self.log = []\n"
            "    def __enter__(self): return self\n"
            "    def __exit__(self, kind, error, trace):\n"
            "        above = kind.__mro__[1].__name__\n"
            "        self.log.append((kind.__name__, str(error), error.args, above))\n"
        ),
        (
            "class C:\n    def __init__(self): self.log = []\n"
            "    def __enter__(self): return self\n"
            "    def __exit__(self, kind, error, trace):\n"
            "        above = kind.__mro__[1].__name__\n"
            "        self.log.append((kind.__name__, error.args[0], error.args, above))\n"
        ),
        (
            "import pytest\nfrom solution import C\nclass Own(LookupError): pass\ndef test_it():\n"
            "    c = C()\n    for error in (KeyError('k'), Own(1, 2)):\n"
            "        with pytest.raises(LookupError) as e:\n            with c: raise error\n"
            "        assert e.value is error\n"
            "    assert c.log[0] == ('KeyError', \"'k'\", ('k',), 'LookupError')\n"
            "    assert c.log[1] == ('Own', '(1, 2)', (1, 2), 'LookupError')\n"
        ),
    ),
}


@pytest.mark.parametrize(("right", "wrong", "tests"), CASES.values(), ids=CASES)
def test_of_the_program(judge, right: str, wrong: str, tests: str) -> None:
    judge.tells_apart(right, wrong, Pytest(tests), LIMITS)


TRYING = """
def f(g):
    try: g(6)
    except AssertionError:
        g(7)
        raise ValueError(7)
"""


def test_a_failed_assertion_that_was_handled_is_not_let_through(judge) -> None:
    tests = (
        "import pytest\nfrom solution import f\ndef test_it():\n    def g(n): assert n == 7\n"
        "    with pytest.raises(ValueError, match='7') as e: f(g)\n"
        "    assert e.value.__context__ is not None\n"
    )
    report = judge(TRYING, Pytest(tests), LIMITS)
    assert report.status is Status.FAILED, report


def test_the_end_of_a_with_is_not_told_what_was_expected(judge) -> None:
    source = (
        "seen = []\nclass C:\n    def __enter__(self): return 1\n"
        "    def __exit__(self, kind, error, trace): seen.append(repr((kind, error)))\n"
    )
    tests = (
        "import solution\ndef test_it():\n    try:\n        with solution.C() as c:\n"
        "            assert c == 2, 'expected'\n    except AssertionError: pass\n"
        "    assert 'expected' in solution.seen[0]\n"
    )
    report = judge(source, Pytest(tests), LIMITS)
    assert report.status is Status.FAILED, report
