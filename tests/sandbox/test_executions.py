"""Programs run for their outputs: what is told of each call, and that none costs the others."""

import asyncio
import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Arguments, Execution, Limits, Output, QueueFull, SandboxUnavailable, canonical
from sandbox.process import ProcessBackend

QUICK = {"each_s": 0.2}
"""For calls that never end."""

LIMITS = Limits(wall_s=30.0, memory_bytes=128 * 2**20)


def value(of: object) -> Output:
    return Output(canonical(of), returned=True)


def other(text: str) -> Output:
    return Output(text, returned=False)


TIMEOUT, EXITED, MEMORY = other("timeout"), other("exited"), other("memory")

VALUES = {
    "None": ("None", None),
    "bool": ("True", True),
    "int": ("1 << 2000", 1 << 2000),
    "whole float": ("4.0", 4),
    "float": ("0.1 + 0.2", 0.3),
    "not a number": ("float('nan')", math.nan),
    "negative zero": ("-0.0", 0),
    "text": ("'é\\n'", "é\n"),
    "half a pair": ("'\\ud800'", "\ud800"),
    "list": ("[1, [2]]", [1, [2]]),
    "tuple": ("(1, (2,))", [1, [2]]),
    "range": ("range(3)", [0, 1, 2]),
    "generator": ("(i for i in range(3))", [0, 1, 2]),
    "map": ("map(str, [1])", ["1"]),
    "set": ("{'b', 'a'}", {"a", "b"}),
    "mapping": ("{2: 1, 1: 2}", {1: 2, 2: 1}),
    "counter": ("__import__('collections').Counter('aab')", Counter("aab")),
    "bytes": ("b'a'", b"a"),
    "complex": ("1j", 1j),
    "fraction": ("__import__('fractions').Fraction(1, 2)", Fraction(1, 2)),
    "type": ("int", int),
    "huge text": ("'x' * 200_000", "x" * 200_000),
    "huge list": ("[1] * 1000", [1] * 1000),
}


@pytest.mark.parametrize("case", VALUES)
def test_values(judge, case: str) -> None:
    expression, expected = VALUES[case]
    source = f"def f(x): return {expression}"
    assert judge.execute(source, 0, limits=LIMITS) == (value(expected),)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers() | st.text())
        | st.frozensets(st.binary())
    ),
    max_leaves=10,
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PLAIN, min_size=1, max_size=20))
def test_what_comes_back_is_canonical(judge, values: list[object]) -> None:
    expected = tuple(value(one) for one in values)
    assert judge.execute("def f(x): return x", *values) == expected


EXCEPTIONS = {
    "built in": ("1 / 0", "ZeroDivisionError"),
    "own": ("raise Own('text')", "Own"),
    "recursion": ("f(x)", "RecursionError"),
    "exit": ("exit()", "exited"),
    "sys.exit": ("raise SystemExit(0)", "exited"),
    "keyboard": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "memory": ("raise MemoryError", "memory"),
    "really memory": ("return [0] * 10**9", "memory"),
    "arguments": ("g()", "TypeError"),
    "in a generator": ("return g(x)", "LookupError"),
    "no text": ("raise Mute", "Mute"),
    "lying name": ("raise type('a' * 300 + '\\n', (Exception,), {})", None),
}
OWN = (
    "class Own(Exception): pass\n"
    "class Mute(Exception):\n    def __str__(self): raise ValueError\n"
    "def g(x):\n    yield 1\n    raise LookupError\n"
)


@pytest.mark.parametrize("case", EXCEPTIONS)
def test_exceptions(judge, case: str) -> None:
    body, name = EXCEPTIONS[case]
    source = f"{OWN}def f(x):\n    if x: return x\n    {body}\n"
    first, second, third = judge.execute(source, 1, 0, 2, limits=LIMITS)
    assert (first, third) == (value(1), value(2))
    assert not second.returned
    assert second.text == name if name else len(second.text) <= 200


def ended(judge, expected, source: str, *inputs: object) -> tuple[Output | None, ...]:
    """The outputs, where calls without end are given up soon: later on a host that is busy."""
    for each_s in (0.2, 2.0, 10.0):
        found = judge.execute(source, *inputs, each_s=each_s)
        if found == expected:
            break
    return found


def test_an_endless_call_costs_no_other(judge) -> None:
    source = "def f(x):\n    while x == 2: pass\n    return x"
    expected = (value(1), TIMEOUT, value(3), value(4))
    assert ended(judge, expected, source, 1, 2, 3, 4) == expected


ENDLESS = {
    "sleep": "__import__('time').sleep(99)",
    "regex": "__import__('re').match('(a+)+$', 'a' * 60 + 'b')",
    "stopped": "__import__('os').kill(0, 19)",
    "deaf": (
        "import signal\n    for n in (14, 15, 24): signal.signal(n, signal.SIG_IGN)\n"
        "    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass"
    ),
    "silent iterator": "return iter(lambda: [0 for _ in iter(int, 1)], 0)",
    "child": "import os\n    os.fork()\n    while True: pass",
}


