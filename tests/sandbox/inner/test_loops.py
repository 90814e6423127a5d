"""Coroutines of the solution: awaited one after the other, or side by side."""

from __future__ import annotations

from textwrap import indent

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status

SOURCE = """
import asyncio, contextlib
class Worker:
    def __init__(self):
        self.queue, self.done, self.ended, self.ticks = asyncio.Queue(), [], False, 0
    def start(self): self.task = asyncio.create_task(self.run())
    async def begin(self): self.start()
    async def run(self):
        try:
            while True:
                self.done.append(await self.queue.get())
                self.queue.task_done()
        finally:
            self.ended = True
    async def put(self, x): await self.queue.put(x)
    async def get(self): return await self.queue.get()
    async def join(self): await self.queue.join()
    async def stop(self):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError): await self.task
    async def same(self, x): return x
    async def slow(self): await asyncio.sleep(2)
    async def late(self): await asyncio.wait_for(self.slow(), 0.01)
    async def fail(self): raise KeyError("k")
    def future(self):
        found = asyncio.get_running_loop().create_future()
        found.set_result(7)
        return found
    def tick(self, n): self.ticks += n
    async def many(self):
        while True:
            self.ticks += 1
            await asyncio.sleep(0.001)
    async def tick_on(self): self.task = asyncio.create_task(self.many())
async def count(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i
class Door:
    def __init__(self): self.lock, self.log = asyncio.Lock(), []
    async def __aenter__(self):
        await self.lock.acquire()
        return self
    async def __aexit__(self, kind, error, trace):
        self.lock.release()
        self.log.append(kind and kind.__name__)
        return kind is ValueError
@contextlib.asynccontextmanager
async def one_more(x): yield x + 1
class Soon:
    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return 5
"""
ONE_AFTER_THE_OTHER = [
    "w.start()\nawait w.put(1)\nawait w.join()\nassert w.done == [1]",
    "w.start()\nawait w.join()\nawait w.stop()\nassert w.ended",
    "await w.begin()\nawait w.put(1)\nawait w.join()\nassert w.done == [1] and not w.ended",
    "with pytest.raises(asyncio.TimeoutError): await w.late()",
    "with pytest.raises(KeyError, match='k'): await w.fail()",
    "assert await w.future() == 7 and await Soon() == 5",
    "assert [x async for x in count(3)] == [0, 1, 2]",
    "g = count(1)\nassert await anext(g) == 0 and await anext(g, 'end') == 'end'",
    "g = count(3)\nawait g.__anext__()\nawait g.aclose()\nassert [x async for x in g] == []",
    "d = Door()\nasync with d as e: assert e is d and d.lock.locked()\nassert d.log == [None]",
    (
        "d = Door()\nwith pytest.raises(KeyError):\n    async with d: {}['x']\n"
        "assert d.log == ['KeyError']"
    ),
    "async with one_more(1) as x: assert x == 2",
]
SIDE_BY_SIDE = [
    "await asyncio.sleep(0.01)\nassert await w.same([3]) == [3]",
    "assert await asyncio.gather(w.same(1), w.same(2)) == [1, 2]",
    "assert await asyncio.gather(w.get(), w.put(5)) == [5, None]",
    "await w.tick_on()\nawait asyncio.sleep(0.1)\nassert w.ticks > 3",
    "with pytest.raises(asyncio.TimeoutError): await asyncio.wait_for(w.slow(), 0.01)",
    "with pytest.raises(TimeoutError):\n    async with asyncio.timeout(0.01): await w.slow()",
    "async with asyncio.TaskGroup() as g: t = g.create_task(w.same(4))\nassert t.result() == 4",
    "asyncio.get_running_loop().call_soon(w.tick, 3)\nawait asyncio.sleep(0)\nassert w.ticks == 3",
    "async def own():\n    yield 1\ng = await w.same(own())\nassert [x async for x in g] == [1]",
    "async with Door(): raise ValueError",
]


def awaiting(body: str) -> Asserts:
    code = f"async def main():\n    w = Worker()\n{indent(body, '    ')}\nasyncio.run(main())"
    return Asserts(code, "Worker", "import asyncio, pytest")


