"""Objects of the tests in the program's hands: they work, and lead nowhere."""

from __future__ import annotations

import functools
import io
import math
import sys
from typing import Any

import pytest

from sandbox import Asserts, Integrity, Limits, Status
from sandbox.codec import CannotCross, CodecError
from sandbox.inner.given.guests import Guests

WORKS = [
    (
        (
            "x = [1]\ndef f(g):\n    g(x)\n    for _ in range(4): g([0])\n    x.append(2)\n"
            "    g([0])\n    g(x)\n    return len(x)"
        ),
        "seen = []\ndef g(a): seen.append(len(a))\nassert f(g) == 2 and seen[-1] == 2",
    ),
    (
        "def f(g, xs): return [g(x) for x in xs]",
        (
            "seen = []\ndef g(x):\n    seen.append(x)\n    return 2 * x\n"
            "assert f(g, [1, 2]) == [2, 4] and seen == [1, 2]\n"
            "assert f(str, [1]) == ['1'] and f(lambda x: x + 1, [1]) == [2] and "
            "f(len, ['ab']) == [2]"
        ),
    ),
    ("def f(g): return g(1, y=2)", "assert f(lambda x, *, y: (x, y)) == (1, 2)"),
    ("def f(g, **k): return g(**k)", "assert f(lambda *, y: y, y=2) == 2"),
    (
        "def f(g, xs):\n    for x in xs: g(x)",
        (
            "out = []\nf(out.append, [1, 2])\nassert out == [1, 2]\n"
            "class K:\n    def __init__(self): self.got = []\n"
            "    def on(self, x): self.got.append(x)\n"
            "k = K()\nf(k.on, [3])\nassert k.got == [3]"
        ),
    ),
    ("def f(g):\n    a = [1]\n    g(a)\n    return a", "assert f(lambda a: a.append(2)) == [1, 2]"),
    (
        "def f(g, a):\n    g()\n    return a",
        "a = [1]\nassert f(lambda: a.append(2), a) is a == [1, 2]",
    ),
    ("def f(g): return g() is g()", "a = [1]\nassert f(lambda: a)"),
    ("def f(g): return g", "def g(): pass\nassert f(g) is g and f([g]) == [g]"),
    ("def f(g):\n    def h(x): return g(x) + 1\n    return h", "assert f(lambda x: 2 * x)(3) == 7"),
    (
        "def f(g, n): return 1 if n == 0 else n * g(n - 1)",
        "def g(n): return f(g, n)\nassert f(g, 5) == 120",
    ),
    (
        "def f(xs, key): return sorted(xs, key=key)",
        ("assert f([3, -1], lambda x: -x) == [3, -1] and f([2, -1], abs) == [-1, 2]"),
    ),
    (
        "def f(g): return sum(g)",
        ("assert f(x for x in range(4)) == 6 and f(iter([1, 2])) == 3 and f(map(int, '12')) == 3"),
    ),
    (
        (
            "import gc, weakref\nseen = weakref.WeakSet()\nby = weakref.WeakValueDictionary()\n"
            "def f(*os):\n    seen.update(os)\n    by['one'] = os[0]\ndef g(x):\n    gc.collect()\n"
            "    for o in sorted(seen, key=lambda o: o.n): o.update(x)\n    return by['one'].n\n"
            "f.tell = g"
        ),
        (
            "class O:\n    def __init__(self, n): self.n, self.got = n, []\n"
            "    def update(self, x): self.got.append(x)\n"
            "a, b = O(1), O(2)\nf(a, b)\nf(a)\nassert f.tell(5) == 1 and a.got == b.got == [5]"
        ),
    ),
    (
        "import weakref\ndef f(cb, m): return weakref.ref(cb)()(2), weakref.ref(m)()(3)",
        "class K:\n    def go(self, x): return x\nassert f(lambda x: x, K().go) == (2, 3)",
    ),
    (
        "def f(g): return next(g), next(g, None), next(g, None)",
        "assert f(iter([1, 2])) == (1, 2, None)",
    ),
    (
        "def f(g): return [next(g) for _ in range(3)]",
        (
            "def count():\n    n = 0\n    while True:\n        yield n\n"
            "        n += 1\nc = count()\nassert f(c) == [0, 1, 2] and next(c) == 3"
        ),
    ),
    (
        "def f(h):\n    h.write('x')\n    return h.getvalue()",
        "import io\ns = io.StringIO()\nassert f(s) == 'x' == s.getvalue()",
    ),
    (
        "def f(h): return [line for line in h], h.read()",
        "import io\nassert f(io.StringIO('a\\nb\\n')) == (['a\\n', 'b\\n'], '')",
    ),
    (
        "def f(h): return h.read().upper()",
        (
            "with open('a.txt', 'w') as h: h.write('hi')\n"
            "with open('a.txt') as h: assert f(h) == 'HI'"
        ),
    ),
    ("def f(p): return p(2)", "import functools\nassert f(functools.partial(pow, 3)) == 9"),
    (
        "def f(o):\n    o.v += 4\n    o.items.append(1)\n    return o.v + o.get()",
        (
            "class O:\n    def __init__(self): self.v, self.items = 1, []\n"
            "    def get(self): return self.v\n"
            "o = O()\nassert f(o) == 10 and o.v == 5 and o.items == [1]"
        ),
    ),
    (
        "def f(o): return o['a'], len(o), 'a' in o",
        (
            "class O:\n    def __getitem__(self, k): return k * 2\n"
            "    def __len__(self): return 3\n"
            "    def __contains__(self, k): return k == 'a'\n"
            "assert True and f({'a': 1}) == (1, 1, True)"
        ),
    ),
    (
        "def f(o): return o.go(3)",
        ("from types import SimpleNamespace as S\nassert f(S(go=lambda x: x + 1)) == 4"),
    ),
    (
        "def f(o): return o.go(3)",
        (
            "from unittest.mock import Mock\nm = Mock()\nm.go.return_value = 7\n"
            "assert f(m) == 7\nm.go.assert_called_once_with(3)"
        ),
    ),
    (
        "def f(t): return 0 if t is None else 1 + max(f(t.l), f(t.r))",
        (
            "class T:\n    def __init__(self, l=None, r=None): self.l, self.r = l, r\n"
            "assert f(T(T(), T(T()))) == 3"
        ),
    ),
    (
        "def f(g):\n    try: g()\n    except ValueError as e: return str(e)",
        "def g(): raise ValueError('z')\nassert f(g) == 'z'",
    ),
    (
        (
            "class S:\n    def __init__(self): self.subs = []\n"
            "    def on(self, g): self.subs.append(g)\n"
            "    def fire(self, x): return [g(x) for g in self.subs]\ndef f(): return S()"
        ),
        "s = f()\ns.on(str)\ns.on(lambda x: x + 1)\nassert s.fire(1) == ['1', 2]",
    ),
    (
        (
            "from concurrent.futures import ThreadPoolExecutor as T\ndef f(g, xs):\n"
            "    with T(4) as p: return list(p.map(g, xs))"
        ),
        "assert f(lambda x: x + 1, list(range(50))) == list(range(1, 51))",
    ),
    (
        (
            "import threading, time\ndef f(g):\n    def later():\n"
            "        time.sleep(0.05)\n        g(1)\n"
            "    threading.Thread(target=later, daemon=True).start()"
        ),
        "import time\nseen = []\nf(seen.append)\ntime.sleep(0.2)\nf(seen.append)",
    ),
]