@pytest.mark.parametrize("case", ENDLESS)
@pytest.mark.usefixtures("unharmed")
def test_calls_without_end(judge, case: str) -> None:
    source = f"def f(x):\n    if x: return x\n    {ENDLESS[case]}\n"
    expected = (value(1), TIMEOUT, value(2))
    assert ended(judge, expected, source, 1, 0, 2) == expected


@pytest.mark.parametrize("of", ["itertools.count()", "itertools.repeat('x' * 10**6)", "E()"])
def test_results_without_end(judge, of: str) -> None:
    source = (
        "import itertools\nclass E:\n    def __iter__(self): yield E(); yield E()\n"
        f"def f(x): return x or {of}"
    )
    first, second, third = ended(judge, (value(1), TIMEOUT, value(2)), source, 1, 0, 2)
    assert (first, third) == (value(1), value(2))
    assert second in (TIMEOUT, other("too long"))


def test_so_many_time_outs_and_no_more(judge) -> None:
    source = "def f(x):\n    while x: pass\n    return x"
    expected = (value(0), TIMEOUT, value(0), TIMEOUT, TIMEOUT, None)
    assert ended(judge, expected, source, 0, 1, 0, 1, 1, 0) == expected
    assert judge.execute(source, 1, 0, timeouts=1, **QUICK) == (TIMEOUT, None)


CRASHES = {
    "exit": ("import os; os._exit(0)", EXITED),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", EXITED),
    "abort": ("import os; os.abort()", EXITED),
    "killed": ("import os; os.kill(os.getpid(), 9)", MEMORY),
    "killed group": ("import os; os.killpg(0, 15)", EXITED),
    "forbidden call": ("import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)", EXITED),
    "another program": ("import os, sys; os.execv(sys.executable, ['x', '-c', '1'])", None),
    "closed channel": ("import os; os.closerange(3, 256)", EXITED),
    "too much CPU": ("import signal, os; os.kill(os.getpid(), signal.SIGXCPU)", TIMEOUT),
}


@pytest.mark.parametrize("case", CRASHES)
@pytest.mark.usefixtures("unharmed")
def test_crashes(judge, case: str) -> None:
    body, expected = CRASHES[case]
    source = f"def f(x):\n    if x: return x\n    {body}\n"
    first, second, third = judge.execute(source, 1, 0, 2, limits=LIMITS)
    assert (first, third) == (value(1), value(2))
    assert not second.returned
    assert expected is None or second == expected


def test_full_memory_is_not_left_to_the_next_call(judge) -> None:
    source = (
        "kept = []\ndef f(x):\n"
        "    while x == 0: kept.append([0] * 10_000)\n    return sum([1] * 10**6)"
    )
    found = judge.execute(source, 1, 0, 2, limits=LIMITS, each_s=20.0)
    assert found == (value(10**6), MEMORY, value(10**6))


@pytest.mark.parametrize("end", ["while True: pass", "os._exit(0)"])
def test_what_a_call_started_ends_with_its_process(judge, end: str) -> None:
    source = (
        "import os, time\ndef size(): return os.path.getsize('/tmp/seen')\ndef f(x):\n"
        "    if x:\n        was = size()\n        time.sleep(0.2)\n        return size() - was\n"
        "    if os.fork() == 0:\n        while True:\n"
        "            with open('/tmp/seen', 'a') as file: file.write('x')\n"
        "    while not os.path.exists('/tmp/seen'): pass\n"
        f"    {end}\n"
    )
    found = judge.execute(source, 0, 1)
    assert not found[0].returned
    assert found[1] == value(0)


def test_so_many_crashes_and_no_more(judge) -> None:
    source = "import os\ndef f(x): os._exit(0)"
    assert judge.execute(source, *range(6)) == (*[EXITED] * 4, None, None)


UNLOADED = {
    "syntax": "def f(x) return x",
    "import": "import nothing_of_that_name\ndef f(x): return x",
    "exception": "def f(x): return x\n1 / 0",
    "exit": "def f(x): return x\nraise SystemExit",
    "hard exit": "import os\ndef f(x): return x\nos._exit(0)",
    "reads": "def f(x): return x\ninput()",
    "endless": "def f(x): return x\nwhile True: pass",
    "other name": "def g(x): return x",
    "nothing": "",
    "too many brackets": "x = (" * 500,
    "no function": "f = 4",
}


@pytest.mark.parametrize("case", UNLOADED)
def test_what_does_not_load_has_no_outputs(judge, case: str) -> None:
    limits = Limits(wall_s=1.0) if case == "endless" else LIMITS
    assert judge.execute(UNLOADED[case], 1, 2, limits=limits) == (None, None)


