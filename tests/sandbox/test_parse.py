"""Tests and limits are read from the HTTP contract's objects, and faults are named."""

import math
import textwrap
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import (
    IO,
    Asserts,
    Call,
    Calls,
    Integrity,
    InvalidProgram,
    InvalidTests,
    IOCase,
    Limits,
    Program,
    Pytest,
    Tests,
    parse_limits,
    parse_min_integrity,
    parse_tests,
)

CODE = {"kind": "asserts", "code": "assert f() == 1", "entry_point": "f"}
CALLS = {"kind": "calls", "entry_point": "f", "cases": [{"args": [1], "expected": 2}]}
INPUT = {"kind": "io", "cases": [{"stdin": "1", "stdout": "2"}]}
MODULE = {"kind": "pytest", "code": "def test(): pass"}


@pytest.mark.parametrize(
    ("obj", "tests"),
    [
        (CODE, Asserts("assert f() == 1", "f")),
        ({**CODE, "prelude": "import math"}, Asserts("assert f() == 1", "f", "import math")),
        (CALLS, Calls("f", (Call([1], 2),))),
        (INPUT, IO((IOCase("1", "2"),))),
        ({**CODE, "header": "import os"}, Asserts("assert f() == 1", "f", header="import os")),
        ({**CODE, "code": "\ufeffassert f() == 1"}, Asserts("assert f() == 1", "f")),
        ({**CALLS, "header": "import os"}, Calls("f", (Call([1], 2),), "import os")),
        ({**INPUT, "header": "import os"}, IO((IOCase("1", "2"),), "import os")),
        ({**CALLS, "entry_point": "A().b"}, Calls("A().b", (Call([1], 2),))),
        ({**CALLS, "entry_point": "A.B().c"}, Calls("A.B().c", (Call([1], 2),))),
        (
            {**CALLS, "cases": [{"expected": [1], "alternatives": [1], "bools_as_numbers": True}]},
            Calls("f", (Call([], [1], alternatives=(1,), bools_as_numbers=True),)),
        ),
        (
            {**CALLS, "cases": [{"args": [{"1": 2}], "expected": 1, "integer_keys": True}]},
            Calls("f", (Call([{"1": 2}], 1, integer_keys=True),)),
        ),
        (
            {"kind": "io", "cases": [{"stdout": "2", "words": True}]},
            IO((IOCase("", "2", words=True),)),
        ),
        ({"kind": "io", "cases": [{"stdout": "2", "tolerance": 0.1}]}, IO((IOCase("", "2", 0.1),))),
        (MODULE, Pytest("def test(): pass")),
        ({**MODULE, "limits": {}, "min_integrity": "isolated"}, Pytest("def test(): pass")),
    ],
)
def test_each_kind_is_read(obj: dict[str, Any], tests: object) -> None:
    assert parse_tests(obj) == tests


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ([], "must be an object"),
        ({}, "kind must be one of"),
        ({"kind": "magic"}, "kind must be one of"),
        ({"kind": ["io"]}, "kind must be one of"),
        ({**CODE, "more": 1}, "no key 'more'"),
        ({"kind": "asserts", "code": "pass"}, "entry_point is missing"),
        ({**CODE, "entry_point": "f("}, "must be a Python name"),
        ({**CODE, "code": "x = 1\nassert ("}, "code, line 2"),
        ({**CODE, "code": 5}, "code must be text"),
        ({**CODE, "code": "a\0b"}, "code"),
        ({**CODE, "prelude": "def"}, "prelude, line 1"),
        ({**CALLS, "prelude": ""}, "calls have no key 'prelude'"),
        ({**MODULE, "header": ""}, "pytest have no key 'header'"),
        ({**CALLS, "header": "def"}, "header, line 1"),
        ({**CALLS, "header": 1}, "header must be text"),
        *(
            ({**CALLS, "entry_point": way}, "entry_point must be a Python name, or a way")
            for way in (
                "",
                "f()",
                "A().b()",
                "A(1).b",
                "A()b",
                ".f",
                "f.",
                "A..f",
                "A().if",
                "1.f",
                "A().f\n",
                "A()().f",
                "A[0].f",
                "lambda: 1",
            )
        ),
        ({**CODE, "entry_point": "A().f"}, "must be a Python name, not"),
        ({**CALLS, "cases": [{"expected": 1, "alternatives": "x"}]}, "alternatives must be a list"),
        ({**CALLS, "cases": [{"expected": 1, "integer_keys": 1}]}, "integer_keys must be true or"),
        ({**CALLS, "cases": [{"expected": 1, "words": True}]}, "no key 'words'"),
        ({**INPUT, "cases": [{"stdout": "", "words": "yes"}]}, "words must be true or false"),
        ({**INPUT, "prelude": ""}, "io have no key 'prelude'"),
        ({**MODULE, "code": "def test(:"}, "code, line 1"),
        ({**CALLS, "cases": []}, "cases is empty"),
        ({**CALLS, "cases": "x"}, "cases must be a list"),
        ({**CALLS, "cases": [1]}, r"cases\[0\] must be an object"),
        ({**CALLS, "cases": [{"args": [1]}]}, "expected is missing"),
        ({**CALLS, "cases": [{"args": 1, "expected": 1}]}, "args must be a list"),
        ({**CALLS, "cases": [{"expected": 1, "tolerance": "x"}]}, "tolerance must be a number"),
        ({**CALLS, "cases": [{"expected": 1, "tolerance": -1}]}, "not below zero"),
        ({**CALLS, "cases": [{"expected": {1, 2}}]}, "cannot be written as JSON"),
        ({**CALLS, "cases": [{"expected": 1, "argv": []}]}, "no key 'argv'"),
        ({**INPUT, "cases": [{"stdin": "1"}]}, "stdout is missing"),
        ({**INPUT, "cases": [{"stdin": 1, "stdout": ""}]}, "stdin must be text"),
        ({**CODE, "code": "#" * 2_000_000}, "at most"),
        ({**CODE, "code": "return 1"}, "code, line 1: 'return' outside function"),
        ({**CODE, "prelude": "def f():\n    nonlocal x"}, "prelude, line 2"),
        ({**CODE, "entry_point": "class"}, "must be a Python name"),
        ({**CALLS, "cases": [{"expected": math.nan}]}, "too large or not finite"),
        ({**CALLS, "cases": [{"expected": 1, "tolerance": 10**400}]}, "must be finite"),
        ({**INPUT, "cases": [{"stdout": "1", "tolerance": "x"}]}, "tolerance must be a number"),
    ],
)
def test_faults_are_named(obj: object, message: str) -> None:
    with pytest.raises(InvalidTests, match=message):
        parse_tests(obj)


