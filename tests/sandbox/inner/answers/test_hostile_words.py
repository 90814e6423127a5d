"""Programs that speak for themselves on the link, to fail no test or to choose who judges them."""

from __future__ import annotations

from typing import Final

import pytest

from sandbox import Asserts, Call, Calls, Integrity, Limits, Pytest, Status

PATIENT: Final = Limits(wall_s=8.0, cpu_s=4.0)
RAW: Final = """
import os, socket, sys, time
def ours():
    for frame in sys._current_frames().values():
        while frame is not None:
            found = frame.f_locals.get('self')
            if type(found).__name__ == 'Answering': return found
            frame = frame.f_back
def say(cb, *args, thread=0):
    a = ours()
    more = {'thread': thread} if thread else {}
    a._send({'id': a._turns._open, 'ask': 'call', 'on': cb._number, **a._told((args, ())), **more})
def ask(cb, *args, thread=0):
    say(cb, *args, thread=thread)
    return ours()._receive()
class Liar:
    __eq__ = lambda *a: True
    __hash__ = None
def beside(): return 'tests' in sys.modules
"""
"""A program that, beside the tests, would pass all of them."""

SLOW: Final = "import time\ndone = []\ndef cb(x):\n    time.sleep(0.02)\n"
KEEPING: Final = (
    "kept = []\ndef f(cb):\n    for n in (3, 4):\n        try: cb(n); return\n"
    "        except AssertionError as e: kept.append(e)\n"
)
TRIED: Final = (
    "done = []\ndef cb(x):\n    assert x == 4\n    done.append(x)\nf(cb)\nassert done == [4]\n"
)
UNSEEN = {
    "in a thread of whose end nobody asks": (
        (
            f"{RAW}def f(cb):\n    for n in range(10): ask(cb, n, thread=1000 + n)\n"
            "    time.sleep(0.2)"
        ),
        f"{SLOW}    assert x == 4\n    done.append(x)\nf(cb)\nassert done == [4]",
    ),
    "kept, and raised where any exception will do": (
        f"{KEEPING}def g(): raise kept.pop()",
        f"{TRIED}try: g()\nexcept Exception: pass",
    ),
    "kept, and a cause of what the tests expect": (
        f"{KEEPING}def g(): raise ValueError from ExceptionGroup('x', kept)",
        f"{TRIED}try: g()\nexcept ValueError: pass",
    ),
    "kept, and raised by what is awaited": (
        f"{KEEPING}async def g(): raise kept.pop()",
        f"import asyncio\n{TRIED}try: asyncio.run(g())\nexcept Exception: pass",
    ),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_an_assertion_that_fails_counts_whoever_hears_of_it(judge, name: str) -> None:
    source, code = UNSEEN[name]
    report = judge(source, Asserts(code, "f"), PATIENT)
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report
    waits = "async " if "asyncio" in code else ""
    right = f"def f(cb): cb(4)\n{waits}def g(): raise ValueError"
    assert judge(right, Asserts(code, "f"), PATIENT).status is Status.PASSED


MEANT = {
    "a result that is asked for later": (
        (
            "from concurrent.futures import ThreadPoolExecutor\n"
            "def f(g): return ThreadPoolExecutor(1).submit(g)"
        ),
        (
            "def bad(): raise AssertionError('meant')\nr = f(bad)\ntry: r.result()\n"
            "except AssertionError as e: assert str(e) == 'meant'\nelse: f(1)"
        ),
    ),
    "a cause in the same call": (
        (
            "class Failed(Exception): pass\ndef f(g):\n    try: g()\n"
            "    except Exception as e: raise Failed from e"
        ),
        "def bad(): assert 0\ntry: f(bad)\nexcept Failed as e: assert e.__cause__ is not None",
    ),
    "what is awaited": (
        (
            "import asyncio\nclass Failed(Exception): pass\nasync def f(g):\n"
            "    await asyncio.sleep(0.001)\n"
            "    try: g()\n    except Exception as e: raise Failed from e"
        ),
        "import asyncio\ndef bad(): assert 0\ntry: asyncio.run(f(bad))\nexcept Failed: pass",
    ),
}


@pytest.mark.parametrize("name", MEANT)
def test_assertions_that_are_meant_to_fail_are_let_through(judge, name: str) -> None:
    source, code = MEANT[name]
    report = judge(source, Asserts(code, "f"), PATIENT)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


CHOOSING = {
    "it ends before the reply": (
        f"{RAW}def f(cb, x):\n    if beside(): return Liar()\n    say(cb, 1)\n    os._exit(0)",
        "import time\nassert f(lambda x: time.sleep(0.1), 2) == 4",
    ),
    "it closes its end before the reply": (
        (
            f"{RAW}def f(cb, x):\n    if beside(): return Liar()\n    say(cb, 1)\n"
            "    ours().stream.channel.shutdown(socket.SHUT_RDWR)\n    time.sleep(1)"
        ),
        "import time\nassert f(lambda x: time.sleep(0.1), 2) == 4",
    ),
    "a timer of it ends it in a callback": (
        (
            f"{RAW}import threading\ndef f(cb, x):\n    if beside(): return Liar()\n"
            "    threading.Timer(0.02, os._exit, (0,)).start(); cb(1)"
        ),
        "import time\nassert f(lambda x: time.sleep(0.2), 2) == 4",
    ),
    "a class of no module": (
        (
            f"{RAW}class K: pass\ndef f(cb, x):\n    if beside(): return Liar()\n"
            "    a = ours(); a._servant._class(K)\n"
            "    a._servant.classes[-1]['known'] = ['os', 'sep.x']\n    cb(K())"
        ),
        "assert f(lambda x: x, 2) == 4",
    ),
    "an object that has no text, in an error of the tests": (
        (
            f"{RAW}class K:\n    def __repr__(self): raise KeyError\n"
            "def f(cb, x):\n    if beside(): return Liar()\n    cb(K())"
        ),
        "table = {1: 2}\nassert f(lambda key: table[key], 2) == 4",
    ),
}


@pytest.mark.parametrize("name", CHOOSING)
def test_no_program_chooses_to_be_beside_the_tests(judge, name: str) -> None:
    source, code = CHOOSING[name]
    report = judge(source, Asserts(code, "f"), PATIENT)
    assert report.integrity is Integrity.ISOLATED, report
    assert report.status in (Status.FAILED, Status.ERROR, Status.FORGED), report


def test_a_program_finds_what_speaks_for_it(judge) -> None:
    """Or none of those here would say a word."""
    source = f"{RAW}import threading\ndef f(cb): return ask(cb, 2)['do'], type(ours()).__name__\n"
    code = "asked = []\nassert f(asked.append) == ('reply', 'Answering') and asked == [2]"
    assert judge(source, Asserts(code, "f")).status is Status.PASSED


DEEPEST: Final = {
    "dict": (145, "{1: v}"),
    "deque": (145, "collections.deque([v])"),
    "short deque": (145, "collections.deque([v], 5)"),
    "default": (145, "collections.defaultdict(int, {1: v})"),
    "chain": (72, "collections.ChainMap({1: v})"),
    "shown": (72, "types.MappingProxyType({1: v})"),
    "items": (72, "{1: v}.items()"),
    "list": (145, "[v]"),
}


@pytest.mark.parametrize(("levels", "around"), DEEPEST.values(), ids=DEEPEST)
def test_no_program_comes_beside_the_tests_by_how_deep_its_values_are(
    judge, levels: int, around: str
) -> None:
    deep = (
        f"{RAW}import collections, types\ndef f(x):\n    if beside(): return Liar()\n"
        f"    v = 1\n    for _ in range({levels}): v = {around}\n    return v"
    )
    module = "from solution import f\ndef test(): assert f(2) == 4"
    for tests in (Asserts("assert f(2) == 4", "f"), Pytest(module)):
        report = judge(deep, tests, PATIENT)
        assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report
        assert "sent" not in report.message


def test_no_word_ends_a_loop_of_the_tests(judge) -> None:
    source = (
        f"{RAW}class K: pass\ndef f(x):\n"
        "    servant = ours()._servant; kind = servant._class(K)\n"
        "    servant.refer = lambda v: ['w', servant._number(v), kind, None, 'list', []]\n"
        "    return K()"
    )
    code = "for got, want in zip(map(f, [2, 3]), [4, 9]): assert got == want"
    report = judge(source, Asserts(code, "f"))
    assert report.status is Status.FORGED, report


def test_a_module_that_tests_import_late_is_no_text_of_the_program(judge) -> None:
    source = (
        f"{RAW}DATA = [bytes(8), 'return', 'import']\ndef f(x): return Liar() if beside() else 5"
    )
    tests = Asserts("assert DATA[0] == bytes(8)\nimport wave, sndhdr\nassert f(2) == 4", "f")
    report = judge(source, tests)
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report


LIMITED: Final = """import signal
class limit:
    def __enter__(self):
        def late(*_): raise TimeoutError('late')
        signal.signal(signal.SIGALRM, late); signal.setitimer(signal.ITIMER_REAL, 0.2)
    def __exit__(self, *_): signal.setitimer(signal.ITIMER_REAL, 0)
with limit(): got = f(2)
assert got == 4
"""


def test_no_slow_program_comes_beside_tests_that_interrupt_it(judge) -> None:
    slow = f"{RAW}def f(x):\n    if beside(): return Liar()\n    time.sleep(1)"
    threads = slow.replace("    time.sleep", "    start(time.sleep, (1,)); time.sleep")
    threads = f"from _thread import start_new_thread as start\n{threads}"
    for source in (slow, threads):
        report = judge(source, Asserts(LIMITED, "f"), PATIENT)
        assert (report.status, report.integrity) == (Status.FAILED, Integrity.ISOLATED), report
    expecting = LIMITED.replace("with limit(): got = f(2)\nassert got == 4", "got = 0")
    expecting += "try:\n    with limit(): f(2)\nexcept TimeoutError: got = 4\nassert got == 4\n"
    report = judge("import time\ndef f(x): time.sleep(2)", Asserts(expecting, "f"), PATIENT)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


TEXTLESS: Final = "class K:\n    def __repr__(self): raise KeyError\ndef f(x): return K()"


@pytest.mark.parametrize(
    "code",
    ["assert {4: 'ok'}[f(2)] == 'ok'", "r = f(2)\nassert 1 == 2, r", "raise ValueError(f(2))"],
)
def test_an_error_without_a_text_is_a_failure_of_the_program(judge, code: str) -> None:
    body = code.replace("\n", "\n    ")
    for tests in (
        Asserts(code, "f"),
        Pytest(f"from solution import f\ndef test():\n    {body}"),
    ):
        report = judge(TEXTLESS, tests, PATIENT)
        assert report.status in (Status.FAILED, Status.ERROR), report
        assert report.integrity is Integrity.ISOLATED, report


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (
            "want = False\ndef f(x):\n    global want\n    want = not want\n    return want",
            (
                "want = True\nassert f(2) == want\nwant = False\nassert f(4) == want\n"
                "want = True\nassert f(5) == want\nwant = True\nassert f(5) == want"
            ),
        ),
    ],
)
def test_what_the_tests_bind_is_theirs_even_where_it_is_alike(
    judge, source: str, code: str
) -> None:
    report = judge(source, Asserts(code, "f"))
    assert report.status is Status.FAILED, report