def test_what_loads_only_once_keeps_its_outputs(judge) -> None:
    source = (
        "import os\nif os.path.exists('/tmp/seen'): raise SystemExit\nopen('/tmp/seen', 'w')\n"
        "def f(x): return x or os._exit(0)"
    )
    assert judge.execute(source, 1, 0, 2) == (value(1), EXITED, None)


WAYS = (
    "class Solution:\n"
    "    def __init__(self): self.seen = []\n"
    "    def f(self, x):\n        self.seen.append(x)\n        return self.seen\n"
    "    @staticmethod\n    def s(x): return -x\n"
    "    async def a(self, x): return x\n"
    "def make(): return Solution()\n"
)


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("Solution().f", ([1], [2])),
        ("make().f", ([1], [2])),
        ("Solution.s", (-1, -2)),
        ("Solution().a", (1, 2)),
    ],
)
def test_methods(judge, way: str, expected: tuple[object, ...]) -> None:
    found = judge.execute(WAYS, 1, 2, entry_point=way)
    assert found == tuple(map(value, expected))


@pytest.mark.parametrize("way", ["Solution().g", "Solution().f.g", "Other().f", "make.f"])
def test_methods_that_are_missing(judge, way: str) -> None:
    assert judge.execute(WAYS, 1, 2, entry_point=way) == (None, None)


def test_a_header_stands_before_the_program(judge) -> None:
    header = "import math\ndef helper(x): return x + 1\n"
    source = "from __future__ import annotations\ndef f(x: Nowhere): return math.floor(helper(x))"
    assert judge.execute(source, 1.5, header=header) == (value(2),)


def test_arguments_keep_their_types_and_are_made_anew(judge) -> None:
    shared = [1]
    same = Arguments((shared, shared), {"end": (1, {2}, frozenset(), b"x", 1j, {(1,): None})})
    source = (
        "def f(a, b, *, end):\n"
        "    was = repr((a, b, end)), a is b\n"
        "    a.append(2); end[1].clear(); end[5].clear()\n"
        "    return was"
    )
    text = "([1], [1], (1, {2}, frozenset(), b'x', 1j, {(1,): None}))"
    assert judge.execute(source, same, same) == (value((text, True)),) * 2


def test_what_is_printed_and_read_is_nothing(judge) -> None:
    source = (
        "import sys\ndef f(x):\n    for stream in (sys.stdout, sys.stderr):\n"
        "        for _ in range(x): stream.write('x' * 2**20)\n"
        "    try: input()\n    except EOFError: return sys.stdin.read()"
    )
    found = judge.execute(source, 1, 100, 2, limits=LIMITS, each_s=20.0)
    assert found == (value(""),) * 3


def test_results_above_the_limit_are_too_long(judge) -> None:
    source = "def f(x): return 'x' * x"
    limits = Limits(output_bytes=10_000)
    found = judge.execute(source, 9_000, 11_000, 5, limits=limits)
    assert found == (value("x" * 9_000), other("too long"), value("x" * 5))


def test_all_calls_together_have_a_bound(judge) -> None:
    limits = Limits(total_s=1.5, wall_s=30.0)
    found = judge.execute(
        "import time\ndef f(x):\n    time.sleep(0.5)\n    return x", *range(9), limits=limits
    )
    ran = [one for one in found if one is not None]
    assert 1 <= len(ran) < 4
    assert found == (*map(value, range(len(ran))), *[None] * (9 - len(ran)))


LIES = {
    "class": ("class L:\n    __class__ = int\ndef f(x): return L()", "<L>"),
    "repr": ("class L:\n    def __repr__(self): return '5'\ndef f(x): return L()", "<L 5>"),
    "repr is no text": ("class L:\n    def __repr__(self): return 5\ndef f(x): return L()", "<L>"),
    "repr fails": ("class L:\n    def __repr__(self): 1 / 0\ndef f(x): return L()", "<L>"),
    "address": (
        (
            "class L:\n    def __repr__(self): return 'an ' + object.__repr__(self)\n"
            "def f(x): return [L(), f]"
        ),
        "[<L an <solution.L object>>, <function <function f>>]",
    ),
    "int": (
        (
            "class L(int):\n    def __eq__(self, o): return True\n    __repr__ = lambda self: '5'\n"
            "    __int__ = __index__ = lambda self: 5\ndef f(x): return L(3)"
        ),
        "3",
    ),
    "text": ("class L(str):\n    def __str__(self): return 'b'\ndef f(x): return L('a')", '"a"'),
    "list": (
        "class L(list):\n    def __iter__(self): return iter([1])\ndef f(x): return L([3])",
        "[3]",
    ),
    "name": ("def f(x): return type('1>, <2', (), {})()", "<1>, <2>"),
}


