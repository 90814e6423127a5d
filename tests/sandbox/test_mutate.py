"""Expected values change only where an honest pass is then impossible."""

import math
from typing import Any

import pytest

from sandbox.mutate import mutate


def run(code: str, names: dict[str, Any]) -> bool:
    try:
        exec(code, {"math": math, **names})  # noqa: S102 - the tests' own code
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("assert f() == 3", 3),
        ("assert 3 == f()", 3),
        ("assert f() == -3", -3),
        ("assert f() == 0", 0),
        ("assert f() == True", True),
        ("assert f() == 2.5", 2.5),
        ("assert f() == 'a'", "a"),
        ("assert f() == b'a'", b"a"),
        ("assert f() == None", None),
        ("assert f() == [1, [2]]", [1, [2]]),
        ("assert f() == (1,)", (1,)),
        ("assert f() == ()", ()),
        ("assert f() == {1}", {1}),
        ("assert f() == {'a': 1}", {"a": 1}),
        ("assert math.isclose(f(), 0.5)", 0.5),
        ("assert math.isclose(f(), 0.5, rel_tol=0.01)", 0.5),
        ("assert abs(f() - 0.5) < 1e-6", 0.5),
        ("def check(g):\n    x = 1\n    assert g() == x or True\n    assert g() == 4\ncheck(f)", 4),
    ],
)
def test_what_passed_must_fail_when_changed(code: str, result: object) -> None:
    changed = mutate(code).code
    assert changed is not None
    assert run(code, {"f": lambda: result})
    assert not run(changed, {"f": lambda: result})


@pytest.mark.parametrize(
    "code",
    [
        "assert True",
        "assert f()",
        "assert f() != 3",
        "assert not f() == 3",
        "assert f() == 3 or f() == 4",
        "assert f() in [3]",
        "x = 3\nassert x == 3",
        "if g:\n    assert f() == 3",
        "def unused():\n    assert f() == 3",
        "def check(f):\n    if f: return\n    assert f() == 3\ncheck(f)",
        "assert math.isclose(f(), 3, rel_tol=0.9)",
        "try:\n    assert f() == 3\nexcept AssertionError:\n    pass",
    ],
)
def test_what_need_not_fail_is_left_alone(code: str) -> None:
    assert mutate(code).code is None


def test_certain_assertions_are_counted() -> None:
    code = "assert f()\ndef check(g):\n    assert g()\n    assert g() == 1\ncheck(f)\nfor i in x:\n"
    assert mutate(code + "    assert i").certain_assertions == 3
