"""Dataclasses of the tests, given to a program: what they made for themselves works there too."""

from __future__ import annotations

import pytest

from sandbox import Integrity, Limits, Pytest, Status

LIMITS = Limits(wall_s=5.0, cpu_s=5.0)
CLASSES = """
from dataclasses import dataclass, field
import pytest
import solution
from solution import f
@dataclass
class P:
    x: int
    tags: list = field(default_factory=list)
    def double(self): return self.x * 2
@dataclass(frozen=True)
class K:
    v: int
    w: str = "w"
@dataclass(order=True)
class J:
    prio: int
    name: str = field(compare=False, default="?")
@dataclass(frozen=True, order=True)
class T:
    at: tuple
@dataclass(eq=False)
class I:
    n: int
@dataclass
class Checked:
    n: int
    def __post_init__(self):
        if self.n < 0: raise ValueError("negative")
def test_it():
"""


def module(*lines: str) -> str:
    return CLASSES + "".join(f"    {line}\n" for line in lines)


CASES = {
    "equal": (
        "def f(a, b): return a == b, a != b, a in [b]\n",
        "def f(a, b): return a is b, a is not b, a in [b]\n",
        module(
            "assert f(P(1), P(1)) == (True, False, True)",
            "assert f(P(1), P(2)) == (False, True, False)",
            "assert f(K(1), K(1)) == (True, False, True) and f(K(1), 1)[0] is False",
            "assert f(I(1), I(1))[0] is False",
        ),
    ),
    "sorted": (
        "def f(xs): xs.sort(); return max(xs), xs[0] < xs[-1]\n",
        "def f(xs): xs.sort(reverse=True); return max(xs), xs[0] < xs[-1]\n",
        module(
            "a, b, c = J(3, 'a'), J(1, 'b'), J(2, 'c')",
            "xs = [a, b, c]",
            "assert f(xs) == (a, True)",
            "assert [x.name for x in xs] == ['b', 'c', 'a'] and xs[0] is b",
            "ts = [T((2,)), T((1, 5))]",
            "assert f(ts)[1] and ts == [T((1, 5)), T((2,))]",
        ),
    ),
    "keys": (
        (
            "def f(xs):\n    found = {x: n for n, x in enumerate(xs)}\n"
            "    return list(found), len(set(xs)), found\n"
        ),
        "def f(xs): return xs, len(xs), {}\n",
        module(
            "a, b = K(-1), K(-2)",
            "assert hash(a) == hash(K(-1))",
            "found, n, d = f([a, b, K(-1)])",
            "assert found == [a, b] and found[0] is a and n == 2",
            "assert d == {a: 2, b: 1}",
            "assert f({a, b})[1] == 2 and f({a: 1, b: 2})[1] == 2",
        ),
    ),
    "replaced": (
        "from dataclasses import replace\ndef f(o, **k): return replace(o, **k)\n",
        "from dataclasses import replace\ndef f(o, **k): return replace(o)\n",
        module(
            "p = P(1, ['t'])",
            "q = f(p, x=5)",
            "assert type(q) is P and q == P(5, ['t']) and q.tags is p.tags and p.x == 1",
            "assert f(K(1), w='z') == K(1, 'z')",
            "with pytest.raises(ValueError, match='negative'): f(Checked(1), n=-1)",
        ),
    ),
    "looked at": (
        (
            "from dataclasses import asdict, astuple, fields, is_dataclass\n"
            "def f(x): return asdict(x), astuple(x), [a.name for a in fields(x)], is_dataclass(x)\n"
        ),
        (
            "from dataclasses import asdict, astuple, fields, is_dataclass\n"
            "def f(x): return vars(x), astuple(x), [fields(x)[0].name], is_dataclass(x)\n"
        ),
        module(
            "p = P(K(2), ['t'])",
            "d, t, names, one = f(p)",
            "assert d == {'x': {'v': 2, 'w': 'w'}, 'tags': ['t']} and d['tags'] is not p.tags",
            "assert t == ((2, 'w'), ['t']) and names == ['x', 'tags'] and one",
            "assert f(J(1))[0] == {'prio': 1, 'name': '?'}",
        ),
    ),
    "frozen": (
        (
            "import dataclasses\ndef f(x):\n    try: x.v = 9\n"
            "    except dataclasses.FrozenInstanceError as e: return str(e)\n"
        ),
        (
            "import dataclasses\ndef f(x):\n    try: object.__getattribute__(x, 'v'); x.v = 9\n"
            "    except dataclasses.FrozenInstanceError as e: return 'no'\n"
        ),
        module("k = K(1)", "assert f(k) == \"cannot assign to field 'v'\" and k.v == 1"),
    ),
    "changed": (
        "def f(x): x.x += 1; x.tags.append('n'); return x.double()\n",
        "def f(x): x.x += 2; x.tags.append('n'); return x.double()\n",
        module("p = P(1)", "assert f(p) == 4", "assert p == P(2, ['n'])"),
    ),
    "copied": (
        "import copy\ndef f(x): return copy.copy(x), copy.deepcopy([x, x])\n",
        "import copy\ndef f(x): return x, copy.deepcopy([x]) + copy.deepcopy([x])\n",
        module(
            "p = P(1, ['t'])",
            "a, (b, c) = f(p)",
            "assert a == b == p and a is not p and b is c",
            "assert a.tags is p.tags and b.tags is not p.tags",
        ),
    ),
    "made": (
        "def f(x): return [type(x)(n) for n in range(2)], type(x).__name__\n",
        "def f(x): return [x for n in range(2)], type(x).__name__\n",
        module("assert f(K(7)) == ([K(0), K(1)], 'K')"),
    ),
    "matched": (
        (
            "def f(x):\n    match x:\n        case (0 | 1): return 'n'\n"
            "        case _ if hasattr(x, 'v'):\n"
            "            match x:\n                case object(v=v, w=w): return v, w\n"
        ),
        "def f(x):\n    match x:\n        case object(w=w): return w, w\n",
        module("assert f(K(1)) == (1, 'w')"),
    ),
}