@pytest.mark.parametrize("case", LIES)
def test_lies(judge, case: str) -> None:
    source, text = LIES[case]
    assert judge.execute(source, 1, 2) == (Output(text, returned=True),) * 2


FORGE = """
import os, json, struct
def write(data):
    for fd in range(3, 256):
        try: os.write(fd, data)
        except OSError: pass
def forge(*bodies):
    for body in bodies: write(struct.pack('<I', len(body)) + body)
def each(frame): return json.dumps(frame).encode()
"""
FRAMES = {
    "other number": "each({'id': 99, 'value': 1})",
    "no value": "each({'id': 4, 'value': ['x', 1]})",
    "both": "each({'id': 4, 'value': 1, 'raised': {'kind': 'ValueError'}})",
    "raised nothing": "each({'id': 4, 'raised': 5})",
    "no name": "each({'id': 4, 'raised': {'kind': [1]}})",
    "outcome": "each({'status': 'passed', 'outputs': [['1', True]] * 9})",
    "no object": "b'[1]'",
    "no JSON": "b'\\xff' * 40",
    "not a number": 'b\'{"id": 4, "value": NaN}\'',
    "deep": "b'{\"id\": 4, \"value\":' + b'[' * 100000 + b']' * 100000 + b'}'",
    "deep value": "b'{\"id\": 4, \"value\":' + b'[\"l\", [' * 400 + b']]' * 400 + b'}'",
    "huge integer": "b'{\"id\": 4, \"value\": ' + b'9' * 5000 + b'}'",
    "question": "each({'id': 4, 'ask': 'get', 'on': 0, 'value': [], 'changed': [], 'classes': []})",
    "malformed question": "each({'id': 4, 'ask': 5})",
}


@pytest.mark.parametrize("case", FRAMES)
@pytest.mark.usefixtures("unharmed")
def test_forged_answers_are_no_results(judge, case: str) -> None:
    source = f"{FORGE}def f(x):\n    if x: return x\n    forge({FRAMES[case]})\n    return 7\n"
    first, second, third = judge.execute(source, 1, 0, 2, limits=LIMITS)
    assert (first, third) == (value(1), value(2))
    assert second == EXITED


@pytest.mark.parametrize(
    "body",
    [
        "forge(*(each({'id': n, 'value': 5}) for n in range(9)))",
        "write(struct.pack('<I', 2**31)[:3])",
        "write(struct.pack('<I', 2**31))",
        "forge(b'x' * 10**6)",
        (
            "import threading; threading.Thread("
            "target=lambda: [forge(b'x') for _ in iter(int, 1)], daemon=True).start()"
        ),
        "import sys; [sys._getframe(n).f_locals.clear() for n in range(4)]",
        "import builtins; builtins.isinstance = builtins.len = None",
        "import sys; sys.modules.clear()",
        "import json; json.JSONEncoder.encode = json.JSONDecoder.decode = None",
        "import sys; sys.setrecursionlimit(10)",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))",
        "import os; [os.fork() for _ in range(5)]",
        "import os; os.dup2(0, 3); os.dup2(0, 4); os.dup2(0, 5)",
    ],
)
@pytest.mark.usefixtures("unharmed")
def test_abuse_is_an_output_or_none(judge, body: str) -> None:
    source = f"{FORGE}def f(x):\n    if x != 1: return x\n    {body}\n    return x"
    found = judge.execute(source, *range(4), limits=LIMITS, **QUICK)
    assert len(found) == 4
    assert found[0] == value(0)
    for x in (2, 3):  # what it breaks for itself ends it
        assert found[x] in (value(x), EXITED, TIMEOUT, None)
    found = judge.execute(f"{FORGE}def f(x): return x\n{body}\n", *range(4), limits=LIMITS, **QUICK)
    assert len(found) == 4  # it may be of no use to itself


@pytest.mark.usefixtures("unharmed")
def test_cancelling_leaves_nothing(judge) -> None:
    execution = Execution("def f():\n    while True: pass", "f", (Arguments(),), each_s=60.0)

    async def main() -> None:
        task = asyncio.ensure_future(judge._backend.execute(execution, Limits()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    judge.runner.run(main())
    assert judge.execute("def f(x): return x", 1) == (value(1),)


def test_it_waits_in_the_same_queue() -> None:
    execution = Execution("def f(): return 1", "f", (Arguments(),), each_s=5.0)

    async def main() -> None:
        backend = ProcessBackend(workers=1, queue=1)
        with pytest.raises(SandboxUnavailable):
            await backend.execute(execution, Limits())
        async with backend:
            runs = [backend.execute(execution, Limits()) for _ in range(3)]
            found = await asyncio.gather(*runs, return_exceptions=True)
            assert [type(one) for one in found] == [tuple, tuple, QueueFull]

    asyncio.run(main())
