"""Coroutines of the program in an event loop of the tests: as if both were in one process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox import Asserts, Integrity, Limits, Status
from sandbox.codec import CannotCross
from sandbox.inner.given.guests import Guests
from sandbox.inner.remote.awaits import LoopsOfTests

HEAD = "import asyncio, contextlib\n"
GENERATOR = """
async def f(n):
    try:
        for i in range(n):
            await asyncio.sleep(0)
            yield i
    finally: log.append('closed')
async def echo():
    got = None
    while True: got = yield got
log = []
"""
TICKER = """
class f:
    def __init__(self, n): self.n, self.i = n, 0
    def __aiter__(self): return self
    async def __anext__(self):
        await asyncio.sleep(0)
        if self.i >= self.n: raise StopAsyncIteration
        self.i += 1
        return self.i
"""
MANAGER = """
log = []
class f:
    async def __aenter__(self): await asyncio.sleep(0); log.append('open'); return self
    async def __aexit__(self, kind, *rest): log.append(kind and kind.__name__)
@contextlib.asynccontextmanager
async def g(x):
    log.append(x)
    try: yield x + 1
    except KeyError: log.append('caught')
    finally: log.append('end')
"""
CHANNEL = """
class f:
    def __init__(self): self.q = asyncio.Queue(1)
    async def send(self, x): await self.q.put(x)
    async def recv(self): return await self.q.get()
"""
WORKER = """
class f:
    def __init__(self): self.seen, self.q = [], asyncio.Queue()
    async def start(self): self.task = asyncio.create_task(self.work())
    async def work(self):
        try:
            while True: self.seen.append(await self.q.get())
        except asyncio.CancelledError:
            self.seen.append('end'); raise
    def give(self, x): self.q.put_nowait(x)
    async def stop(self):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError): await self.task
    def soon(self, x): return asyncio.create_task(self.later(x))
    async def later(self, x): await asyncio.sleep(0.01); return x
"""
ORDER = """
log = []
async def f(n, turns):
    for i in range(turns):
        log.append((n, i))
        await asyncio.sleep(0)
    return n
"""
BOUND = """
class f:
    def __init__(self, n): self.s, self.now, self.most = asyncio.Semaphore(n), 0, 0
    async def run(self, x):
        async with self.s:
            self.now += 1; self.most = max(self.most, self.now)
            await asyncio.sleep(0.005)
            self.now -= 1
            return x
"""
SLOW = """
log = []
async def f(s):
    try: await asyncio.sleep(s)
    except asyncio.CancelledError: log.append('cancelled'); raise
    return s
async def stubborn():
    try: await asyncio.sleep(5)
    except asyncio.CancelledError: await asyncio.sleep(0); return 'no'
"""
AWAITABLE = """
class f:
    def __init__(self, x): self.x = x
    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return self.x