@pytest.mark.parametrize(("source", "code"), WORKS)
def test_objects_of_the_tests_work_in_the_program(judge, source: str, code: str) -> None:
    report = judge(source, Asserts(code, "f"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


CLASS = (
    "import sys, math\nclass K:\n    v = 1\n    def go(self): return 1\n"
    "    @property\n    def frame(self): return sys._getframe()\n"
)
TRACE = (
    CLASS
    + "k = K()\ntry: 1 / 0\nexcept ZeroDivisionError as e: k.trace, k.error = e.__traceback__, e\n"
)
PARTIAL = "import functools\ndef g(): pass\ng.x = 1\n"
REACHING = [
    *(
        ("", "lambda: 1", f"o.{name}")
        for name in (
            "__globals__",
            "__code__",
            "__closure__",
            "__builtins__",
            "__defaults__",
            "__get__",
            "__self__",
            "__wrapped__",
            "x",
            "func_globals",
        )
    ),
    *(
        ("", "(i for i in [1])", f"o.{name}")
        for name in ("gi_frame", "gi_code", "gi_yieldfrom", "gi_running")
    ),
    *(
        (PARTIAL, "functools.partial(g)", f"o.{name}")
        for name in ("func.__globals__", "func.x", "__wrapped__")
    ),
    *(
        (CLASS, "K()", f"o.{name}")
        for name in (
            "__dict__['go']",
            "_private",
            "go.__func__",
            "go.__self__",
            "go.im_func",
            "frame.f_globals",
            "frame.f_back",
            "frame.f_locals",
            "go.__globals__",
        )
    ),
    *(
        (TRACE, "k", f"o.{name}")
        for name in ("trace.tb_frame", "trace.tb_next", "error.__traceback__.tb_frame")
    ),
    *((PARTIAL, "g", f"o.{name}") for name in ("__wrapped__", "__dict__['__wrapped__']")),
    ("", "[].append", "o.__self__"),
    ("", "iter([1])", "o.__self__"),
    ("", "open('a', 'w')", "o.buffer.raw._blksize"),
    (CLASS, "[K().go]", "o[0].__globals__"),
    (CLASS, "{'k': K()}", "o['k'].__dict__['v']"),
    (CLASS, "K()", "o[0]"),
    ("", "lambda: 1", "'{0.__globals__}'.format(o)"),
    ("", "lambda: 1", "setattr(o, '__code__', f.__code__)"),
    ("", "lambda: 1", "setattr(o, '__x__', 1)"),
    (CLASS, "K()", "setattr(o, '__class__', int)"),
    (CLASS, "K()", "setattr(o.go, 'x', 1)"),
    (CLASS, "K()", "setattr(o, '_private', f)"),
    (CLASS, "K()", "setattr(o, '__private', 1)"),
    (CLASS, "K()", "o._ask('call', 77, (), {})"),
]


@pytest.mark.parametrize(("setup", "given", "reach"), REACHING)
def test_nothing_given_leads_to_code_or_globals(judge, setup: str, given: str, reach: str) -> None:
    source = (
        f"def f(o):\n    try: x = {reach}\n    except Exception as e: return 0\n"
        f"    return 'got ' + str(type(x))"
    )
    report = judge(source, Asserts(f"{setup}\ngot = f({given})\nassert got == 0, got", "f"))
    assert report.status is Status.PASSED or "got" not in report.message, report
    assert report.integrity is Integrity.ISOLATED


ASK = "import sys\ndef f(o):\n    ask = object.__getattribute__(o, '_ask')\n    return ask({})"


@pytest.mark.parametrize(
    "question",
    [
        *(
            "'call', 77, [], {}",
            "'call', -1, [], {}",
            "'call', None, [], {}",
            "'eval', 0, ['1'], {}",
            "5, 0, [], {}",
        ),
        *(
            "'get', 0, ['__class__', 1, 2], {}",
            "'get', 0, [5], {}",
            "'get', 0, [], {}",
            "'item', 0, [1], {'a': 1}",
        ),
        *(
            "[], 0, [], {}",
            "'__call__', 0, [], {}",
            "'call', 0, 5, {}",
            "'call', 0, [], 5",
            "'call', True, [], {}",
        ),
    ],
)
def test_a_question_that_no_program_asks_is_no_pass(judge, question: str) -> None:
    report = judge(ASK.format(question), Asserts("assert f(lambda: 1) == 2", "f"))
    assert report.status in (Status.FORGED, Status.ERROR, Status.FAILED), report


def test_calls_without_end_are_the_candidates_error(judge) -> None:
    report = judge("def f(g): return g(g)", Asserts("def g(x): return f(g)\nf(g)", "f"))
    assert report.status is Status.ERROR


def test_no_private_attribute_of_the_tests_is_set(judge) -> None:
    report = judge(
        "def f(o): o._x = 5",
        Asserts("class K: _x = 4\nk = K()\ntry: f(k)\nfinally: assert k._x == 4", "f"),
    )
    assert report.status in (Status.ERROR, Status.FAILED)


class Plain:
    """An object of the tests."""

    shown = 1
    _hidden = len

    def go(self, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs


class Adding(Plain):
    def __add__(self, other: object) -> object:
        return other


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (len, ["g", "builtins", "len"]),
        (int, ["g", "builtins", "int"]),
        (math.sqrt, ["g", "math", "sqrt"]),
        (functools.reduce, ["g", "_functools", "reduce"]),
        (functools.wraps, ["g", "functools", "wraps"]),
        (dict.fromkeys, ["p", 0, "function"]),
        (lambda: 1, ["p", 0, "function"]),
        (functools.partial(len), ["p", 0, "call"]),
        (Plain().go, ["p", 0, "call"]),
        (Plain(), ["p", 0, "plain"]),
        (iter([1]), ["p", 0, "next"]),
        (io.StringIO(), ["p", 0, "next"]),
        ((i for i in [1]), ["p", 0, "generator"]),
    ],
    ids=repr,
)
def test_callables_of_the_library_go_by_name_and_others_by_number(
    value: Any, wire: list[Any]
) -> None:
    guests = Guests()
    assert guests.refer(value)[:3] == wire
    assert guests.refer(value) == wire
    if wire[0] == "p":
        assert guests[0] is value


@pytest.mark.parametrize("value", [math, sys, Plain, Adding(), pytest], ids=repr)
def test_what_the_program_could_not_use_does_not_cross(value: Any) -> None:
    with pytest.raises(CannotCross):
        Guests().refer(value)


def test_a_function_that_bears_a_name_of_the_library_is_the_tests_own() -> None:
    def sqrt(_x: float) -> float:
        return 0.0

    sqrt.__module__, sqrt.__qualname__ = "math", "sqrt"
    assert Guests().refer(sqrt)[:3] == ["p", 0, "function"]


def named(a, b=42, *more, c, d=43, **rest):
    """Says so."""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (named, ["named", "named", __name__, "Says so."]),
        (Plain().go, ["go", "Plain.go", __name__, None]),
        (lambda: 1, ["<lambda>", "<lambda>", __name__, None]),
        (Plain(), ["Plain", "Plain", __name__, "An object of the tests."]),
        (io.StringIO(), ["StringIO", "StringIO", "_io", None]),
    ],
    ids=str,
)
def test_what_a_guest_is_called_is_told_with_it_once(value: Any, told: list[Any]) -> None:
    guests = Guests()
    assert guests.refer(value)[3] == told
    assert len(guests.refer(value)) == 3


