"""What an object of a class of the tests itself has under an underscore: data, and nothing else."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Status

ITEM = (
    "class T:\n    x = 1\n    _of_class = 4\n    def __init__(self, v=3): self._v = v\n"
    "    def _go(self): return 1\n    def go(self): return self._v\n"
)
SHOWN = [
    ("def f(o): return o._v", "o._v", "o.x", f"{ITEM}assert f(T()) == 3"),
    (
        "def f(o): o._seen = True",
        "True",
        "None",
        f"{ITEM}t = T()\nf(t)\nassert t._seen",
    ),
    (
        "def f(o):\n    o._v += 4\n    o._next = o\n    return o._next._next.go()",
        "+= 4",
        "+= 5",
        f"{ITEM}t = T()\nassert f(t) == 7 and t._next is t",
    ),
    (
        "def f(o):\n    o._a = 1\n    del o._a, o._v",
        "del o._a, o._v",
        "pass",
        f"{ITEM}t = T()\nf(t)\nassert not hasattr(t, '_a') and not hasattr(t, '_v')",
    ),
    ("def f(o): return vars(o)", "vars(o)", "{}", f"{ITEM}assert f(T()) == {{'_v': 3}}"),
    (
        "import json\ndef f(o): return json.dumps(o, default=lambda p: p.__dict__)",
        "p.__dict__",
        "[*p.__dict__]",
        f'{ITEM}assert f([T(), T(T(2))]) == \'[{{"_v": 3}}, {{"_v": {{"_v": 2}}}}]\'',
    ),
    (
        "def f(o): o.__dict__['_v'].append(1)",
        "append(1)",
        "append(2)",
        f"{ITEM}t = T([])\nf(t)\nassert t._v == [1]",
    ),
    (
        "def f(o):\n    o.__dict__['_v'] = 9\n    return o._v",
        "o._v",
        "9",
        f"{ITEM}assert f(T()) == 3",
    ),
    (
        "def f(o): return [a for a in dir(o) if not a.startswith('_')]",
        "if not a.startswith('_')",
        "",
        f"{ITEM}assert f(T()) == ['go', 'x']",
    ),
    (
        "def f(o): return [hasattr(o, n) for n in ('_v', '_no', '_go')]",
        "'_no'",
        "'x'",
        f"{ITEM}import abc\nclass U(T, abc.ABC): pass\nassert f(U()) == [True, False, False]",
    ),
    (
        (
            "import pickle\ndef f(o):\n    try: return pickle.dumps(o)\n"
            "    except TypeError as e: return str(e)"
        ),
        "pickle.dumps",
        "id",
        f"{ITEM}assert f(T()) == 'a T of the tests is not pickled'",
    ),
]


@pytest.mark.parametrize(("source", "right", "wrong", "code"), SHOWN)
def test_data_of_an_object_of_the_tests_is_shown(
    judge, source: str, right: str, wrong: str, code: str
) -> None:
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    assert source.count(right) == 1
    report = judge(source.replace(right, wrong), Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


HOLDS = (
    f"{ITEM}import sys, unittest.mock, argparse\nfrom types import SimpleNamespace\n"
    "class Bag: pass\nbag = Bag()\nbag._call = lambda: 42\nbag._kind = T\nbag._mod = sys\n"
    "bag._frame = sys._getframe()\nbag._gen = (i for i in [1])\nbag._code = T.go.__code__\n"
    "bag._bound = bag._call.__get__\n"
    "class Spy(unittest.mock.Mock): pass\nspy = Spy()\nspy._own = 42\n"
    "class Slots:\n    __slots__ = ('_v',)\nslots = Slots()\nslots._v = 42\n"
    "ns = SimpleNamespace(_v=42)\ndef g(): pass\ng._v = 42\n"
)
HIDDEN = [
    *(("bag", f"o.{name}") for name in ("_call", "_kind", "_mod", "_frame", "_gen", "_code")),
    *(("bag", f"vars(o)['{name}']") for name in ("_call", "_kind", "_mod", "_frame", "_code")),
    *(("bag", name) for name in ("o._bound", "o._Bag__x", "vars(o)['_bound']", "vars(o)['_gen']")),
    *(("spy", name) for name in ("o._own", "o._mock_children", "o._mock_call_args")),
    *(("T()", name) for name in ("o._go", "o._of_class")),
    *(("T()", f"setattr(o, '{name}', 1)") for name in ("_go", "_of_class", "__dict__", "__x")),
    *(("T()", f"setattr(o, '_v', {given})") for given in ("f", "print", "type('A', (), {})()")),
    *(("bag", f"setattr(o, '{name}', 1)") for name in ("_call", "_kind", "_gen")),
    *(("bag", f"delattr(o, '{name}')") for name in ("_call", "_kind", "_gen")),
    *(("spy", f"setattr(o, '{name}', 1)") for name in ("_own", "_new", "_mock_call_args")),
    *((given, "o._v") for given in ("slots", "ns")),
    *((given, "vars(o)") for given in ("slots", "(i for i in [1])")),
]


@pytest.mark.parametrize(("given", "reach"), HIDDEN)
def test_what_is_no_data_of_an_own_object_is_not_shown(judge, given: str, reach: str) -> None:
    source = (
        f"def f(o):\n    try: x = {reach}\n"
        "    except (AttributeError, KeyError, TypeError): return 0\n"
        "    return 'got ' + str(type(x))"
    )
    report = judge(source, Asserts(f"{HOLDS}got = f({given})\nassert got == 0, got", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize(
    ("given", "shown"),
    [("spy", ["method_calls"]), ("ns", []), ("T().go", []), ("g", ["_v"])],
)
def test_vars_have_no_more_than_attributes(judge, given: str, shown: list[str]) -> None:
    report = judge(
        "def f(o): return [*vars(o)]", Asserts(f"{HOLDS}assert f({given}) == {shown}", "f")
    )
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