def _nested(levels: int, inner: str = "pass") -> str:
    """That many `finally` in each other: the innermost is compiled 2**levels times."""
    before = "".join(f"{' ' * i}try: pass\n{' ' * i}finally:\n" for i in range(levels))
    return f"{before}{' ' * levels}{inner}"


TWICE = _nested(19, "def f():\n") + textwrap.indent(_nested(19), " " * 20)


@pytest.mark.parametrize(
    ("obj", "key"),
    [(CODE, "code"), (CODE, "prelude"), (MODULE, "code"), (MODULE, "prelude"), (CALLS, "header")],
)
def test_what_would_not_be_compiled_in_a_lifetime_is_only_read(
    obj: dict[str, Any], key: str
) -> None:
    assert getattr(parse_tests({**obj, key: TWICE}), key) == TWICE
    with pytest.raises(InvalidTests, match=f"tests.{key}, line 2"):
        parse_tests({**obj, key: "try: pass\nfinally 1"})


def test_long_tests_are_only_read() -> None:
    """The longer they are, the longer their compiling may take, and by more than that."""
    text = "assert f() == 1\n" * 2000 + "return"
    assert parse_tests({**CODE, "code": text}) == Asserts(text, "f")


@pytest.mark.parametrize("without_cases", [lambda: Calls("f", ()), lambda: IO(())])
def test_tests_without_a_case_cannot_be_made(without_cases: Callable[[], Tests]) -> None:
    with pytest.raises(InvalidTests, match="at least one case"):
        without_cases()


def test_values_nested_too_deep_are_refused() -> None:
    value: list[Any] = []
    for _ in range(150):
        value = [value]
    with pytest.raises(InvalidTests, match="nested deeper"):
        parse_tests({**CALLS, "cases": [{"args": [], "expected": value}]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    st.dictionaries(st.sampled_from(["code", "cases", "entry_point", "prelude", "args"]), JSON),
    st.sampled_from(["asserts", "calls", "io", "pytest"]),
)
def test_any_json_is_tests_or_invalid_tests(obj: dict[str, Any], kind: str) -> None:
    try:
        parse_tests({**obj, "kind": kind})
    except InvalidTests:
        return


def test_limits_are_capped_by_the_operators() -> None:
    caps = Limits(wall_s=5.0, processes=8)
    assert parse_limits(None, caps) == caps
    wanted = parse_limits({"wall_s": 60, "processes": 4, "cpu_s": 0.5}, caps)
    assert (wanted.wall_s, wanted.processes, wanted.cpu_s) == (5.0, 4, 0.5)
    huge = parse_limits({"wall_s": 10**400, "processes": 4.0}, caps)
    assert (huge.wall_s, huge.processes) == (5.0, 4)
    assert isinstance(huge.processes, int)


@pytest.mark.parametrize(
    "obj",
    [[], {"speed": 1}, {"wall_s": 0}, {"wall_s": -1}, {"wall_s": "1"}, {"wall_s": True},
     {"wall_s": float("nan")}, {"processes": 1.5}, {"memory_bytes": float("inf")}],
)  # fmt: skip
def test_limits_that_are_none_are_refused(obj: object) -> None:
    with pytest.raises(InvalidTests):
        parse_limits(obj, Limits())


def test_min_integrity() -> None:
    assert parse_min_integrity(None) is Integrity.SHARED
    assert parse_min_integrity("isolated") is Integrity.ISOLATED
    with pytest.raises(InvalidTests):
        parse_min_integrity("perfect")


@pytest.mark.parametrize("source", ["a\0b", "\ud800", "#" * 2_000_000, b"pass", None])
def test_a_source_that_is_no_program_is_refused(source: Any) -> None:
    with pytest.raises(InvalidProgram):
        Program(source, Asserts("pass", "f"))


def test_limits_that_bound_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="wall_s"):
        Limits(wall_s=float("inf"))