def test_parameters_are_told_when_asked_for_and_no_default_is() -> None:
    guests = Guests()
    guests.refer(named)
    guests.refer(functools.partial(named, b=42))
    guests.refer(Plain())
    found = guests.perform("signature", 0, [], {})
    assert [name for name, *_ in found] == ["a", "b", "more", "c", "d", "rest"]
    assert [optional for _, _, optional, _ in found] == [False, True, False, False, True, False]
    assert "42" not in repr(found)

    def annotated(a, b, c, d) -> None: ...

    annotated.__annotations__ = {"a": int, "b": "str", "c": Plain}
    guests.refer(annotated)
    told = guests.perform("signature", 3, (), {})
    assert [classes for *_, classes in told] == [(int,), (), (), ()]
    for other in (1, 2):
        with pytest.raises(AttributeError):
            guests.perform("signature", other, [], {})


def test_annotations_are_told_where_all_are_classes_of_the_library() -> None:
    def of(**annotations: Any) -> Any:
        def annotated() -> None: ...

        annotated.__annotations__ = annotations
        return annotated

    def told(value: Any) -> Any:
        guests = Guests()
        guests.refer(value)
        return guests.perform("annotations", 0, (), {})

    assert told(of(x=int, y="str", z=None)) == {"x": int, "y": str, "z": None}
    assert told(of(x=functools.partial, **{"return": Plain})) == {"x": functools.partial}
    assert told(of(**{"return": "None"})) == {"return": None}
    for other in (of(x=Plain, y=int), of(x="Plain"), of(x="1"), of(x="print"), of(x=42), Plain()):
        with pytest.raises(AttributeError):
            told(other)


