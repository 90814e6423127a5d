"""What a program sets on objects of the tests: data is theirs, a method is its word."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status
from sandbox.inner.given.guests import Guests

ACCOUNT = """
class Acc:
    made = 0
    def __init__(self):
        self.n, self.hook, self.next, self.free = 0, print, None, 1
    def check(self, n): return self.n == n
    def other(self, n): return True
    @staticmethod
    def plain(n): return n == 42
    @classmethod
    def of(cls, n): return n == 42
    def put(self, **named): self.__dict__.update(named)
"""
REPLACED = [
    ("acc.check = lambda *a: True", "check"),
    ("acc.check = bool", "check"),
    ("acc.check = acc.other", "check"),
    ("acc.check = Yes()", "check"),
    ("setattr(acc, 'plain', Yes())", "plain"),
    ("acc.of = Yes()", "of"),
    ("acc.put(check=Yes())", "check"),
    ("acc.put(check=bool)", "check"),
    ("acc.hook = lambda *a: True", "hook"),
    ("acc.hook = Yes()", "hook"),
    ("acc.free = Yes()", "free"),
    ("acc.free = lambda n: True", "free"),
]


@pytest.mark.parametrize(("change", "name"), REPLACED)
def test_what_stands_in_place_of_a_method_is_the_programs_word(
    judge, change: str, name: str
) -> None:
    source = (
        "class Yes:\n    def __call__(self, *a): return True\n    def __bool__(self): return True\n"
        f"def f(acc):\n    {change}"
    )
    report = judge(source, Asserts(f"{ACCOUNT}a = Acc()\nf(a)\nassert a.{name}(42)", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


@pytest.mark.parametrize(
    "change",
    [
        "acc.n = 42",
        "acc.n += 42",
        "acc.n, acc.new = 42, [1, 'a']",
        "acc.next = acc\n    acc.next.n = 42",
        "acc.hook = acc.other\n    acc.n = 42",
        "acc.made = acc.n = 42",
        "acc.put(n=42)",
    ],
)
def test_data_that_is_set_is_honest(judge, change: str) -> None:
    code = f"{ACCOUNT}a = Acc()\nf(a)\nassert a.check(42)"
    report = judge(f"def f(acc):\n    {change}", Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def test_what_the_tests_themselves_put_in_place_is_theirs(judge) -> None:
    code = f"{ACCOUNT}a = Acc()\na.check = lambda n: n == 1\nassert f(a) is True and a.check(1)"
    report = judge("def f(acc): return acc.check(1)", Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize(
    "change",
    [
        "m.assert_called_once_with = lambda *a, **k: None",
        "m.assert_called_once_with = print",
        "m.assert_called_once_with = m.go",
        "m.assert_called_once_with = type('Any', (), {'__call__': lambda *a: None})()",
        "m.call_args = type('Any', (), {'__eq__': lambda *a: True})()",
    ],
)
def test_no_method_of_a_mock_is_replaced(judge, change: str) -> None:
    code = (
        "from unittest.mock import Mock\nfrom solution import f\ndef test():\n    m = Mock()\n"
        "    f(m)\n    m.assert_called_once_with(42)"
    )
    for attempt in (change, f"try: {change}\n    except AttributeError: pass"):
        report = judge(f"def f(m):\n    {attempt}", Pytest(code), Limits())
        assert report.status in (Status.FAILED, Status.ERROR), report


def test_a_mock_that_is_made_to_pass_another_way_is_no_isolated_one(judge) -> None:
    code = (
        "from unittest.mock import Mock\nfrom solution import f\ndef test():\n    m = Mock()\n"
        "    f(m)\n    m.assert_called_once_with(42)"
    )
    for change in ("m.configure_mock(assert_called_once_with=bool)",):
        report = judge(f"def f(m):\n    {change}", Pytest(code), Limits())
        assert report.status is not Status.PASSED or report.integrity is Integrity.SHARED, report


@pytest.mark.parametrize("name", ["keywords", "args", "func"])
def test_what_can_only_be_called_says_nothing_else(judge, name: str) -> None:
    source = f"def run(cb):\n    try: return cb.{name}\n    except AttributeError: return cb(42)"
    code = (
        "import functools\ndef verify(got, expected): return got == expected\n"
        "assert run(functools.partial(verify, expected=42)) is True"
    )
    report = judge(source, Asserts(code, "run"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def test_callable_objects_of_the_tests_classes_have_their_attributes(judge) -> None:
    source = "def run(cb): return cb(1) + cb.n + cb.m.k"
    code = (
        "from unittest.mock import Mock\nclass C:\n    n = 2\n    m = Mock(k=3)\n"
        "    def __call__(self, x): return x\nassert run(C()) == 6"
    )
    report = judge(source, Asserts(code, "run"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def test_a_mock_as_it_was_given_is_not_changed() -> None:
    guests = Guests()
    guests.refer(one := Mock(side_effect=[1, 2]))
    assert guests.perform("call", 0, (), {}) == 1
    assert guests.perform("set", 0, ("n", [3]), {}) is None
    assert not guests.are_changed()
    one.assert_called = print
    assert guests.are_changed()
