"""Decorators and descriptors of the program on what classes of the tests have."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Limits, Status

DECORATORS = """
import functools
def logged(fn):
    @functools.wraps(fn)
    def w(*a, **k): return fn(*a, **k)
    return w
def plain(fn):
    def w(*a, **k): return fn(*a, **k)
    return w
def counted(fn):
    @functools.wraps(fn)
    def w(*a, **k):
        w.calls += 1
        return fn(*a, **k)
    w.calls = 0
    return w
def memo(fn): return functools.lru_cache(None)(fn)
def twice(n):
    def deco(fn): return lambda self, *a: fn(self, *a) * n
    return deco
def run(items, fn): return [fn(item) for item in items]
def called(items, fn): return fn.__name__, fn.__qualname__, fn.__doc__, items
def same(items, x): return x
class Positive:
    def __init__(self, default=None): self.default = default
    def __set_name__(self, owner, name): self.name = '_' + name
    def __get__(self, o, kind=None):
        return self if o is None else getattr(o, self.name, self.default)
    def __set__(self, o, value):
        if value <= 0: raise ValueError(self.name)
        setattr(o, self.name, value)
class Field:
    def __get__(self, o, kind=None): return self if o is None else o.data
    def __set__(self, o, value): o.data = value * 2
    def __delete__(self, o): o.data = None
class Memo:
    def __init__(self, fn): self.fn = fn; self.hits = 0
    def __call__(self, *a): self.hits += 1; return self.fn(*a)
    def __get__(self, o, kind=None): return self if o is None else functools.partial(self, o)
"""
OF_A_CLASS = """
class A:
    n = 2
    @{0}
    def m(self, x):
        "doc of m"
        return self.n * x
class B(A): n = 5
a = A()
"""


def class_(decorator: str, code: str) -> str:
    return OF_A_CLASS.format(decorator) + code


ISOLATED = [
    *(class_(each, "assert a.m(3) == 6 and a.m(x=4) == 8") for each in ("logged", "plain", "memo")),
    *(class_(each, "assert B().m(3) == 15") for each in ("logged", "plain", "memo")),
    class_("twice(3)", "assert a.m(3) == 18"),
    class_("logged", "f = a.m\nassert f(3) == 6 and A.m(a, 3) == 6 and f == a.m"),
    class_("logged", "assert a.m.__name__ == 'm' and A.m.__doc__ == 'doc of m'"),
    class_("counted", "a.m(1)\nB().m(2)\nassert A.m.calls == 2 and a.m.calls == 2"),
    class_("memo", "a.m(1)\na.m(1)\nassert A.m.cache_info().hits == 1"),
    class_("logged", "a.n = 7\nassert a.m(1) == 7"),
    class_("logged", "import types\nassert type(a.m) is types.MethodType"),
    class_("logged", "assert run([1, 2], a.m) == [2, 4]"),
    class_("logged", "assert called([1], a.m) == ('m', 'A.m', 'doc of m', [1])"),
    class_("logged", "assert same([1], a.m) == a.m and same([1], a.m)(3) == 6"),
    "class A:\n    @logged\n    def __len__(self): return 3\nassert len(A()) == 3",
    "class A:\n    @property\n    @logged\n    def p(self): return 3\nassert A().p == 3",
    "class A:\n    def m(self): return 3\n    m = logged(m)\nassert A().m() == 3",
    "class A:\n    @logged\n    @logged\n    def m(self): return 3\nassert A().m() == 3",
    "class A:\n    @staticmethod\n    @logged\n    def m(x: int): return x\nassert A.m(3) == 3",
    "import functools\n@functools.wraps(plain)\ndef f(x): return x\nassert f(3) == plain(f)(3)",
    "@counted\ndef f(x): return x\nassert f(3) == 3 and f.calls == 1",
]
WRONG = [
    class_("logged", "assert a.m(3) == 7"),
    class_("counted", "a.m(1)\nassert A.m.calls == 2"),
    class_("logged", "assert run([1, 2], a.m) == [2, 5]"),
    "class A:\n    @Memo\n    def m(self, x): return x\na = A()\na.m(1)\nassert A.m.hits == 2",
    "class A:\n    w = Positive()\na = A()\na.w = 0",
    "class A:\n    f = Field()\na = A()\na.f = 2\nassert a.f == 2",
]
SHARED = [
    "class A:\n    @classmethod\n    @logged\n    def m(c, x): return x\nassert A.m(3) == A().m(3)",
    "def m(x): return x\nassert plain(m)(1) and not getattr(logged, '__annotations__', 0)",
    "def m(x): return x\nassert plain(m)(1) and not logged.__annotations__",
    "class A:\n    @Memo\n    def m(self, x): return x\nassert A().m(3) == 3 and A.m.hits == 1",
    "class A:\n    w = Positive()\n    h = Positive(7)\na = A()\na.w = 3\nassert a.w + a.h == 10",
    "class A:\n    f = Field()\na = A()\na.f = 2\nassert a.f == 4\ndel a.f\nassert a.f is None",
]
"""The program is handed a class of the tests, or writes to an object of it;
or tests look inside."""


@pytest.mark.parametrize("code", ISOLATED)
def test_a_function_of_the_program_is_a_method_of_a_class_of_the_tests(judge, code: str) -> None:
    report = judge(DECORATORS, Asserts(code, "logged"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize("code", WRONG)
def test_a_wrong_decorator_or_descriptor_fails(judge, code: str) -> None:
    report = judge(DECORATORS, Asserts(code, "logged"), Limits())
    assert report.status in (Status.FAILED, Status.ERROR), report


@pytest.mark.parametrize("code", SHARED)
def test_a_descriptor_of_the_program_is_in_the_process_of_the_class(judge, code: str) -> None:
    report = judge(DECORATORS, Asserts(code, "logged"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report
