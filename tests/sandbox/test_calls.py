"""Tests of kind `calls`: what is called, what counts as the same, and the limits of each case."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox import Asserts, Call, Calls, Limits, Status, parse_tests

PASSED, FAILED, ERROR = Status.PASSED, Status.FAILED, Status.ERROR
TIMEOUT = Status.TIMEOUT
SHORT = Limits(wall_s=1.0, cpu_s=1.0, memory_bytes=128 * 2**20)
EACH = Limits(wall_s=2.0, cpu_s=1.0, memory_bytes=128 * 2**20)
LIAR = "class Liar:\n    def __eq__(self, other): return True\n    __hash__ = None\n"


def calls(expected: Any, *args: Any, entry_point: str = "f", **others: Any) -> Calls:
    return Calls(entry_point, (Call(list(args), expected, **others),))


TWICE = "class Solution:\n    def twice(self, x):\n        return 2 * x\n"
WAYS = {
    "method": (TWICE, "Solution().twice", PASSED),
    "wrong method": (TWICE.replace("2 *", "3 *"), "Solution().twice", FAILED),
    "static method": (
        "class S:\n    @staticmethod\n    def twice(x): return 2 * x",
        "S.twice",
        PASSED,
    ),
    "class method": (
        "class S:\n    n = 2\n    @classmethod\n    def twice(cls, x): return cls.n * x",
        "S.twice",
        PASSED,
    ),
    "static method by an object": (
        "class S:\n    @staticmethod\n    def twice(x): return 2 * x",
        "S().twice",
        PASSED,
    ),
    "class in a class": (
        f"class Outer:\n{'    ' + TWICE.replace(chr(10), chr(10) + '    ')}",
        "Outer.Solution().twice",
        PASSED,
    ),
    "made by a function": (TWICE + "def make(): return Solution()", "make().twice", PASSED),
    "inherited": (TWICE + "class Mine(Solution): pass", "Mine().twice", PASSED),
    "callable object": (TWICE + "f = Solution().twice", "f", PASSED),
    "coroutine": (
        "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return 2 * x",
        "f",
        PASSED,
    ),
    "coroutine of a method": ("class S:\n    async def f(self, x): return 2 * x", "S().f", PASSED),
    "wrong coroutine": ("async def f(x): return x", "f", FAILED),
    "coroutine that raises": ("async def f(x): raise KeyError(x)", "f", ERROR),
    "coroutine without end": (
        "import asyncio\nasync def f(x): await asyncio.sleep(9)",
        "f",
        TIMEOUT,
    ),
    "no such class": ("def twice(x): return 2 * x", "Solution().twice", ERROR),
    "no such method": (TWICE, "Solution().thrice", ERROR),
    "no function": ("f = 4", "f", ERROR),
    "cannot be made": (
        "class S:\n    def __init__(self, n): pass\n    twice = abs",
        "S().twice",
        ERROR,
    ),
    "always equal": (LIAR + "class S:\n    def f(self, x): return Liar()", "S().f", FAILED),
}


@pytest.mark.parametrize("case", WAYS)
def test_what_is_called(judge, case: str) -> None:
    source, way, status = WAYS[case]
    report = judge(source, calls(4, 2, entry_point=way), hasty=status is TIMEOUT)
    assert report.status is status, report
    assert (report.checks, report.passed_checks) == (1, int(status is PASSED))


def test_each_case_has_an_object_of_its_own(judge) -> None:
    source = (
        "class Solution:\n"
        "    def __init__(self): self.seen = []\n"
        "    def f(self, x):\n        self.seen.append(x)\n        return self.seen\n"
    )
    cases = (Call([1], [1]), Call([2], [2]))
    assert judge(source, Calls("Solution().f", cases)).status is PASSED


RESULTS = {
    "generator": ("for i in range(0, n, 2): yield i", [0, 2, 4], PASSED),
    "wrong generator": ("for i in range(0, n, 2): yield i + 1", [0, 2, 4], FAILED),
    "short generator": ("yield 0; yield 2", [0, 2, 4], FAILED),
    "generator that raises": ("yield 0; yield 1 / 0", [0, 2, 4], ERROR),
    "generator that exits": ("yield 0; raise SystemExit(0)", [0, 2, 4], ERROR),
    "range": ("return range(0, n, 2)", [0, 2, 4], PASSED),
    "map": ("return map(str, range(2))", ["0", "1"], PASSED),
    "zip": ("return zip(range(2), 'ab')", [[0, "a"], [1, "b"]], PASSED),
    "views": (
        "return {1: 2}.keys(), {1: 2}.values(), {1: 2}.items()",
        [[1], [2], [[1, 2]]],
        PASSED,
    ),
    "deque": ("from collections import deque; return deque([1, 2])", [1, 2], PASSED),
    "set": ("return {'b', 'a', 'c'}", ["a", "b", "c"], PASSED),
    "wrong set": ("return {'b', 'a', 'd'}", ["a", "b", "c"], FAILED),
    "list for a set": ("return ['c', 'b', 'a']", ["a", "b", "c"], FAILED),
    "set of frozen sets": ("return {frozenset('ab'), frozenset('c')}", [["c"], ["b", "a"]], PASSED),
    "integer keys": ("return {1: [2], 3: (4,)}", {"1": [2], "3": [4]}, PASSED),
    "counter": ("from collections import Counter; return Counter('aab')", {"a": 2, "b": 1}, PASSED),
    "member of an enumeration": (
        "import enum\n    class E(enum.Enum): A = 1\n    return E.A",
        [1],
        FAILED,
    ),
    "iterable object": (
        "class Box:\n        def __iter__(self): return iter([1, 2])\n    return Box()",
        [1, 2],
        PASSED,
    ),
    "lying list": (
        (
            "class L(list):\n        def __iter__(self): return iter([1, 2])\n"
            "        def __eq__(self, other): return True\n    return L([3])"
        ),
        [1, 2],
        FAILED,
    ),
    "lying int": (
        "class N(int):\n        def __eq__(self, other): return True\n    return N(3)",
        4,
        FAILED,
    ),
    "always equal in a list": (
        f"{LIAR.replace(chr(10), chr(10) + '    ')}\n    return [Liar()]",
        [1],
        FAILED,
    ),
    "always equal in a set": (
        (
            "class L:\n        def __eq__(self, other): return True\n"
            "        def __hash__(self): return hash(1)\n    return {L()}"
        ),
        [1],
        FAILED,
    ),
    "shared rows": ("row = [0]\n    return [row] * 3", [[0], [0], [0]], PASSED),
    "in itself": ("x = []\n    x.append(x)\n    return x", [[]], FAILED),
    "bool for int": ("return True", 1, FAILED),
    "int for bool": ("return 1", True, FAILED),
    "float for int": ("return 4.0", 4, PASSED),
    "nothing": ("pass", None, PASSED),
    "exact float": ("return 0.1 + 0.2", 0.3, FAILED),
    "long integer": ("return 1 << 20000", 1 << 20000, PASSED),
    "endless generator": ("while True: yield 1", [1], Status.OUTPUT_LIMIT),
    "endless count": ("import itertools; return itertools.count()", [1], Status.OUTPUT_LIMIT),
    "endless nesting": (
        "class E:\n        def __iter__(self): yield E(); yield E()\n    return E()",
        [1],
        Status.OUTPUT_LIMIT,
    ),
    "silent iterator": ("while True: pass\n    yield 1", [1], Status.TIMEOUT),
}


@pytest.mark.parametrize("case", RESULTS)
def test_results_are_compared_as_what_they_hold(judge, case: str) -> None:
    body, expected, status = RESULTS[case]
    limits = Limits() if status is Status.OUTPUT_LIMIT else SHORT
    hasty = status is TIMEOUT
    report = judge(f"def f(n):\n    {body}\n", calls(expected, 5), limits, hasty=hasty)
    assert report.status is status, report
    assert (report.integrity, report.checks) == ("isolated", 1)
    if status is Status.OUTPUT_LIMIT:
        assert report.message == "case 0: the result is too large"


def test_an_alternative_is_as_good(judge) -> None:
    for result, status in ((1, PASSED), ([1], PASSED), ([[1]], FAILED)):
        tests = calls([1], alternatives=(1, "x"))
        assert judge(f"def f(): return {result}", tests).status is status


def test_objects_may_arrive_with_integer_keys(judge) -> None:
    source = "def f(a, b, *, c, d): return [sum(a), list(b), sum(c), list(*d)]"
    case = Call(
        [{"1": 0, "-2": 0}, {"x": 0, "1": 0}],
        [-1, ["x", "1"], 3, ["1"]],
        {"c": {"1": 2, "2": 1}, "d": [{"1": 0}]},
        integer_keys=True,
    )
    assert judge(source, Calls("f", (case,))).status is PASSED
    large = Call([{str(2**63): 1, str(-(9**99)): 2}], 2**63 - 9**99, integer_keys=True)
    assert judge("def f(a): return sum(a)", Calls("f", (large,))).status is PASSED
    assert judge("def f(a): return sum(a)", calls(1, {"1": 0})).status is ERROR


def test_partial_credit_counts_what_came_out_right(judge) -> None:
    cases = tuple(Call([n], n) for n in (1, 2, 3, 4))
    wrong = judge("def f(n): return n if n != 2 else 0", Calls("f", cases))
    assert (wrong.status, wrong.checks, wrong.passed_checks) == (FAILED, 4, 3)
    assert wrong.message == "case 1: expected 2, got 0"
    raising = judge("def f(n): return 6 // (3 - n) and n", Calls("f", cases))
    assert (raising.status, raising.checks, raising.passed_checks) == (ERROR, 4, 2)
    assert raising.message.startswith("case 2: ZeroDivisionError")
    endless = "def f(n):\n    while n > 3: pass\n    return n"
    slow = judge(endless, Calls("f", cases), hasty=True)
    assert (slow.status, slow.checks, slow.passed_checks) == (TIMEOUT, 4, 3)
    unread = judge("def f(n) return n", Calls("f", cases))
    assert (unread.status, unread.checks, unread.passed_checks) == (ERROR, 4, 0)


def test_limits_are_those_of_each_case(judge) -> None:
    """At any scale all cases together are above them; a busy host needs a large one."""
    for scale in (1, 4, 16):
        source = (
            "import time\n"
            "def f(n):\n"
            f"    end = time.process_time() + {0.25 * scale}\n"
            "    while time.process_time() < end: pass\n"
            f"    time.sleep({0.2 * scale})\n"
            "    print('x' * 800_000)\n"
            "    return 'y' * 700_000\n"
        )
        limits = replace(EACH, wall_s=scale * EACH.wall_s, cpu_s=scale * EACH.cpu_s)
        tests = Calls("f", (Call([1], "y" * 700_000),) * 5)
        if (report := judge(source, tests, limits, hasty=True)).status is PASSED:
            break
    assert report.status is PASSED, report


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ("time.sleep(99)", Status.TIMEOUT, "wall"),
        ("while True: pass", Status.TIMEOUT, None),
        ("print('x' * 1_200_000)", Status.OUTPUT_LIMIT, None),
        ("return 'x' * 1_200_000", Status.OUTPUT_LIMIT, None),
    ],
)
def test_a_later_case_may_not_exceed_them(judge, body: str, status: Status, detail: str) -> None:
    source = f"import time\ndef f(n):\n    if n == 0: return 0\n    {body}\n    return 1\n"
    for wall_s in (1.0, 5.0, 20.0):  # the first is to end in time, on a busy host too
        limits = replace(SHORT, wall_s=wall_s)
        report = judge(source, Calls("f", (Call([0], 0), Call([1], 1))), limits, hasty=True)
        if (found := (report.status, report.passed_checks)) == (status, 1):
            break
    assert found == (status, 1), report
    assert detail in (None, report.detail)


def test_a_result_that_is_longer_on_the_wire_than_as_text_is_too_large(judge) -> None:
    limits = Limits(output_bytes=4 * 2**20)
    report = judge("def f(): return chr(128512) * 3_000_000", calls("x"), limits)
    assert report.status is Status.OUTPUT_LIMIT, report


def test_cpu_time_of_a_case_is_bounded_below_its_wall_time(judge) -> None:
    limits = Limits(wall_s=100.0, cpu_s=1.0, memory_bytes=128 * 2**20)
    source = "def f(n):\n    while n: pass\n    return n\n"
    report = judge(source, Calls("f", (Call([0], 0), Call([1], 1))), limits)
    assert (report.status, report.detail) == (Status.TIMEOUT, "cpu")
    assert report.wall_s < 99


def test_a_case_that_grants_itself_cpu_time_is_found_out(judge) -> None:
    limits = Limits(wall_s=100.0, cpu_s=1.0, memory_bytes=128 * 2**20)
    source = (
        "import resource, time\n"
        "def f(n):\n"
        "    _, hard = resource.getrlimit(resource.RLIMIT_CPU)\n"
        "    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))\n"
        "    end = time.process_time() + 1.5\n"
        "    while time.process_time() < end: pass\n"
        "    return n\n"
    )
    report = judge(source, Calls("f", (Call([1], 1),) * 3), limits)
    assert (report.status, report.detail, report.passed_checks) == (Status.TIMEOUT, "cpu", 0)


def test_all_cases_together_have_a_bound(judge) -> None:
    limits = Limits(wall_s=3.0, cpu_s=1.0, memory_bytes=128 * 2**20, total_s=3.0)
    source = "import time\ndef f(n):\n    time.sleep(0.6)\n    return n\n"
    report = judge(source, Calls("f", (Call([1], 1),) * 50), limits, hasty=True)
    assert (report.status, report.detail) == (Status.TIMEOUT, "wall")
    assert 1 <= report.passed_checks < 6
    assert report.wall_s < 30


HEADER = "from typing import List\nimport math\n\ndef helper(x):\n    return x + 1\n"
WITH_HEADER = {
    "plain": ("def f(x: List[int]): return math.floor(helper(x))", PASSED),
    "future": ("from __future__ import annotations\ndef f(x: Nowhere): return helper(x)", PASSED),
    "docstring and future": (
        (
            '"""Text."""\nfrom __future__ import (\n    annotations,\n    division\n); import os\n'
            "def f(x: Nowhere): return helper(x)"
        ),
        PASSED,
    ),
    "comment": ("# -*- coding: ascii -*-\ndef f(x): return helper(x)", PASSED),
    "own": ("def helper(x): return x + 1\ndef f(x): return helper(x)", PASSED),
    "word in a text": ("x = '__future__'\ndef f(x): return helper(x)", PASSED),
    "byte-order mark": ("\ufeffdef f(x): return helper(x)", PASSED),
    "broken": ("from __future__ import (\ndef f(x): return helper(x)", ERROR),
    "wrong": ("def f(x): return helper(x) + 1", FAILED),
}


@pytest.mark.parametrize("case", WITH_HEADER)
def test_a_header_stands_before_the_program(judge, case: str) -> None:
    source, status = WITH_HEADER[case]
    assert judge(source, Calls("f", (Call([1], 2),), HEADER)).status is status
    if status is PASSED:
        assert judge(source, Asserts("assert f(1) == 2", "f", header=HEADER)).status is PASSED


@pytest.mark.parametrize("first", ["import os", "# comment", "", "from __future__ import division"])
def test_a_header_moves_no_line(judge, first: str) -> None:
    report = judge(f"{first}\nx = 1\ndef f(:\n", Calls("f", (Call([1], 2),), HEADER))
    assert "line 3" in report.message


def test_a_mark_of_byte_order_is_nothing(judge) -> None:
    source = "\ufeffdef f(x):\n    return x\n"
    tests = [
        {"kind": "asserts", "code": "\ufeffassert f(1) == 1", "entry_point": "f"},
        {"kind": "calls", "entry_point": "f", "cases": [{"args": [1], "expected": 1}]},
        {"kind": "pytest", "code": "\ufefffrom solution import f\ndef test_f(): assert f(1) == 1"},
    ]
    for obj in tests:
        assert judge(source, parse_tests(obj)).status is PASSED, obj