"""
WORKS = [
    (GENERATOR, "assert [x async for x in f(3)] == [0, 1, 2] and log == ['closed']"),
    (
        GENERATOR,
        (
            "g = f(5)\n    assert await anext(g) == 0 and await g.__anext__() == 1\n"
            "    await g.aclose()\n    assert log == ['closed'] and await anext(g, 0) == 0"
        ),
    ),
    (
        GENERATOR,
        "g = echo()\n    await g.asend(None)\n    assert await g.asend(5) == 5",
    ),
    (TICKER, "assert [x async for x in f(3)] == [1, 2, 3] and [x async for x in f(0)] == []"),
    (
        TICKER,
        (
            "t = f(1)\n    assert await anext(t) == 1\n    try: await anext(t)\n"
            "    except StopAsyncIteration: return\n    assert False"
        ),
    ),
    (
        MANAGER,
        (
            "async with f() as d: assert isinstance(d, f) and log == ['open']\n"
            "    assert log == ['open', None]\n    try:\n        async with f(): raise KeyError\n"
            "    except KeyError: pass\n    assert log[2:] == ['open', 'KeyError']"
        ),
    ),
    (
        MANAGER,
        (
            "async with g(1) as x: assert x == 2\n    assert log == [1, 'end']\n"
            "    try:\n        async with g(2): [][0]\n    except IndexError: log.append(3)\n"
            "    assert log[2:] == [2, 'end', 3]"
        ),
    ),
    (
        CHANNEL,
        (
            "c = f()\n    async def produce():\n        for x in range(5): await c.send(x)\n"
            "    t = asyncio.create_task(produce())\n"
            "    assert [await c.recv() for _ in range(5)] == [0, 1, 2, 3, 4]\n    await t"
        ),
    ),
    (CHANNEL, "c = f()\n    assert await asyncio.gather(c.recv(), c.send(7)) == [7, None]"),
    (
        WORKER,
        (
            "w = f()\n    await w.start()\n    w.give(1)\n    await asyncio.sleep(0)\n"
            "    assert w.seen == [1]\n    w.give(2)\n    await asyncio.sleep(0.01)\n"
            "    await w.stop()\n    assert w.seen == [1, 2, 'end']"
        ),
    ),
    (
        WORKER,
        "w = f()\n    t = w.soon(3)\n    assert not t.done() and await t == 3 and t.result() == 3",
    ),
    (
        ORDER,
        (
            "assert await asyncio.gather(f('a', 3), f('b', 2)) == ['a', 'b']\n"
            "    assert log == [('a', 0), ('b', 0), ('a', 1), ('b', 1), ('a', 2)]"
        ),
    ),
    (
        ORDER,
        (
            "mine = []\n    async def own():\n        for _ in range(3):\n"
            "            mine.append(len(log))\n            await asyncio.sleep(0)\n"
            "    await asyncio.gather(f('a', 3), own())\n    assert mine == [1, 2, 3]"
        ),
    ),
    (
        BOUND,
        (
            "b = f(2)\n    assert await asyncio.gather(*map(b.run, range(6))) == [*range(6)]\n"
            "    assert b.most == 2"
        ),
    ),
    (
        SLOW,
        (
            "try: await asyncio.wait_for(f(30), 0.02)\n"
            "    except asyncio.TimeoutError: assert log == ['cancelled']\n    else: assert False"
        ),
    ),
    (
        SLOW,
        (
            "t = asyncio.create_task(f(30))\n    await asyncio.sleep(0)\n    t.cancel()\n"
            "    assert isinstance((await asyncio.gather(t, return_exceptions=True))[0], "
            "asyncio.CancelledError)\n    assert t.cancelled() and log == ['cancelled']"
        ),
    ),
    (
        SLOW,
        (
            "t = asyncio.create_task(stubborn())\n    await asyncio.sleep(0)\n    t.cancel()\n"
            "    assert await t == 'no'"
        ),
    ),
    (
        SLOW,
        (
            "import time\n    start = time.monotonic()\n    async with asyncio.TaskGroup() as g:\n"
            "        ts = [g.create_task(f(1)) for _ in range(16)]\n"
            "    assert [t.result() for t in ts] == [1] * 16 and time.monotonic() - start < 15"
        ),
    ),
    (AWAITABLE, "assert await f(4) == 4 and await asyncio.gather(f(1), f(2)) == [1, 2]"),
    (
        "async def f(x): raise KeyError(x)",
        "try: await f(1)\n    except KeyError as e: assert e.args == (1,)\n    else: assert False",
    ),
    (
        "async def f(x):\n    await asyncio.sleep(0)\n    raise KeyError(x)",
        (
            "a, b = await asyncio.gather(f(1), f(2), return_exceptions=True)\n"
            "    assert (a.args, b.args) == ((1,), (2,))"
        ),
    ),
    ("async def f(g): return g(1) + 1", "assert await f(lambda x: 10 * x) == 11"),
    (
        (
            "async def f(xs):\n    for i in range(3):\n        await asyncio.sleep(0)\n"
            "        xs.append(i)"
        ),
        "xs = []\n    await f(xs)\n    assert xs == [0, 1, 2]",
    ),
]


@pytest.mark.parametrize(("source", "body"), WORKS)
def test_coroutines_of_both_sides_go_on_together(judge, source: str, body: str) -> None:
    code = f"{HEAD}async def main():\n    {body}\nasyncio.run(main())\nasyncio.run(main())"
    if "log" in body:
        code = code.rpartition("\n")[0]
    report = judge(HEAD + source, Asserts(code, "f"), Limits(wall_s=5.0))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


WRONG = [
    ("async def f(n): return\n", "assert await f(1) == 1", Status.FAILED),
    ("async def f(n):\n    if n: return\n    yield", "assert [x async for x in f(1)] == [0]", None),
    ("async def f(n): await asyncio.Queue().get()", "assert await f(1)", Status.TIMEOUT),
    ("async def f(n): raise asyncio.CancelledError", "await f(1)", Status.ERROR),
    (
        "async def f(n):\n    await asyncio.sleep(0)\n    raise asyncio.CancelledError",
        "r = await asyncio.gather(f(1), return_exceptions=True)\n    assert r == [1]",
        Status.FAILED,
    ),
    ("async def f(n): raise StopAsyncIteration", "await f(1)", Status.ERROR),
    (
        "async def f(n):\n    await asyncio.sleep(0)\n    raise SystemExit",
        "await f(1)",
        Status.ERROR,
    ),
    (
        "async def f(n):\n    await asyncio.sleep(0)\n    import os\n    os._exit(0)",
        "await f(1)",
        None,
    ),
    ("async def f(n):\n    while True: await asyncio.sleep(0)", "await f(1)", Status.TIMEOUT),
    (
        (
            "class f:\n    def __init__(self, n): pass\n    async def __aenter__(self): return 1\n"
            "    async def __aexit__(self, *a): return True"
        ),
        "async with f(1) as x: assert x == 2",
        Status.FAILED,
    ),
]


@pytest.mark.parametrize(("source", "body", "status"), WRONG)
def test_no_loop_of_the_tests_ends_well_for_a_wrong_program(
    judge, source: str, body: str, status: Status | None
) -> None:
    code = f"{HEAD}async def main():\n    {body}\nasyncio.run(main())"
    hasty, limits = status is Status.TIMEOUT, Limits(wall_s=3.0, cpu_s=3.0)
    report = judge(HEAD + source, Asserts(code, "f"), limits, hasty=hasty)
    assert report.status in ({status} if status else {Status.FAILED, Status.ERROR}), report


HANDED = [
    "asyncio.Lock()",
    "g()",
    "asyncio.ensure_future(asyncio.sleep(0))",
    "K()",
]


@pytest.mark.parametrize("given", HANDED)
def test_what_is_awaited_of_the_tests_own_needs_one_process(judge, given: str) -> None:
    source = f"{HEAD}async def f(o): return 1\n"
    own = "class K:\n    async def __aenter__(self): pass\nasync def g(): yield 1\n"
    code = f"{HEAD}{own}async def main(): assert await f({given}) == 1\nasyncio.run(main())"
    report = judge(source, Asserts(code, "f"), Limits(wall_s=5.0))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


class Manager:
    """An object of the tests."""

    async def __aenter__(self) -> None:
        """Do nothing."""


def test_what_is_awaited_of_the_tests_own_does_not_cross() -> None:
    for value in (Manager(), asyncio.Lock()):
        with pytest.raises(CannotCross):
            Guests().refer(value)


class Answers:
    """Gives what a candidate might say to the questions of a loop."""

    questions = 0

    def __init__(self, begun: Any, turned: Any) -> None:
        self.answers = {"begin": begun, "turn": turned, "result": 5, "cancel": None}
        self.loops = LoopsOfTests(self)  # type: ignore[arg-type]

    def ask_object(self, ask: str, _on: int, _args: Any, _kwargs: Any) -> Any:
        self.loops.told(ask)
        return self.answers[ask]

    def candidates_error(self, error: BaseException) -> BaseException:
        return error


@pytest.mark.parametrize(
    "turned",
    [
        *(None, 5, (), (0,), (0, 1), (-1, []), (float("nan"), []), ("0", []), (0, [1])),
        *((0, [()]), (0, [(1, 2, 3)]), [0, []]),
    ],
)
def test_what_is_no_turn_of_a_loop_ends_the_waiting(turned: Any) -> None:
    async def main() -> None:
        await Answers((3, None), turned).loops.awaited(0, "__await__", ())

    with pytest.raises(TypeError):
        asyncio.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize("begun", [None, 5, (), (None,), ("a", None), (3, 4), [None, 1]])
def test_what_is_no_start_of_a_coroutine_is_refused(begun: Any) -> None:
    async def main() -> None:
        await Answers(begun, (None, [])).loops.awaited(0, "__await__", ())

    with pytest.raises(TypeError):
        asyncio.run(main())


@pytest.mark.parametrize("done", [[(3, True)], [([], False), (9, True), (3, 1)]])
def test_who_was_not_cancelled_by_the_tests_is_asked_for_its_result(done: Any) -> None:
    async def main() -> Any:
        return await Answers((3, None), (0, done)).loops.awaited(0, "__await__", ())

    assert asyncio.run(main()) == 5