def test_a_set_with_equal_members_is_none(judge) -> None:
    source = (
        f"{RAW}def f(x):\n    a = ours()\n"
        "    a._send({'id': a._turns._open, 'value': ['s', x]}); time.sleep(2)"
    )
    report = judge(source, Calls("f", (Call(([3, 1, 2, 2],), [1, 2, 2, 3]),)))
    assert report.status in (Status.FAILED, Status.FORGED), report


@pytest.mark.parametrize(("steps", "lengths"), [([-(2**63)], [3]), ([2**62], [5])])
@pytest.mark.usefixtures("with_numpy")
def test_no_part_of_an_array_lies_elsewhere_in_the_process_of_the_tests(
    judge, steps: list[int], lengths: list[int]
) -> None:
    part = (
        "['NP', n + 1, ['N', n, '00' * 64, '<i8', True, True, 8], "
        f"'ndarray', True, 0, {steps}, {lengths}]"
    )
    source = (
        f"{RAW}def f(x):\n    a = ours()\n    n = a._containers.next\n"
        f"    told = {{'value': ['t', [{part}, ['t', []]]], 'changed': [], 'classes': []}}\n"
        "    a._send({'id': a._turns._open, **told}); time.sleep(2)"
    )
    report = judge(source, Asserts("import numpy\nassert f(2).tolist() == [1]", "f"), PATIENT)
    assert report.status is Status.FORGED, report


