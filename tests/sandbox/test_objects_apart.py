"""Objects of classes that the tests do not name: what little they may say of others."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Status

LIES = (
    "class Zero:\n    def __isub__(self, o): return self\n    def __iadd__(self, o): return self\n"
    "    def __abs__(self): return 0.0\n    def __eq__(self, o): return True\n"
    "    def __bool__(self): return False\n    def __hash__(self): return 0\n"
    "    def __float__(self): return 0.0\nz = Zero()\n"
    "def f(n): return Zero()\ndef same(n): return z\n"
)
FORGED = {
    "in place": "d = f(1)\nd -= 3.5\nassert abs(d) < 1e-6",
    "in place, a list": "d = f(1)\nd -= [3.5]\nassert abs(d) < 1e-6",
    "in place, another object": "d = f(1)\nd -= f(2)\nassert abs(d) < 1e-6",
    "another equals it": "assert f(1) == f(2)",
    "it is in a list": "assert f(1) in [f(2)]",
    "a value equals it": "assert f(1) == 3",
    "it equals itself and a value": "assert same(1) == same(2) == 3",
}


@pytest.mark.parametrize("code", FORGED.values(), ids=FORGED)
def test_they_equal_nothing_else(judge, code: str) -> None:
    report = judge(LIES, Asserts(code, "f"))
    assert report.status is Status.ERROR, report


def test_one_is_itself(judge) -> None:
    report = judge(LIES, Asserts("assert same(1) == same(2)\nassert same(1) in [same(2)]", "same"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED)


def test_that_another_is_not_it_is_believed(judge) -> None:
    source = "class A:\n    def __eq__(self, o): return self is o\n"
    source += "a = [A(), A()]\ndef f(n): return a[n]\n"
    report = judge(source, Asserts("x = [f(0), f(1)]\nassert x.index(f(1)) == 1", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED)


def test_an_exception_is_found_among_others(judge) -> None:
    source = (
        "class E(Exception):\n    def __eq__(self, o): return self is o\n"
        "    def __hash__(self): return 1\nes = [E(1), E(2)]\ndef f(n): return es[n]\n"
    )
    code = "x = [f(0), f(1)]\nassert f(1) in x and f(1) == x[1] and len({*x, f(0)}) == 2"
    assert judge(source, Asserts(code, "f")).status is Status.PASSED
    assert judge(source, Asserts(f"{code}\nassert f(0) == 3", "f")).status is Status.ERROR


def test_a_callback_in_place(judge) -> None:
    code = "g = []\nx = f()\nx += g.append\nx.fire(3)\nassert g == [3]"
    source = (
        "class E:\n    def __init__(self): self.h = []\n"
        "    def __iadd__(self, h):\n        self.h.append(h)\n        return self\n"
        "    def fire(self, v):\n        for h in self.h: h(v)\ndef f(): return E()\n"
    )
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED)
    report = judge(source.replace("return self", "return E()"), Asserts(code, "f"))
    assert report.status is Status.ERROR, report


CONTAINERS = {
    "it says yes": ("return True", "iter([3])"),
    "it says no": ("return False", "iter([1])"),
    "its items equal everything": ("return True", "iter([Equal()])"),
    "it has what it was asked for": ("self.v.append(o)\n        return True", "iter(self.v)"),
    "it has no end": ("return True", "itertools.repeat(3)"),
    "it has no items": ("return True", "None"),
    "its items come once": ("return True", "self"),
}


@pytest.mark.parametrize(("says", "items"), CONTAINERS.values(), ids=CONTAINERS)
def test_what_it_contains_is_looked_for_here(judge, says: str, items: str) -> None:
    source = (
        "import itertools\nclass Equal:\n    def __eq__(self, o): return True\n"
        "    def __hash__(self): return 0\n"
        "class C:\n    def __init__(self): self.v = []\n    def __next__(self): return 1\n"
        f"    def __contains__(self, o):\n        {says}\n    def __iter__(self): return {items}\n"
        "def f(): return C()\n"
    )
    if items != "self":
        source = source.replace("    def __next__(self): return 1\n", "")
    report = judge(source, Asserts("assert 1 in f()", "f"))
    assert report.status is Status.ERROR, report


def test_a_function_shows_its_marks_alone(judge) -> None:
    source = (
        "NAMES = ('pytestmark', '__wrapped__', '__defaults__', '__globals__', '_hidden', 'part')\n"
        "def shown(f): return [n for n in NAMES if hasattr(f, n)] + [*vars(f)]\n"
        "def mark(f, name):\n    try: setattr(f, name, [1])\n"
        "    except AttributeError: return 'no'\n"
        "def add(f): f.more = lambda: 3\n"
    )
    code = (
        "import functools, pytest, sys\ndef g(x=5): pass\n"
        "f = pytest.mark.skip(functools.wraps(g)(lambda: 1))\n"
        "f._hidden, f.part, f.expected = sys, functools.partial(g), 3\n"
        "assert shown(f) == ['expected']\nassert mark(f, '__wrapped__') == 'no'\n"
        "assert mark(f, 'pytestmark') == 'no' and f.pytestmark[0].name == 'skip'\n"
        "assert mark(f, 'seen') is None and f.seen == [1]\n"
        "assert mark(functools.partial(g), 'seen') == 'no'\n"
    )
    report = judge(source, Asserts(code, "shown"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    report = judge(source, Asserts(f"{code}add(f)\nassert f.more() == 3", "shown"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_what_is_held_is_in_step(judge) -> None:
    """Up to a bound; beyond it the object is asked, as it was never told of."""
    source = (
        "class S(list):\n"
        "    def push(self, n):\n        self.extend(range(n))\n        return self\n"
        "    def drop(self): self.clear()\n"
    )
    code = (
        "import heapq, json\ns = S()\nassert s == [] and [1] + s == [1]\ns.push(3)\n"
        "assert s == [0, 1, 2] and [7] + s == [7, 0, 1, 2] and json.dumps(s) == '[0, 1, 2]'\n"
        "heapq.heappush(s, -1)\nassert len(s) == 4 and s.pop() >= 0\ns.drop()\nassert s == []\n"
    )
    report = judge(source, Asserts(code, "S"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED)
    long = "s = S()\nassert s.push(5) == [*range(5)]\ns.push(3000)\n"
    long += "assert s == [*range(5), *range(3000)]\ns.drop()\nassert s == [] and not s\n"
    assert judge(source, Asserts(long, "S")).status is Status.PASSED
    many = "a = [S().push(1) for _ in range(300)]\nassert all(s == [0] for s in a)\n"
    assert judge(source, Asserts(many, "S")).status is Status.PASSED
    few = "for _ in range(1000):\n    s = S().push(2)\n    assert s == [0, 1]\n    del s\n"
    report = judge(source, Asserts(few, "S"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED)


SWALLOWS = (
    "class Meta(type):\n    def __instancecheck__(c, v): return True\n"
    "    def __subclasscheck__(c, k): return True\n"
    "class E(Exception, metaclass=Meta): pass\nclass P(metaclass=Meta): pass\ndef f(): return 1\n"
)


@pytest.mark.parametrize(
    "code",
    [
        "import pytest\nwith pytest.raises(E):\n    assert f() == 2",
        "import contextlib\nwith contextlib.suppress(P):\n    assert f() == 2",
        "import contextlib\nwith contextlib.suppress(E):\n    assert f() == 2",
        "try:\n    assert f() == 2\nexcept Exception as e:\n    assert isinstance(e, E)",
    ],
)
def test_no_class_says_that_a_failure_is_an_instance(judge, code: str) -> None:
    report = judge(SWALLOWS, Asserts(code, "f"))
    assert report.status is Status.FAILED, report
