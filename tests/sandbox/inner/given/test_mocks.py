"""Mocks of the tests, given to a program: what it calls is recorded beside the tests."""

from __future__ import annotations

import pytest

from sandbox import Integrity, Limits, Pytest, Status

LIMITS = Limits(wall_s=5.0, cpu_s=5.0)
HEAD = (
    "from unittest.mock import ANY, AsyncMock, MagicMock, Mock, call, create_autospec, mock_open\n"
    "import pytest\nfrom solution import f\ndef test_it():\n"
)


def module(*lines: str) -> str:
    return HEAD + "".join(f"    {line}\n" for line in lines)


CASES = {
    "called": (
        "def f(m): m(1, k=[2]); return m.a.b('x')\n",
        "def f(m): m(1, k=[3]); return m.a.b('x')\n",
        module(
            "m = MagicMock()",
            "m.a.b.return_value = 7",
            "assert f(m) == 7",
            "m.assert_called_once_with(1, k=[2])",
            "assert m.mock_calls == [call(1, k=[2]), call.a.b('x')]",
        ),
    ),
    "of a class": (
        "def f(p): return p.price('a') + p.price('bb')\n",
        "def f(p): return p.price('a') * 2\n",
        module(
            "class P:",
            "    def price(self, sku): raise NotImplementedError",
            "p = create_autospec(P, instance=True)",
            "p.price.side_effect = len",
            "assert f(p) == 3 and [c.args for c in p.price.call_args_list] == [('a',), ('bb',)]",
        ),
    ),
    "a file": (
        (
            "def f(opener):\n    with opener('n', 'w') as h:\n        h.write('a')\n"
            "    with opener('n') as h: return list(h)\n"
        ),
        (
            "def f(opener):\n    h = opener('n', 'w')\n    h.write('a')\n"
            "    with opener('n') as h: return list(h)\n"
        ),
        module(
            "m = mock_open(read_data='1\\n2\\n')",
            "assert f(m) == ['1\\n', '2\\n']",
            "assert m.call_args_list == [call('n', 'w'), call('n')]",
            "m().write.assert_called_once_with('a')",
            "assert m().__exit__.call_count == 2",
        ),
    ),
    "a with": (
        "def f(m):\n    with m as found, m.other: return found.x\n",
        "def f(m): return m.x\n",
        module(
            "m = MagicMock()",
            "m.__enter__.return_value.x = 5",
            "assert f(m) == 5",
            "m.__enter__.assert_called_once_with()",
            "m.__exit__.assert_called_once_with(None, None, None)",
            "m.other.__enter__.assert_called_once_with()",
        ),
    ),
    "items and numbers": (
        "def f(m): return len(m), m['k'], list(m), int(m), bool(m), 'k' in m\n",
        "def f(m): return len(m), m['l'], list(m), int(m), bool(m), 'k' in m\n",
        module(
            "m = MagicMock()",
            "m.__getitem__.side_effect = {'k': 1, 'l': 2}.get",
            "assert f(m) == (0, 1, [], 1, True, False)",
            "m.__getitem__.assert_called_once_with('k')",
        ),
    ),
    "computed with": (
        "def f(m):\n    begin = m()\n    d = m() - begin\n    d += 1\n    return 2 * d\n",
        "def f(m):\n    begin = m()\n    d = m() - begin\n    d += 1\n    return d\n",
        module(
            "m = MagicMock()",
            "r = f(m)",
            "assert m.call_count == 2",
            "d = m.return_value.__sub__.return_value.__iadd__.return_value",
            "assert r is d.__rmul__.return_value",
            "m.return_value.__sub__.assert_called_once_with(m.return_value)",
        ),
    ),
    "the same": (
        "def f(m): return m == m, m == 1, m, {m: 1}[m], m != m.x\n",
        "def f(m): return m == m.x, m == 1, m, {m: 1}[m], m != m.x\n",
        module("m = MagicMock()", "assert f(m) == (True, False, m, 1, True)"),
    ),
    "an error": (
        (
            "def f(m):\n    for _ in range(3):\n        try: return m.get(1)\n"
            "        except ConnectionError: pass\n"
        ),
        "def f(m):\n    try: return m.get(1)\n    except ConnectionError: return m.get(2)\n",
        module(
            "m = MagicMock()",
            "m.get.side_effect = [ConnectionError(), ConnectionError(), 'ok']",
            "assert f(m) == 'ok' and m.get.call_count == 3",
        ),
    ),
}


@pytest.mark.parametrize(("right", "wrong", "tests"), CASES.values(), ids=CASES)
def test_what_a_program_does_with_them(judge, right: str, wrong: str, tests: str) -> None:
    judge.tells_apart(right, wrong, Pytest(tests), LIMITS)


SHARED = {
    "a comparison that the tests set": ("m.__lt__.return_value = True", "m < 1", "True"),
    "an equality that the tests set": ("m.__eq__.return_value = True", "m == 1", "True"),
    "what contains": ("m.__contains__.return_value = True", "1 in m", "True"),
    "one that is awaited": ("m = AsyncMock()", "callable(m)", "True"),
    "anything": ("m = ANY", "m == 3", "True"),
}


@pytest.mark.parametrize(("made", "asked", "given"), SHARED.values(), ids=SHARED)
def test_what_does_not_cross(judge, made: str, asked: str, given: str) -> None:
    code = module("m = MagicMock()", made, f"assert f(m) is {given}")
    report = judge(f"def f(m): return {asked}\n", Pytest(code), LIMITS)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_a_mock_is_asked_for_no_word_of_the_program(judge) -> None:
    """What was put in place of an assertion of a mock fails, or leaves a pass that is shared."""
    code = module("m = MagicMock()", "f(m)", "m.g.assert_called_once_with(1)")
    for source in (
        "def f(m): m.g.assert_called_once_with = lambda *a: None\n",
        "class E:\n    def __eq__(self, o): return True\ndef f(m): m.g(E())\n",
    ):
        report = judge(source, Pytest(code), LIMITS)
        isolated = report.integrity is Integrity.ISOLATED
        assert not (report.status is Status.PASSED and isolated), report
