"""Objects of the tests that are more than guests: tuples, numbers, patterns in the program."""

from __future__ import annotations

import http
import re
import typing
from collections import namedtuple
from enum import Enum, IntEnum, IntFlag
from typing import Any
from unittest import mock

import pytest

from sandbox import Asserts, Integrity, Status
from sandbox.inner.given.likeness import likeness_of
from sandbox.inner.given.likenesses import Likenesses

POINT = "from collections import namedtuple\nP = namedtuple('P', 'x y', defaults=[2])\n"
GROWING = (
    "class L(list):\n    calls = 0\n    def append(self, x):\n"
    "        self.calls += 1\n        super().append(2 * x)\n    def first(self): return self[0]\n"
)
COLOURS = "from enum import IntEnum, Enum\nclass E(IntEnum):\n    A = 1\n    B = 2\n"
LEVELS = "from enum import Enum\nclass E(str, Enum):\n    A = 'a'\n"

GIVEN = [
    (
        "d = {}\ndef f(k, v): d.setdefault(k, []).append(v)\ndef get(k): return d.get(k)",
        POINT + "f(P(1, 2), 'a')\nf((1, 2), 'b')\nassert get((1, 2)) == get(P(1)) == ['a', 'b']",
        ("(k, [])", "(id(k), [])"),
    ),
    (
        "def f(p): return isinstance(p, tuple), p == (1, 2), sum(p), p[::-1], p + (3,), p.y",
        POINT + "assert f(P(1)) == (True, True, 3, (2, 1), (1, 2, 3), 2)",
        ("sum(p)", "len(p)"),
    ),
    (
        "def f(p):\n    x, y = p\n    return p._replace(x=y)._asdict(), p._fields, repr(p), str(p)",
        POINT + "assert f(P(1)) == ({'x': 2, 'y': 2}, ('x', 'y'), 'P(x=1, y=2)', 'P(x=1, y=2)')",
        ("x=y", "x=x"),
    ),
    (
        "def f(p): return p._replace(x=5)\ndef same(p): return [p]",
        POINT + "p = P(1)\nassert f(p) == P(5, 2) and f(p).x == 5 and same(p)[0] is p",
        ("x=5", "y=5"),
    ),
    (
        "def f(p): return p.count, p.index, p.area()",
        ("from typing import NamedTuple\nclass N(NamedTuple):\n    count: int\n    index: int = 3\n"
        "    def area(self): return self.count * self.index\nassert f(N(2)) == (2, 3, 6)"),
        ("p.area()", "p.index"),
    ),
    (
        "def f(i): return i + 1, 2 * i, i / 2, hash(i), f'{i:03}', [0, 1, 2][i], i.bit_length()",
        "class I(int): pass\nassert f(I(2)) == (3, 4, 1.0, 2, '002', 2, 2)",
        ("2 * i", "3 * i"),
    ),
    (
        "import json\ndef f(e): return e + 1, {1: 'a'}[e], e.name, json.dumps([e]), f'{e}', e < 2",
        COLOURS + "assert f(E.A) == (2, 'a', 'A', '[1]', '1', True)",
        ("e + 1", "e + 2"),
    ),
    (
        "import copy\ndef f(e): return e, copy.deepcopy({'k': e}), str(e), repr(e), e.upper()",
        LEVELS + "e, d, *texts = f(E.A)\nassert e is E.A is d['k']\n"
        "assert texts == ['E.A', \"<E.A: 'a'>\", 'A'], texts",
        ("repr(e)", "str(e)"),
    ),
    (
        "import json\ndef f(d):\n    d['b'] = 2\n    return json.dumps(d), {**d}, d | {'c': 3}",
        ("class D(dict): pass\nd = D(a=1)\n"
        "assert f(d) == ('{\"a\": 1, \"b\": 2}', {'a': 1, 'b': 2}, {'a': 1, 'b': 2, 'c': 3})\n"
        "assert d == {'a': 1, 'b': 2}"),
        ("= 2", "= 3"),
    ),
    (
        ("kept = []\ndef f(x):\n    x.append(4)\n    kept.append(x)\n    return [*x], x.first()\n"
        "def again(): return list(kept[0]), kept[0]"),
        GROWING + "x = L([1])\nassert f(x) == ([1, 8], 1) and x.calls == 1\nx.append(5)\n"
        "assert again() == ([1, 8, 10], [1, 8, 10]) and again()[1] is x and type(x) is L",
        ("append(4)", "append(5)"),
    ),
    (
        "def f(xs):\n    xs.sort()\n    xs[0] = 9\n    del xs[-1]\n    xs.tag = 'new'",
        "class L(list): pass\nx = L([3, 1, 2])\nf(x)\nassert x == [9, 2] and x.tag == 'new'",
        ("= 9", "= 8"),
    ),
    (
        "def f(s, t): return s.upper() + t, ''.join([s, t]), s in {'ab': 1}, s.twice()",
        ("class S(str):\n    def twice(self): return self * 2\n"
        "assert f(S('ab'), 'c') == ('ABc', 'abc', True, 'abab')"),
        ("+ t", "+ s"),
    ),
    (
        "import re\ndef f(p, s): return re.search(p, s).start(), p.split(s), p.flags, p",
        ("import re\np = re.compile('B', re.I)\n"
        "assert f(p, 'abc') == (1, ['a', 'c'], p.flags, p) and f(p, 'b')[3] is p\n"
        "assert f(re.compile(rb'(?x) b '), b'ab')[0] == 1"),
        ("re.search(p, s).start()", "re.search(p, s).end()"),
    ),
    (
        "import re\ndef f(flags, code): return re.findall('a', 'Aa', flags), code.phrase, code",
        ("import re\nfrom http import HTTPStatus\n"
        "assert f(re.I, HTTPStatus.OK) == (['A', 'a'], 'OK', 200)\n"
        "assert f(re.I | re.M, HTTPStatus.OK)[2] is HTTPStatus.OK"),
        ("flags)", "0)"),
    ),
    (
        ("import typing\ndef f(t): return typing.get_origin(t), typing.get_args(t)\n"
        "def check(x, t): return isinstance(x, t)\ndef back(t): return t"),
        ("import typing\nfrom typing import *\n"
        "assert f(list[int]) == (list, (int,)) and f(dict[str, list[int]])[1][1] == list[int]\n"
        "assert f(List[int]) == (list, (int,)) and f(Literal['a', 1])[1] == ('a', 1)\n"
        "assert f(Optional[int])[1][0] is int and f(tuple[int, ...])[1] == (int, ...)\n"
        "assert check(1, int | str) and check(None, int | None) and not check(1.0, int | str)\n"
        "assert f(Callable[[int], str])[1] == ([int], str)\n"
        "t = list[int]\nassert back(t) is t and back(t) is t"),
        ("get_args(t)", "get_origin(t)"),
    ),
    (
        "def f(u): return u.upper() + '!'",
        "from collections import UserString\nassert f(UserString('a')) == 'A!'",
        ("upper", "lower"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("source", "code", "wrong"), GIVEN)
def test_they_are_what_they_are_in_one_process(
    judge, source: str, code: str, wrong: tuple[str, str]
) -> None:
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    report = judge(source.replace(*wrong), Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


class Rich(dict):  # type: ignore[type-arg]
    """One that does something else with a key that is missing."""

    def __missing__(self, key: Any) -> int:
        return 7


class Loud(list):  # type: ignore[type-arg]
    """One that counts otherwise."""

    def __len__(self) -> int:
        return 99


class Shown(str):
    """One with a format of its own."""

    __slots__ = ()

    def __format__(self, how: str) -> str:
        return "x"


class Bits(IntFlag):
    """Flags of the tests' own."""

    A = 1
    B = 2


class Plain(Enum):
    """An enumeration over nothing."""

    A = 1


@pytest.mark.parametrize(
    "value",
    [
        *(Rich(), Loud(), Shown("a"), Bits.A, Plain.A, object(), len, print, Rich, int, [], (1,)),
        *(mock.call(1), mock.Mock(spec=http.HTTPStatus.OK), mock.Mock(), typing.TypeVar("T")),
        *(re.match("a", "a"), (n for n in ()), RuntimeError(1)),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_others_are_guests(value: Any) -> None:
    assert likeness_of(value) is None


def test_a_method_that_was_put_in_place_of_a_built_in_one_is_asked_for() -> None:
    asked: list[Any] = []

    class Kind(list):  # type: ignore[type-arg]
        def append(self, item: Any) -> None: ...

        def __repr__(self) -> str:
            return "kind"

    told, content = likeness_of(Kind([1])) or ({}, None)
    told |= {"kind": 0, "called": ["Kind", "Kind", "tests", None]}
    made = Likenesses(lambda *ask: asked.append(ask) or len).stand_in(3, told, content)
    assert isinstance(made, list)
    assert made == [1]
    made.append(made)
    assert asked == [("get", 3, ("append",), {})]
    assert "len" in repr(made)
    assert asked[1] == ("repr", 3, (), {})
    with pytest.raises(AttributeError):
        made._private  # noqa: B018
    assert asked[2:] == []


def test_one_that_the_program_made_asks_nothing() -> None:
    row = namedtuple("row", "a b")  # noqa: PYI024
    told, content = likeness_of(row(1, 2)) or ({}, None)
    told |= {"kind": 0, "called": ["row", "row", "tests", None]}
    likenesses = Likenesses(lambda *_ask: pytest.fail("asked"))
    made = likenesses.stand_in(0, told, content)
    own = made._replace(a=3)
    assert own == (3, 2)
    assert (likenesses.number_of(made), likenesses.number_of(own)) == (0, None)
    assert repr(own) == "row(a=3, b=2)"
    with pytest.raises(AttributeError):
        own.nothing  # noqa: B018
    with pytest.raises(AttributeError):
        own.nothing = 1
    assert isinstance(likeness_of(http.HTTPStatus.OK), tuple)
    assert likeness_of(IntEnum("Own", "A").A) is not None  # type: ignore[attr-defined]


REACH = [
    ("class K(dict):\n    def go(self): return 1\n", "K()", "o.__dict__"),
    ("class K(dict):\n    def go(self): return 1\n", "K()", "o.go.__globals__"),
    ("class K(dict):\n    def go(self): return 1\n", "K()", "type(o).go.__globals__"),
    ("class K(tuple):\n    def go(self): return 1\n", "K()", "o.go.__func__"),
    ("class K(int):\n    _p = 1\n", "K()", "o._p"),
    ("class K(str):\n    _p = 1\n", "K()", "setattr(o, '_q', 1)"),
]


@pytest.mark.parametrize(("setup", "given", "reach"), REACH)
def test_they_lead_nowhere(judge, setup: str, given: str, reach: str) -> None:
    source = f"def f(o):\n    try: x = {reach}\n    except Exception: return 0\n    return 'got'"
    report = judge(source, Asserts(f"{setup}\nassert f({given}) == 0, 'got'", "f"))
    assert report.status is not Status.FAILED, report
