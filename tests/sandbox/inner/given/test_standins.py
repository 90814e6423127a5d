"""What stands in the program's process for exceptions and iterators of the tests."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import Asserts, Integrity, Status
from sandbox.inner.answers.accounts import Accounts
from sandbox.inner.answers.mirrors import Mirrors
from sandbox.inner.crossing.crossed import Crossed
from sandbox.inner.given.thrown import error_of


def over(error: BaseException) -> Any:
    """What stands for an exception of the tests."""
    return error_of(Accounts(Mirrors(None), Crossed()).told(error))  # type: ignore[arg-type]


class Coded(Exception):
    """One with an attribute, and a text of its own."""

    def __init__(self, code: int) -> None:
        super().__init__("coded")
        self.code = code

    def __str__(self) -> str:
        return f"code {self.code}"


def one_of(kind: type[BaseException], *args: Any, **fields: Any) -> BaseException:
    error = kind(*args)
    for name, value in fields.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (StopIteration(), ["value"]),
        (StopIteration((1, [2])), ["value"]),
        (StopAsyncIteration(3), []),
        (SystemExit(4), ["code"]),
        (SystemExit(), ["code"]),
        (KeyError("a"), []),
        (KeyError(), []),
        (OSError(2, "gone", "a.txt"), ["errno", "strerror", "filename"]),
        (OSError(2, "gone", "a", None, "b"), ["errno", "strerror", "filename", "filename2"]),
        (OSError("no number"), ["errno", "strerror", "filename"]),
        (BlockingIOError(11, "later", 3), ["errno", "characters_written"]),
        (
            UnicodeDecodeError("utf-8", b"a\xff", 1, 2, "bad"),
            ["encoding", "object", "start", "end", "reason"],
        ),
        (UnicodeEncodeError("ascii", "a\xe9", 1, 2, "bad"), ["object", "start"]),
        (ImportError("no m", name="m", path="p"), ["name", "path", "msg"]),
        (
            SyntaxError("bad", ("a.py", 1, 2, "x y", 1, 3)),
            ["msg", "filename", "lineno", "offset", "text", "end_offset"],
        ),
        (one_of(SyntaxError, "bad", lineno=5), ["msg", "lineno", "text"]),
        (one_of(NameError, "no x", name="x"), ["name"]),
        (one_of(ValueError, "a", 1, tries=[3]), ["tries"]),
    ],
    ids=repr,
)
def test_an_exception_has_what_its_class_keeps_outside_of_a_dictionary(
    error: BaseException, fields: list[str]
) -> None:
    arrived = over(error)
    assert type(arrived) is type(error)
    assert (arrived.args, str(arrived)) == (error.args, str(error))
    assert [getattr(arrived, name) for name in fields] == [getattr(error, name) for name in fields]


def test_a_class_of_the_tests_has_its_text_and_attributes() -> None:
    arrived = over(Coded(7))
    assert (type(arrived).__name__, str(arrived), arrived.code) == ("Coded", "code 7", 7)
    assert arrived.args == ("coded",)


def test_a_group_has_its_members() -> None:
    arrived = over(ExceptionGroup("two", [KeyError("k"), AssertionError("it is 42")]))
    assert isinstance(arrived, ExceptionGroup)
    assert (arrived.message, type(arrived.exceptions[0])) == ("two", KeyError)
    assert "42" not in repr(arrived.exceptions[1])


def test_a_failed_assertion_tells_nothing_of_what_it_holds() -> None:
    accounts = Accounts(Mirrors(None), Crossed())  # type: ignore[arg-type]
    told = accounts.told(one_of(AssertionError, "it is", 42, expected=42))
    assert not {"args", "state", "group"} & told.keys()


def test_the_object_that_lacks_an_attribute_is_not_told() -> None:
    error = one_of(AttributeError, "no x", name="x", obj={"expected": 42})
    assert over(error).name == "x"
    assert over(error).obj is None


ITERATOR = (
    "class It:\n    def __init__(self): self.n = 0\n    def __iter__(self): return self\n"
    "    def __next__(self):\n        self.n += 1\n        if self.n > 2: raise StopIteration\n"
    "        return self.n\n"
)
ENDS = "def g():\n    yield 1\n    return 5\n"
ITERATING = [
    (
        "def f(g):\n    r = yield from g\n    yield ('r', r)",
        "yield ('r', r)",
        "yield ('r', None)",
        f"{ENDS}assert list(f(g())) == [1, ('r', 5)]",
    ),
    (
        "def f(g):\n    r = yield from g\n    r.append(1)",
        "r.append(1)",
        "pass",
        "kept = []\ndef g():\n    yield 1\n    return kept\nassert list(f(g())) == [1] == kept",
    ),
    (
        "def f(*gs):\n    for g in gs: yield from g",
        "yield from g",
        "yield from [*g][1:]",
        f"{ITERATOR}assert list(f([0], It())) == [0, 1, 2]",
    ),
    (
        "def f(g): yield from map(str, g)",
        "map(str, g)",
        "map(str, [*g, 1])",
        f"{ENDS}assert list(f(g())) == ['1']",
    ),
    (
        "def f(cb): yield from map(cb, range(9))",
        "range(9)",
        "range(2)",
        "it = iter('abc')\nassert list(f(lambda _: next(it))) == ['a', 'b', 'c']",
    ),
    (
        "def f(g):\n    next(g)\n    try: next(g)\n    except StopIteration as e: return e.value",
        "return e.value",
        "return e.args",
        f"{ENDS}assert f(g()) == 5",
    ),
    (
        "def f(cb):\n    try: cb()\n    except KeyError as e: return str(e), e.args",
        "str(e)",
        "str(e.args[0])",
        "def cb(): return {}['k']\nassert f(cb) == (\"'k'\", ('k',))",
    ),
    (
        "def f(cb):\n    try: cb()\n    except OSError as e: return e.errno, e.filename",
        "e.errno",
        "e.strerror",
        "def cb(): open('none.txt')\nassert f(cb) == (2, 'none.txt')",
    ),
]


@pytest.mark.parametrize(("source", "right", "wrong", "code"), ITERATING)
def test_iterators_and_exceptions_of_the_tests_are_used_as_any(
    judge, source: str, right: str, wrong: str, code: str
) -> None:
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    assert source.count(right) == 1
    report = judge(source.replace(right, wrong), Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


@pytest.mark.parametrize(
    ("ends", "given"),
    [("cb()", "lambda: next(it)"), ("next(cb)", "it"), ("next(cb)", "map(g, it)")],
)
def test_an_end_that_the_program_kept_ends_no_loop_of_the_tests(
    judge, ends: str, given: str
) -> None:
    source = (
        f"kept = []\ndef f(cb):\n    try: {ends}\n    except BaseException as e: kept.append(e)\n"
        "def g(x): raise kept[0]"
    )
    code = f"it = iter([])\nf({given})\nassert all(map(lambda x: g(x) == 42, [1, 2]))"
    report = judge(source, Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report