SHOW = (
    "from functools import singledispatch\n@singledispatch\ndef show(x): return 'obj'\n"
    "@show.register\ndef _(x: int): return 'int'"
)


@pytest.mark.parametrize("annotation", ["float", "'float'"])
def test_a_function_of_the_tests_is_registered_by_its_annotation(judge, annotation: str) -> None:
    code = (
        f"@show.register\ndef _(x: {annotation}) -> str: return 'float'\n"
        "assert (show(2.5), show(2), show('a')) == ('float', 'int', 'obj')"
    )
    report = judge(SHOW, Asserts(code, "show"))
    assert report.status is Status.PASSED, report
    for right, wrong in (("'obj'", "'float'"), ("x: int", "x: float")):
        report = judge(SHOW.replace(right, wrong), Asserts(code, "show"))
        assert report.status is Status.FAILED, report


def test_annotations_of_the_tests_are_read_and_lead_nowhere(judge) -> None:
    source = "def f(*gs): return [getattr(g, '__annotations__', 0) for g in gs]"
    code = (
        "class K: pass\ndef a(x: int, y: 'str'): pass\ndef b(x: K, y: int): pass\n"
        "def c(x: 'K.__init__.__globals__'): pass\n"
        "assert f(a, b, c, K().__init__, lambda: 1) == [{'x': int, 'y': str}, 0, 0, 0, {}]"
    )
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


