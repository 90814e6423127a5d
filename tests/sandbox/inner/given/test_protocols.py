"""What Python asks of an object of the tests in the program's hands, by its special methods."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Pytest, Status
from sandbox.inner.given.guests import Guests
from sandbox.inner.given.standins import StandIns

BOX = (
    "class T:\n    x = 1\n    def __init__(self): self.d = {0: 'a', 1: 'b'}\n"
    "    def __getitem__(self, k): return self.d[k]\n"
    "    def __delitem__(self, k): del self.d[k]\n    def __len__(self): return len(self.d)\n"
    "    def __reversed__(self): return iter('ba')\n    def keys(self): return self.d.keys()\n"
    "t = T()\n"
)


def one(method: str, given: object = 1) -> str:
    return f"class T:\n    def {method}: return {given}\nassert f(T()) == 1"


ASKED = [
    ("def f(o): return int(o)", "int(o)", "int(o) + 1", one("__int__(s)")),
    ("def f(o): return float(o)", "(o)", "(2)", one("__float__(s)", 1.0)),
    ("def f(o): return complex(o)", "(o)", "(2)", one("__complex__(s)", "1 + 0j")),
    ("def f(o): return [0, 1][o]", "[o]", "[0]", one("__index__(s)")),
    ("def f(o): return len(range(o))", "(o)", "(o, 5)", one("__index__(s)")),
    ("import os\ndef f(o): return int(os.fspath(o))", "int", "", one("__fspath__(s)", "'1'")),
    (
        "import os\ndef f(o): return int(isinstance(o, os.PathLike))",
        "int",
        "str",
        one("__fspath__(s)", "'1'"),
    ),
    (
        "import os\ndef f(o): return 2 - isinstance(o, os.PathLike)",
        "2",
        "3",
        one("__int__(s)") + " + 1",
    ),
    ("def f(o): return int(f'{o:>3}')", ":>3", "", one("__format__(s, w)", "'1' if w else '2'")),
    ("def f(o): return hash(o)", "hash", "id", one("__hash__(s)")),
    ("def f(o): return round(o)", "round(o)", "round(o, 1)", one("__round__(s)")),
    ("def f(o): return round(o, 1)", "1", "2", one("__round__(s, n)", "n")),
    ("def f(o): return abs(o)", "abs(o)", "-abs(o)", one("__abs__(s)")),
    ("def f(o): return -o", "-o", "- -o", one("__neg__(s)")),
    ("def f(o): return int(bytes(o))", "int", "", one("__bytes__(s)", "b'1'")),
    (
        "import operator\ndef f(o): return operator.length_hint(o)",
        "(o)",
        "(2)",
        one("__length_hint__(s)"),
    ),
    (
        "import math\ndef f(o): return math.floor(o) + math.ceil(o) + math.trunc(o)",
        "math.trunc(o)",
        "0",
        (
            "class T:\n    def __floor__(s): return 1\n    def __ceil__(s): return 2\n"
            "    def __trunc__(s): return 3\nassert f(T()) == 6"
        ),
    ),
    (
        "def f(o): del o[1]",
        "o[1]",
        "o[0]",
        f"{BOX}f(t)\nassert t.d == {{0: 'a'}}",
    ),
    (
        "def f(o): return list(reversed(o))",
        "reversed(o)",
        "o",
        f"{BOX}assert f(t) == ['b', 'a']",
    ),
    (
        "def f(t):\n    t.y, t.x = 5, 7\n    a = t.x\n    delattr(t, 'x')\n    return a",
        "delattr(t, 'x')",
        "pass",
        f"{BOX}assert f(t) == 7 and t.x == 1 and t.y == 5",
    ),
    (
        "def f(t):\n    try: del t.none\n    except AttributeError: return 'none'",
        "'none'",
        "'some'",
        f"{BOX}assert f(t) == 'none'",
    ),
    (
        "def f(*os): return len({*os}), hash(os[0]) == hash(os[1])",
        "len({*os})",
        "len(os)",
        (
            "class T:\n    def __hash__(self): return 7\na, b = T(), T()\n"
            "assert f(a, b, a) == (2, True)"
        ),
    ),
]


@pytest.mark.parametrize(("source", "right", "wrong", "code"), ASKED)
def test_special_methods_of_the_tests_are_asked(
    judge, source: str, right: str, wrong: str, code: str
) -> None:
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    assert right in source
    report = judge(source.replace(right, wrong), Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


@pytest.mark.parametrize("use", ["int(o)", "float(o)", "[0][o]", "open(o)", "round(o)", "-o"])
def test_what_a_class_of_the_tests_has_not_is_a_type_error(judge, use: str) -> None:
    source = f"def f(o):\n    try: return {use}\n    except TypeError: return 'none'"
    report = judge(source, Asserts("class T: pass\nassert f(T()) == 'none'", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize("change", ["del m.check", "delattr(m, 'check')"])
def test_a_method_that_the_tests_replaced_and_the_program_took_away_is_its_word(
    judge, change: str
) -> None:
    code = (
        "class T:\n    def check(self, n): return True\nt = T()\n"
        "t.check = lambda n: n == 1\nf(t)\nassert t.check(42)"
    )
    report = judge(f"def f(m): {change}", Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_no_assertion_of_a_mock_is_taken_away(judge) -> None:
    code = (
        "from unittest.mock import MagicMock\nfrom solution import f\ndef test():\n"
        "    m = MagicMock()\n    f(m)\n    m.assert_called_once_with(42)\n    m.go.assert_called()"
    )
    for name in ("assert_called_once_with", "go", "call_args", "go.assert_called"):
        source = f"def f(m):\n    try: del m.{name}\n    except AttributeError: pass"
        assert judge(source, Pytest(code)).status in (Status.FAILED, Status.ERROR)


def test_only_what_a_class_has_is_told_of_it() -> None:
    class Whole:
        def __index__(self) -> int:
            return 1

    class Keyed:
        def __hash__(self) -> int:
            return 7

    class Broken:
        def __hash__(self) -> int:
            raise ValueError

    guests = Guests()
    assert guests.refer(Whole())[5:] == [["__index__"], None]
    assert guests.refer(Keyed())[5:] == [[], 7]
    assert guests.refer(Broken())[5:] == guests.refer(object())[5:] == []
    stands = StandIns(lambda *_: None)
    assert hash(stands.of(*guests.refer(Keyed())[1:])) == 7
    told = [*guests.refer(Whole())[1:]]
    told[4] = ["__getattribute__", "__index__"]
    made = type(stands.of(*told))
    assert "__index__" in vars(made)
    assert "__getattribute__" not in vars(made)
