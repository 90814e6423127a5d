"""Generators of the tests in the program's hands: sent to, thrown into and closed."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Status
from sandbox.codec import CodecError
from sandbox.inner.given.guests import Guests

ECHO = (
    "closed = []\ndef echo():\n    x = 'start'\n    try:\n        while True:\n"
    "            try: x = yield x\n            except ValueError as e: x = f'err {e}'\n"
    "            if x == 'stop': return 'bye'\n    finally: closed.append(True)\n"
)
DRIVE = (
    "KEPT = []\ndef f(gen, values):\n    out = [next(gen)]\n    for v in values:\n        try:\n"
    "            thrown = isinstance(v, Exception)\n"
    "            out.append(gen.throw(v) if thrown else gen.send(v))\n"
    "        except StopIteration as e:\n            out.append(('ret', e.value))\n"
    "            break\n    else: gen.close()\n    return out\n"
)
LOOP = (
    "class Loop:\n    def __init__(self): self.q = []\n    def spawn(self, gen):\n"
    "        def step(v=None):\n            try: got = gen.send(v)\n"
    "            except StopIteration: return\n            self.q.append(lambda: step(got))\n"
    "        self.q.append(step)\n    def run(self):\n        while self.q: self.q.pop(0)()\n"
    "f = Loop\n"
)
TASKS = (
    "log = []\ndef task(n):\n    for i in range(2):\n        log.append((n, i))\n"
    "        assert (yield i) == i\nl = f()\nl.spawn(task('a')); l.spawn(task('b')); l.run()\n"
    "assert log == [('a', 0), ('b', 0), ('a', 1), ('b', 1)]"
)
DRIVEN = [
    (
        DRIVE,
        "else: gen.close()",
        "else: KEPT.append(gen)",
        (
            f"{ECHO}assert f(echo(), [1, ValueError('v'), 2]) == ['start', 1, 'err v', 2]\n"
            "assert closed == [True]"
        ),
    ),
    (
        DRIVE,
        "e.value",
        "e.args",
        f"{ECHO}assert f(echo(), ['stop', 5]) == ['start', ('ret', 'bye')]",
    ),
    (
        DRIVE,
        "gen.throw(v)",
        "str(v)",
        (
            f"{ECHO}try: f(echo(), [KeyError('k')])\n"
            "except KeyError as e: assert e.args == ('k',)\nelse: assert False"
        ),
    ),
    (LOOP, "step(got)", "step(0)", TASKS),
    (LOOP, "pop(0)", "pop()", TASKS),
    (
        "def f(g):\n    r = yield from g\n    yield r",
        "yield from g",
        "yield [*g] and 6",
        (
            "def g():\n    x = yield 1\n    return x\nh = f(g())\nassert next(h) == 1\n"
            "assert [*h] == [None]"
        ),
    ),
    (
        "class Mine(ValueError): pass\ndef f(g):\n    next(g)\n    return g.throw(Mine, 'a')",
        "(Mine, 'a')",
        "(KeyError, 'a')",
        f"{ECHO}assert f(echo()) == 'err a'",
    ),
    (
        (
            "class Mine(OSError): pass\ndef f(g):\n    next(g)\n    own = Mine(3)\n"
            "    try: g.throw(own)\n    except Mine as e: return e is own"
        ),
        "return e is own",
        "return e is not own",
        f"{ECHO}assert f(echo()) is True and closed",
    ),
    (
        "def f(g):\n    next(g)\n    g.close()\n    return next(g, 'over')",
        "g.close()",
        "pass",
        f"{ECHO}assert f(echo()) == 'over'",
    ),
]


@pytest.mark.parametrize(("source", "right", "wrong", "code"), DRIVEN)
def test_a_generator_of_the_tests_is_driven(
    judge, source: str, right: str, wrong: str, code: str
) -> None:
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    assert source.count(right) == 1
    report = judge(source.replace(right, wrong), Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


@pytest.mark.parametrize(
    "way", ["g.throw(ValueError(1))", "g.send(41)", "g.close()", "kept.append(g)"]
)
def test_an_assertion_in_a_generator_is_not_got_round(judge, way: str) -> None:
    source = f"kept = []\ndef f(g):\n    next(g)\n    try: {way}\n    except BaseException: pass"
    code = (
        "seen = []\ndef g():\n    try: seen.append((yield 1))\n"
        "    finally: assert seen == [42]\nf(g())\nassert seen == [42]"
    )
    report = judge(source, Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


def test_an_end_that_was_kept_is_not_thrown_into_a_generator(judge) -> None:
    source = (
        "def f(cb, g):\n    next(g)\n    try: cb()\n    except StopIteration as e: kept = e\n"
        "    try: g.throw(kept)\n    except RuntimeError: return 'refused'"
    )
    code = (
        "it = iter([])\ndef g():\n    for got in map(lambda x: x, [1, 2]): yield got\n"
        "assert f(lambda: next(it), g()) == 'refused'"
    )
    assert judge(source, Asserts(code, "f")).status is Status.PASSED


@pytest.mark.parametrize("name", ["gi_frame", "gi_code", "gi_yieldfrom", "gi_running", "__next__"])
def test_a_generator_shows_nothing(name: str) -> None:
    guests = Guests()
    guests.refer(i for i in [1])
    for named in (name, "send", "throw"):
        with pytest.raises(AttributeError):
            guests.perform("get", 0, (named,), {})


@pytest.mark.parametrize("ask", [("throw", (5,)), ("throw", (ValueError,)), ("gi_frame", ())])
def test_what_no_generator_is_asked_is_refused(ask: tuple[str, tuple[object, ...]]) -> None:
    guests = Guests()
    guests.refer(i for i in [1])
    guests.refer(iter([1]))
    with pytest.raises(CodecError):
        guests.perform(ask[0], 0, ask[1], {})
    with pytest.raises(CodecError):
        guests.perform("close", 1, (), {})