@pytest.mark.parametrize("body", ONE_AFTER_THE_OTHER)
def test_what_is_awaited_alone_is_isolated(judge, body: str) -> None:
    report = judge(SOURCE, awaiting(body), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize("body", SIDE_BY_SIDE)
def test_what_runs_beside_the_tests_own_is_shared(judge, body: str) -> None:
    report = judge(SOURCE, awaiting(body), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


def test_a_lock_that_is_missing_is_missed(judge) -> None:
    """One coroutine after the other it would not be."""
    source = (
        "import asyncio\nclass C:\n    def __init__(self): self.n, self.lock = 0, asyncio.Lock()\n"
        "    async def add(self):\n        async with self.lock:\n            n = self.n\n"
        "            await asyncio.sleep(0)\n            self.n = n + 1\n"
    )
    body = "c = C()\nawait asyncio.gather(c.add(), c.add(), c.add())\nassert c.n == 3"
    tests = Asserts(awaiting(body).code.replace("w = Worker()", "0"), "C", "import asyncio")
    assert judge(source, tests, Limits()).status is Status.PASSED
    wrong = source.replace("async with self.lock", "if True")
    assert judge(wrong, tests, Limits()).status is Status.FAILED


@pytest.mark.parametrize(
    "code",
    [
        "assert asyncio.run(w.same(3)) == 3 and asyncio.run(w.same(4)) == 4",
        "c = w.same(3)\ntry: c.send(None)\nexcept StopIteration as e: assert e.value == 3",
        (
            "loop = asyncio.new_event_loop()\nrun = loop.run_until_complete\nrun(w.begin())\n"
            "run(w.put(1))\nrun(w.join())\nassert w.done == [1] and not w.ended\nrun(w.stop())\n"
            "assert w.ended\nloop.close()"
        ),
        (
            "async def main():\n    w.start()\n    await w.put(1)\nasyncio.run(main())\n"
            "assert w.ended, 'what the loop has left is cancelled at its end'"
        ),
    ],
)
def test_a_loop_of_the_solution_lives_as_long_as_the_tests_own(judge, code: str) -> None:
    report = judge(SOURCE, Asserts(f"w = Worker()\n{code}", "Worker", "import asyncio"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


def test_asynchronous_test_cases(judge) -> None:
    module = Pytest(
        "import unittest\nfrom solution import Worker\n"
        "class T(unittest.IsolatedAsyncioTestCase):\n"
        "    def setUp(self): self.w = Worker()\n"
        "    async def asyncSetUp(self): await self.w.begin()\n"
        "    async def test_put(self):\n        await self.w.put(1)\n        await self.w.join()\n"
        "        self.assertEqual(self.w.done, [1])\n"
        "    async def test_fail(self):\n"
        "        with self.assertRaises(KeyError): await self.w.fail()\n"
        "    async def asyncTearDown(self): await self.w.stop()\n"
        "    def tearDown(self): self.assertTrue(self.w.ended)\n"
    )
    report = judge(SOURCE, module, Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    wrong = SOURCE.replace("self.ended = True", "pass")
    assert judge(wrong, module, Limits()).status is Status.FAILED


@pytest.mark.parametrize(
    "source",
    [
        "class W:\n    async def __aexit__(*a): return True\n    async def __aenter__(self): 0",
        "class W:\n    async def __aenter__(self): raise StopAsyncIteration\n    __aexit__ = 0",
    ],
)
def test_no_failed_assertion_is_swallowed(judge, source: str) -> None:
    code = "async def main():\n    async with W(): assert False\nasyncio.run(main())"
    report = judge(source, Asserts(code, "W", "import asyncio"), Limits())
    assert report.status in (Status.FAILED, Status.ERROR), report


def test_an_iterator_that_ends_at_once_gives_nothing(judge) -> None:
    """Its end is an answer, and no loop of the tests ends with an exception of the program."""
    source = (
        "class W:\n    def __aiter__(self): return self\n"
        "    async def __anext__(self): raise {}\n    async def f(self): raise StopAsyncIteration"
    )
    code = (
        "async def main():\n    w = W()\n    got = [await w.f() async for _ in w]\n"
        "    assert got == []\nasyncio.run(main())"
    )
    tests = Asserts(code, "W", "import asyncio")
    assert judge(source.format("StopAsyncIteration"), tests, Limits()).status is Status.PASSED
    assert judge(source.format("StopIteration"), tests, Limits()).status is Status.ERROR