@pytest.mark.parametrize(("right", "wrong", "tests"), CASES.values(), ids=CASES)
def test_what_a_program_does_with_them(judge, right: str, wrong: str, tests: str) -> None:
    judge.tells_apart(right, wrong, Pytest(tests), LIMITS)


SHARED = {
    "an operator of their own": (
        "@dataclass\nclass Own:\n    n: int\n    def __eq__(self, other): return other == 5\n",
        "Own(1)",
    ),
    "an order of their own": (
        "@dataclass\nclass Own:\n    n: int\n    def __lt__(self, other): return other == 5\n",
        "Own(1)",
    ),
    "keys that may change": ("@dataclass(unsafe_hash=True)\nclass Own:\n    n: int\n", "Own(1)"),
    "a class": ("@dataclass\nclass Own:\n    n: int\n", "Own"),
}


@pytest.mark.parametrize(("own", "given"), SHARED.values(), ids=SHARED)
def test_what_does_not_cross(judge, own: str, given: str) -> None:
    tests = f"from dataclasses import dataclass\nfrom solution import f\n{own}"
    tests += f"def test_it(): assert f({given}) == 1\n"
    report = judge("def f(x): return 1\n", Pytest(tests), LIMITS)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_the_program_says_nothing_of_what_the_tests_compare(judge) -> None:
    source = (
        "class Any:\n    def __eq__(self, other): return True\n    def __hash__(self): return 0\n"
        "    v = w = property(lambda self: Any())\ndef f(x): return Any()\n"
    )
    for check in ("f(K(1)) == K(2)", "K(2) == f(K(1))", "f(K(1)) in [K(2)]", "f(K(1)).v == 2"):
        report = judge(source, Pytest(module(f"assert {check}")), LIMITS)
        assert report.status in {Status.FAILED, Status.ERROR}, report