SAYING = [
    (
        "def f(cb): cb(int(repr(cb).rstrip(')').split(',')[-1]))",
        "functools.partial(check, 4)",
    ),
    (
        "def f(cb): cb(int(f'{cb}'.rstrip(')').split(',')[-1]))",
        "functools.partial(check, 4)",
    ),
    (
        "import re\ndef f(cb): cb(int(re.search('want=([0-9]+)', repr(cb)).group(1)))",
        "Checks(4).check",
    ),
]


@pytest.mark.parametrize(("source", "given"), SAYING)
def test_no_text_says_what_something_that_is_called_holds(judge, source: str, given: str) -> None:
    code = (
        "import functools\nfrom dataclasses import dataclass\nseen = []\n"
        "def check(want, got):\n    assert got == want\n    seen.append(got)\n"
        "@dataclass\nclass Checks:\n    want: int\n"
        "    def check(self, got): check(self.want, got)\n"
        f"f({given})\nassert seen"
    )
    report = judge(source, Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


def test_no_function_of_the_tests_takes_another_apart_for_the_program(judge) -> None:
    code = (
        "def check(v): return v == 12345\ndef get(o, name): return getattr(o, name)\n"
        "assert f(get, check) == 12345"
    )
    for source in (
        "def f(get, x): return get(get(x, '__code__'), 'co_consts')[1]",
        "def f(get, x): return get(x, '__code__').co_consts[1]",
    ):
        report = judge(source, Asserts(code, "f"))
        assert report.status in (Status.FORGED, Status.FAILED), report


MEMO: Final = """
import functools
def f(fn):
    cache = {}
    @functools.wraps(fn)
    def inner(n):
        if n not in cache: cache[n] = fn(n)
        return cache[n]
    return inner
"""


@pytest.mark.parametrize("most", [100, 300])
def test_calls_may_go_back_and_forth_as_deep_as_in_one_process(judge, most: int) -> None:
    code = (
        "@f\ndef total(n): return n + total(n - 1) if n else 0\n"
        f"assert total({most}) == {most * (most + 1) // 2}\n"
    )
    report = judge(MEMO, Asserts(code, "f"), PATIENT)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def test_calls_without_end_are_an_error(judge) -> None:
    for source in (
        "def f(cb, n): return cb(n + 1)",
        "def f(cb, n):\n    try: return cb(n + 1)\n    except BaseException: return 4",
    ):
        code = "def cb(n): return f(cb, n)\nassert f(cb, 1) == 5"
        assert judge(source, Asserts(code, "f"), PATIENT).status is Status.ERROR


def test_what_cannot_be_called_is_no_fault_of_the_tests(judge) -> None:
    for source in ("f = object()", "class K: pass\nf = K()", "f = [lambda x: 4]"):
        report = judge(source, Asserts("assert f(2) == 4", "f"))
        assert report.status in (Status.FAILED, Status.ERROR), report


@pytest.mark.parametrize("tests", ["assert f({}) == {}", "assert f([1, 2]) == 3"])
def test_a_class_of_the_library_is_a_program_as_any_other(judge, tests: str) -> None:
    for given in (
        Asserts(tests, "f"),
        Pytest(f"from solution import f\ndef test(): {tests}"),
    ):
        for source in ("f = dict", "f = int", "f = KeyError"):
            report = judge(source, given)
            right = source == "f = dict" and "{}" in tests
            assert (report.status is Status.PASSED) == right, report
            assert report.status is not Status.INTERNAL_ERROR, report


@pytest.mark.parametrize(
    "wish",
    [
        "class O: pass\n    m.mock_add_spec(O())",
        "m.mock_calls; m.call_args; m.call_args_list",
        "v = ()\n    for _ in range(146): v = (v,)\n    m(v); m.call_args; m.mock_calls[0]",
    ],
    ids=["looks", "calls", "depth"],
)
def test_no_wish_to_a_mock_brings_a_program_beside_the_tests(judge, wish: str) -> None:
    source = f"{RAW}def f(m, x):\n    if beside(): return Liar()\n    {wish}\n    return 0"
    code = "from unittest.mock import Mock\nassert f(Mock(), 2) == 4"
    report = judge(source, Asserts(code, "f"), PATIENT)
    assert report.integrity is Integrity.ISOLATED, report
    assert report.status in (Status.FAILED, Status.ERROR), report