WRAPS = "import functools\ndef f(g):\n    @functools.wraps(g)\n    def w(*a): return g(*a)\n"
CALLED = [
    (
        f"{WRAPS}    return w",
        (
            'def g(x):\n    "Adds."\n    return x + 1\nw = f(g)\nassert w(1) == 2\n'
            "assert (w.__name__, w.__qualname__, w.__doc__) == ('g', 'g', 'Adds.')"
        ),
    ),
    (
        "def f(*gs): return {g.__name__: g(1) for g in gs}",
        "def a(x): return x\ndef b(x): return 2 * x\nassert f(a, b) == {'a': 1, 'b': 2}",
    ),
    (
        "def f(g): return getattr(g, '__name__', '?')",
        (
            "class K:\n    def go(self): pass\n    def __call__(self): pass\n"
            "assert f(K().go) == 'go' and f(K()) == '?' and f(lambda: 1) == '<lambda>'"
        ),
    ),
    (
        "def f(*os): return [type(o).__name__ + ' ' + o.__class__.__qualname__ for o in os]",
        (
            "class K: pass\ndef make():\n    class J: pass\n    return J()\n"
            "assert f(K(), make()) == ['K K', 'J make.<locals>.J']"
        ),
    ),
    (
        "def f(*os): return len({type(o) for o in os})",
        (
            "def make():\n    class J: pass\n    return J\nA, B = make(), make()\n"
            "assert f(A(), B(), A(), B()) == 2"
        ),
    ),
    (
        (
            "import inspect\ndef f(g):\n    p = inspect.signature(g).parameters.values()\n"
            "    return [(x.name, x.kind.name, x.default is x.empty) for x in p]"
        ),
        (
            "def g(a, /, b=1, *c, d=2, **e): pass\nassert f(g) == [('a', 'POSITIONAL_ONLY', True), "
            "('b', 'POSITIONAL_OR_KEYWORD', False), ('c', 'VAR_POSITIONAL', True), "
            "('d', 'KEYWORD_ONLY', False), ('e', 'VAR_KEYWORD', True)]"
        ),
    ),
    (
        (
            "import inspect\ndef f(g, *a, **k):\n    b = inspect.signature(g).bind(*a, **k)\n"
            "    b.apply_defaults()\n    return g(*b.args, **b.kwargs)"
        ),
        (
            "def g(a, b=5, c=6, *, d=7): return a, b, c, d\nassert f(g, 1) == (1, 5, 6, 7)\n"
            "assert f(g, 1, c=3) == (1, 5, 3, 7) and f(g, 1, 2, d=0) == (1, 2, 6, 0)"
        ),
    ),
]


@pytest.mark.parametrize(("source", "code"), CALLED)
def test_functions_and_classes_of_the_tests_are_called_what_they_are(
    judge, source: str, code: str
) -> None:
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize(
    "buys",
    [
        "p = inspect.signature(g).parameters['want'].default\n    try: g(p)\n    except: g(int(p))",
        "g(inspect.signature(g).parameters['want'].default)",
        "g(next(x for x in g.__defaults__))",
        "g(eval(str(inspect.signature(g)).partition('=')[2].partition(')')[0]))",
    ],
)
def test_no_default_of_the_tests_can_be_read_or_given_back(judge, buys: str) -> None:
    code = "def g(got, want=42): assert got == want\nf(g)"
    report = judge(f"import inspect\ndef f(g):\n    {buys}", Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


def test_questions_are_done_on_what_was_given() -> None:
    guests = Guests()
    guests.refer(one := Plain())
    guests.refer([5, 6])
    guests.refer(iter([7]))
    assert guests.perform("get", 0, ["shown"], {}) == 1
    assert guests.perform("set", 0, ["shown", 3], {}) is None
    assert one.shown == 3
    assert guests.perform("item", 1, [0], {}) == 5
    assert guests.perform("len", 1, [], {}) == 2
    assert guests.perform("contains", 1, [6], {}) is True
    assert guests.perform("next", 2, [], {}) == (True, 7)
    assert guests.perform("next", 2, [], {}) == (False, None)
    for name in ("_hidden", "__dict__", "__class__", "__init__", "_new"):
        with pytest.raises(AttributeError):
            guests.perform("get", 0, [name], {})


@pytest.mark.parametrize(
    "question",
    [
        *(("call", 0, [], {}), ("call", 9, [], {}), ("call", "0", [], {}), ("call", True, [], {})),
        *(("call", None, [], {}), (None, 0, [], {}), (["get"], 0, [], {}), ("eval", 0, [], {})),
        *(
            ("get", 0, [], {}),
            ("get", 0, [5], {}),
            ("get", 0, ["shown"], {"x": 1}),
            ("len", 0, [], {"x": 1}),
        ),
        *(("get", 0, [b"shown"], {}), ("del", 0, ["shown"], {}), ("__call__", 0, [], {})),
    ],
)
def test_what_is_no_question_is_refused(question: Any) -> None:
    guests = Guests()
    guests.refer(Plain())
    with pytest.raises(CodecError):
        guests.perform(*question)
