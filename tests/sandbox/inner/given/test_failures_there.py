"""A failed assertion of the tests that the program gets: it is told nothing, and swallows none."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status

SWALLOWING = [
    "def f(cb):\n    try: cb(0)\n    except BaseException: pass",
    "import contextlib\ndef f(cb):\n    with contextlib.suppress(AssertionError): cb(0)",
    (
        "def f(cb):\n    for n in range(100):\n        try: return cb(n)\n"
        "        except BaseException: pass"
    ),
    (
        "import re\ndef f(cb):\n    try: cb(0)\n    except BaseException as e: got = e\n"
        "    for n in re.findall('[0-9]+', f'{got} {got.args} {got!r} {vars(got)}'):\n"
        "        try: return cb(int(n))\n        except BaseException: pass"
    ),
    "def f(cb):\n    try: return cb(0)\n    finally: return 1",
    (
        "import threading\ndef f(cb):\n    t = threading.Thread(target=cb, args=(0,))\n"
        "    t.start()\n    t.join()"
    ),
]
CHECKS = [
    "def cb(v): assert v == 42\nf(cb)",
    "def cb(v): assert v == 42, f'{v} is not 42'\nf(cb)",
    "def cb(v):\n    if v != 42: raise AssertionError('42')\nf(cb)",
    "import unittest\nf(lambda v: unittest.TestCase().assertEqual(v, 42))",
]


@pytest.mark.parametrize("source", SWALLOWING)
@pytest.mark.parametrize("code", CHECKS)
def test_a_failed_assertion_is_not_swallowed(judge, source: str, code: str) -> None:
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report
    assert "AssertionError" in report.message


@pytest.mark.parametrize("source", SWALLOWING)
def test_a_failure_by_pytests_own_word_is_not_swallowed(judge, source: str) -> None:
    code = (
        "import pytest\nfrom solution import f\ndef test():\n    def cb(v):\n"
        "        if v != 42: pytest.fail('it is 42')\n    f(cb)"
    )
    assert judge(source, Pytest(code), Limits()).status is Status.FAILED


def test_nothing_of_what_was_expected_is_told(judge) -> None:
    source = (
        "def f(cb):\n    try: cb(0)\n"
        "    except BaseException as e: raise KeyError(f'{e} {e.args} {vars(e)}') from e"
    )
    code = "def cb(v): assert v == 42, f'{v} is not 42'\nf(cb)"
    report = judge(source, Asserts(code, "f"))
    assert report.status is Status.ERROR
    assert "42" not in report.message


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (
            "def f(cb): return cb(0)",
            (
                "def cb(v): assert v == 42, 'told'\ntry: f(cb)\n"
                "except AssertionError as e: assert str(e) == 'told'\nelse: f(1)"
            ),
        ),
        (
            "def f(cb):\n    try: cb(0)\n    except AssertionError: raise",
            "def cb(v): assert v == 42\ntry: f(cb)\nexcept AssertionError: pass",
        ),
        (
            "def f(cb):\n    try: cb(0)\n    except ValueError as e: return str(e)",
            "def cb(v): raise ValueError('told')\nassert f(cb) == 'told'",
        ),
        (
            "def f(e): return str(e)",
            "assert f(AssertionError('told')) == 'told'",
        ),
        (
            (
                "def g(): assert 0, 'mine'\ndef f(cb):\n    try: cb()\n"
                "    except AssertionError as e: return str(e)"
            ),
            "assert f(g) == 'mine' and f(lambda: g()) == 'mine'",
        ),
        (
            (
                "class Mine(AssertionError): pass\ndef g(): raise Mine(3)\ndef f(cb):\n"
                "    try: cb()\n    except Mine as e: return e.args"
            ),
            "assert f(lambda: g()) == (3,)",
        ),
    ],
)
def test_what_the_tests_catch_or_mean_to_be_caught_is_honest(judge, source: str, code: str) -> None:
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
