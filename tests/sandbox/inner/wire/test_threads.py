"""Programs with threads that go on while nothing is asked of them, as one process would have it."""

from typing import Final

import pytest

from sandbox import Asserts, Integrity, Limits, Status

PATIENT: Final = Limits(wall_s=30.0, cpu_s=4.0)
WAIT: Final = (
    "import threading, time\n"
    "def until(done):\n"
    "    end = time.monotonic() + 10\n"
    "    while not done() and time.monotonic() < end: time.sleep(0.01)\n"
    "    return done()\n"
)
DEBOUNCE = """
import threading
def f(wait):
    def wrap(fn):
        timer = None
        def inner(*a):
            nonlocal timer
            if timer: timer.cancel()
            timer = threading.Timer(wait, fn, a)
            timer.start()
        return inner
    return wrap
"""
POOL = """
import threading, queue
class f:
    def __init__(self, n):
        self.q = queue.Queue()
        for _ in range(n): threading.Thread(target=self.run, daemon=True).start()
    def run(self):
        while True:
            fn, a = self.q.get(); fn(*a); self.q.task_done()
    def submit(self, fn, *a): self.q.put((fn, a))
    def join(self): self.q.join()
"""
TOGETHER = """
import threading
def f(fns):
    ts = [threading.Thread(target=g) for g in fns]
    [t.start() for t in ts]
    [t.join() for t in ts]
"""
PUBLISHER = """
import threading
class f:
    def __init__(self): self.lock = threading.RLock(); self.subs = []; self.n = 0
    def on(self, g): self.subs.append(g)
    def size(self):
        with self.lock: return self.n
    def fire(self):
        def go():
            with self.lock:
                self.n += 1
                for g in self.subs: g()
        t = threading.Thread(target=go); t.start(); t.join()
"""
PRODUCER = """
import threading, time
def f(out, n):
    def work():
        for i in range(n):
            time.sleep(0.005); out.append(i)
    threading.Thread(target=work, daemon=True).start()
"""
COUNTER = """
import threading, time
count = 0
def f():
    def work():
        global count
        for _ in range(5):
            time.sleep(0.005); count += 1
    threading.Thread(target=work).start()
"""
STOPPED = """
import threading, time
def f(stop, out):
    def work():
        while not stop: time.sleep(0.005)
        out.append('stopped')
    threading.Thread(target=work, daemon=True).start()
"""
SCHEDULER = """
import threading, time
class f:
    def __init__(self): self.stop = False
    def every(self, s, fn):
        def loop():
            while not self.stop:
                time.sleep(s); fn()
        self.t = threading.Thread(target=loop, daemon=True); self.t.start()
    def end(self): self.stop = True; self.t.join()
"""
ENDLESS = """
import threading
def f(g):
    def go():
        while True: g()
    threading.Thread(target=go, daemon=True).start()
def h(): return 5
"""
LATER = """
import threading
def f(g, *a):
    threading.Timer(0.02, g, a).start()
"""
CAUGHT = """
import threading
def f(g):
    seen = []
    def go():
        try: g()
        except ValueError as e: seen.append(str(e))
    t = threading.Thread(target=go); t.start(); t.join()
    return seen
"""
EXECUTOR = """
import asyncio
async def f(g, xs):
    loop = asyncio.get_running_loop()
    return list(await asyncio.gather(*(loop.run_in_executor(None, g, x) for x in xs)))
"""
AT_IMPORT = """
import threading, queue
todo = queue.Queue()
def work():
    while True: todo.get()()
threading.Thread(target=work, daemon=True).start()
def f(g): todo.put(g)
"""
RIGHT = {
    "a timer": (
        DEBOUNCE,
        (
            "calls = []\nd = f(0.05)(calls.append)\nd(1)\nd(2)\n"
            "assert until(lambda: calls)\nassert calls == [2]"
        ),
    ),
    "an event": (LATER, "e = threading.Event()\nf(e.set)\nassert e.wait(4)"),
    "a queue": (
        LATER,
        "import queue\nq = queue.Queue()\nf(q.put, 1)\nassert q.get(timeout=4) == 1",
    ),
    "a pool": (
        POOL,
        (
            "out = []\np = f(3)\nfor i in range(20): p.submit(out.append, i)\n"
            "p.join()\nassert sorted(out) == list(range(20))"
        ),
    ),
    "callbacks that meet": (
        TOGETHER,
        (
            "b = threading.Barrier(3)\nout = []\n"
            "def g(): out.append(b.wait(4))\nf([g] * 3)\n"
            "assert sorted(out) == [0, 1, 2]"
        ),
    ),
    "threads of their own": (
        TOGETHER,
        (
            "ids = set()\nb = threading.Barrier(4)\n"
            "def g():\n    ids.add(threading.get_ident()); b.wait(4)\n"
            "f([g] * 4)\n"
            "assert len(ids) == 4 and threading.get_ident() not in ids"
        ),
    ),
    "a callback that asks the program": (
        PUBLISHER,
        (
            "seen = []\ns = f()\n"
            "s.on(lambda: seen.append(s.size()))\ns.fire()\n"
            "s.fire()\nassert seen == [1, 2]"
        ),
    ),
    "a list that is filled": (
        PRODUCER,
        "out = []\nf(out, 3)\nassert until(lambda: len(out) == 3)\nassert out == [0, 1, 2]",
    ),
    "a list that is watched": (
        STOPPED,
        (
            "out, stop = [], []\nf(stop, out)\nassert out == []\n"
            "stop.append(1)\nassert until(lambda: out)"
        ),
    ),
    "a list of a class of its own": (
        LATER.replace("def f", "class L(list): pass\ndef make(): return L()\ndef f"),
        "x = make()\nf(x.append, 5)\nassert until(lambda: x)\nassert x == [5]",
    ),
    "a variable": (COUNTER, "f()\nassert until(lambda: count == 5)"),
    "a loop that is ended": (
        SCHEDULER,
        (
            "n = [0]\ndef tick(): n[0] += 1\ns = f()\n"
            "s.every(0.005, tick)\nassert until(lambda: n[0] >= 3)\ns.end()\n"
            "m = n[0]\ntime.sleep(0.05)\nassert n[0] == m"
        ),
    ),
    "a thread that asks without end": (
        ENDLESS,
        (
            "n = [0]\ndef g(): n[0] += 1\nf(g)\n"
            "for _ in range(20): assert h() == 5\n"
            "assert until(lambda: n[0] > 0)"
        ),
    ),
    "an exception": (CAUGHT, "def g(): raise ValueError('no')\nassert f(g) == ['no']"),
    "an executor": (
        EXECUTOR,
        "import asyncio\nassert asyncio.run(f(lambda x: x * 2, [1, 2, 3])) == [2, 4, 6]",
    ),
    "a worker since the import": (AT_IMPORT, "e = threading.Event()\nf(e.set)\nassert e.wait(4)"),
}
BUFFER = """
import threading
class f:
    def __init__(self, cap): self.cap = cap; self.items = []; self.c = threading.Condition()
    def put(self, x):
        with self.c:
            while len(self.items) >= self.cap: self.c.wait()
            self.items.append(x); self.c.notify_all()
    def get(self):
        with self.c:
            while not self.items: self.c.wait()
            x = self.items.pop(0); self.c.notify_all(); return x
"""
READERS = """
import threading
class f:
    def __init__(self): self.n = 0; self.lock = threading.Lock(); self.free = threading.Lock()
    def read(self):
        with self.lock:
            self.n += 1
            if self.n == 1: self.free.acquire()
    def done(self):
        with self.lock:
            self.n -= 1
            if self.n == 0: self.free.release()
    def write(self): self.free.acquire()
"""
FUTURE = """
import threading
class f:
    def __init__(self): self.there = threading.Event(); self.calls = []
    def on(self, g): self.calls.append(g)
    def set(self, x):
        self.x = x; self.there.set()
        for g in self.calls: g(x)
    def result(self, timeout=None):
        if not self.there.wait(timeout): raise TimeoutError
        return self.x
"""
IN_ORDER = """
import threading
class f:
    def __init__(self): self.a, self.b = threading.Semaphore(0), threading.Semaphore(0)
    def first(self, say): say(); self.a.release()
    def second(self, say):
        self.a.acquire(); say(); self.b.release()
    def third(self, say): self.b.acquire(); say()
"""
OWNED = """
import threading
class f:
    def __init__(self): self.lock = threading.RLock(); self.n = 0
    def __enter__(self): self.lock.acquire(); return self
    def __exit__(self, *e): self.lock.release()
    def add(self):
        with self.lock: n = self.n; self.n = n + 1
    def held(self, g):
        with self.lock: return g()
"""
ALARM = """
import signal
def f(seconds, g):
    def late(*_): raise TimeoutError
    signal.signal(signal.SIGALRM, late); signal.setitimer(signal.ITIMER_REAL, seconds)
    try: return g()
    finally: signal.setitimer(signal.ITIMER_REAL, 0)
"""
START = "[t.start() for t in ts]\n[t.join(4) for t in ts]\n"
RIGHT |= {
    "a bounded buffer": (
        BUFFER,
        (
            "q = f(2)\nout = []\nput = lambda: [q.put(i) for i in range(10)]\n"
            "get = lambda: [out.append(q.get()) for _ in range(10)]\n"
            f"ts = [threading.Thread(target=g) for g in (put, get)]\n{START}"
            "assert out == list(range(10))"
        ),
    ),
    "readers and a writer": (
        READERS,
        (
            "x = f()\nlog = []\nx.read()\n"
            "t = threading.Thread(target=lambda: (x.write(), log.append('w')))\nt.start()\n"
            "time.sleep(0.03)\nassert log == []\nx.done()\nt.join(4)\nassert log == ['w']"
        ),
    ),
    "a result that is waited for": (
        FUTURE,
        (
            "x = f()\nseen = []\nx.on(lambda v: seen.append((v, threading.get_ident())))\n"
            "t = threading.Timer(0.03, x.set, (5,))\nt.start()\nassert x.result(4) == 5\nt.join()\n"
            "assert seen == [(5, t.ident)]\n"
            "try: f().result(0.01)\nexcept TimeoutError: pass\nelse: assert False"
        ),
    ),
    "threads in order": (
        IN_ORDER,
        (
            "for _ in range(3):\n    out, x = [], f()\n"
            "    ts = [threading.Thread(target=m, args=(lambda n=n: out.append(n),))\n"
            "          for n, m in ((3, x.third), (2, x.second), (1, x.first))]\n"
            "    [t.start() for t in ts]\n    [t.join(4) for t in ts]\n    assert out == [1, 2, 3]"
        ),
    ),
    "locks that are held": (
        OWNED,
        (
            "x = f()\ndef work():\n    for _ in range(20):\n        with x: x.add()\n"
            f"ts = [threading.Thread(target=work) for _ in range(4)]\n{START}assert x.n == 80\n"
            "assert x.held(lambda: (x.add(), x.n)[1]) == 81"
        ),
    ),
    "more threads than deputies": (
        OWNED,
        (
            "x = f()\nts = [threading.Thread(target=x.add) for _ in range(60)]\n"
            f"{START}assert x.n == 60"
        ),
    ),
    "an alarm beside threads": (
        ALARM,
        (
            "stop = threading.Event()\nt = threading.Thread(target=stop.wait)\nt.start()\n"
            "assert f(4, lambda: 5) == 5\nstop.set()\nt.join()"
        ),
    ),
}
SYNCHRONIZED = """
import functools
def f(lock):
    def d(g):
        @functools.wraps(g)
        def w(*a, **k):
            with lock: return g(*a, **k)
        return w
    return d
"""
SLOT = """
class f:
    def __init__(self, cond): self.cond, self.items = cond, []
    def put(self, x):
        with self.cond: self.items.append(x); self.cond.notify_all()
    def take(self, timeout=None):
        with self.cond:
            if not self.cond.wait_for(lambda: self.items, timeout): raise TimeoutError("empty")
            return self.items.pop(0)
"""
CHANNEL = """
class f:
    def __init__(self, q): self.q = q
    def put(self, x): self.q.put(x)
    def get(self): return self.q.get(timeout=4)
"""
SUBMITTING = """
def f(pool, g, xs):
    futures = [pool.submit(lambda x=x: g(x)) for x in xs]
    return [future.result() for future in futures]
def double(x): return 2 * x
def mapped(pool, xs): return list(pool.map(double, xs))
"""
RUNNING = """
def f(start, wait):
    start(lambda: 5)
    return wait()
"""
POOL_OF_TESTS = (
    "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as p:\n"
)
RIGHT |= {
    "a lock of the tests": (
        SYNCHRONIZED,
        (
            "inside, most = [], []\n@f(threading.Lock())\ndef go():\n    inside.append(1)\n"
            "    time.sleep(0.05)\n    most.append(len(inside))\n    inside.pop()\n"
            f"ts = [threading.Thread(target=go) for _ in range(4)]\n{START}assert most == [1] * 4"
        ),
    ),
    "a condition of the tests": (
        SLOT,
        (
            "s = f(threading.Condition())\nthreading.Timer(0.03, s.put, ['x']).start()\n"
            "assert s.take(timeout=4) == 'x'"
        ),
    ),
    "a queue of the tests": (
        CHANNEL,
        (
            "import queue\nc = f(queue.Queue())\nthreading.Timer(0.03, c.put, [3]).start()\n"
            "assert c.get() == 3"
        ),
    ),
    "a pool of the tests": (
        SUBMITTING,
        f"{POOL_OF_TESTS}    assert f(p, lambda x: x + 1, range(5)) == [1, 2, 3, 4, 5]",
    ),
    "a pool that runs the program": (
        SUBMITTING,
        f"{POOL_OF_TESTS}    assert mapped(p, range(5)) == [0, 2, 4, 6, 8]",
    ),
    "a thread that a callback starts": (
        RUNNING,
        (
            "class S:\n    def start(self, g):\n"
            "        self.t = threading.Thread(target=lambda: setattr(self, 'r', g()))\n"
            "        self.t.start()\n    def wait(self):\n        self.t.join(); return self.r\n"
            "s = S()\nassert f(s.start, s.wait) == 5\nassert f(s.start, s.wait) == 5"
        ),
    ),
}
WRONG = {
    "no lock at all": (
        SYNCHRONIZED.replace("with lock: return", "return"),
        RIGHT["a lock of the tests"][1],
    ),
    "a pool that is not waited for": (
        SUBMITTING.replace("future.result() for", "None for"),
        RIGHT["a pool of the tests"][1],
    ),
    "a buffer without bound": (
        BUFFER.replace("len(self.items) >= self.cap", "False"),
        (
            "q = f(1)\nfill = lambda: [q.put(i) for i in range(3)]\n"
            "t = threading.Thread(target=fill, daemon=True)\n"
            "t.start()\nt.join(10)\nassert t.is_alive()"
        ),
    ),
    "threads in no order": (
        IN_ORDER.replace("self.a.acquire(); ", "").replace("self.b.acquire(); ", ""),
        RIGHT["threads in order"][1],
    ),
    "a timer that tells the first": (
        DEBOUNCE.replace("if timer: timer.cancel()", "if timer: return"),
        RIGHT["a timer"][1],
    ),
    "another value": (
        LATER,
        "out = []\nf(out.append, 2)\nassert until(lambda: out)\nassert out == [1]",
    ),
    "one at a time": (
        TOGETHER.replace("[t.start() for t in ts]", "[(t.start(), t.join(1)) for t in ts]"),
        RIGHT["callbacks that meet"][1].replace("wait(4)", "wait(0.1)"),
    ),
    "a swallowed failure": (
        CAUGHT.replace("ValueError", "AssertionError"),
        "def g(): assert 1 == 2\nf(g)",
    ),
    "nothing": ("def f(*_): pass", "e = threading.Event()\nf(e.set)\nassert e.wait(0.2)"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_threads_of_the_program_do_is_seen(judge, name: str) -> None:
    source, code = RIGHT[name]
    report = judge(source, Asserts(WAIT + code, "f"), PATIENT)
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize("name", WRONG)
def test_wrong_programs_with_threads_fail(judge, name: str) -> None:
    source, code = WRONG[name]
    report = judge(source, Asserts(WAIT + code, "f"), PATIENT)
    assert report.status in (Status.FAILED, Status.ERROR), report


SPEAKING = """
import json, os, socket, stat, struct, threading, time
from sandbox import frames
def send(**body):
    data = json.dumps(body).encode() if body else b'nonsense'
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, struct.pack('<I', len(data)) + data)
        except OSError: pass
def ask(number, thread, ask='call'):
    send(id=number, ask=ask, on=0, thread=thread, value=['t', [['t', []], ['t', []]]], changed=[],
         classes=[], alive=True)
def f(g, *a):
    def go():
        time.sleep(0.02)
        SAID
    threading.Thread(target=go, daemon=True).start()
def h(): return 1
"""
HOSTILE = {
    "an answer to nothing": "send(id=7, value=1, changed=[], classes=[], alive=True)",
    "nonsense": "send()",
    "a knock that is more": "send(knock=True, id=3)",
    "a question to no open one": "ask(0, 5)",
    "no thread": "ask(2, 'x')",
}


@pytest.mark.parametrize("last", ["", "h()"], ids=["while nothing is asked", "in a question"])
@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_words_out_of_turn_are_forged(judge, said: str, last: str) -> None:
    code = (
        "f(print)\nend = time.monotonic() + 1\n"
        f"while time.monotonic() < end: time.sleep(0.02); {last}"
    )
    report = judge(SPEAKING.replace("SAID", said), Asserts(WAIT + code, "f"), PATIENT)
    assert report.status is Status.FORGED, report


def test_a_thread_that_waits_for_nothing_is_forged(judge) -> None:
    source = SPEAKING.replace(
        "    def go():",
        "    import sys\n    frame = sys._getframe()\n"
        "    while type(frame.f_locals.get('self')).__name__ != 'Answering': frame = frame.f_back\n"
        "    ask(frame.f_locals['self']._turns._open, 5, 'await')\n    time.sleep(1)\n"
        "    def go():",
    )
    report = judge(source, Asserts("f(print)", "f"), PATIENT)
    assert report.status is Status.FORGED, report


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("while True: send(knock=True)", {Status.PASSED, Status.TIMEOUT}),
        ("for n in range(1, 2000): ask(2, n)", {Status.FORGED, Status.ERROR}),
        ("os._exit(0)", {Status.PASSED, Status.ERROR}),
    ],
    ids=["knocks without end", "threads without end", "an end of the process"],
)
@pytest.mark.usefixtures("unharmed")
def test_what_speaks_without_end_is_bounded(judge, said: str, status: set[Status]) -> None:
    report = judge(
        SPEAKING.replace("SAID", said),
        Asserts("import time\nf(print)\ntime.sleep(0.3)", "f"),
        PATIENT,
        hasty=True,
    )
    assert report.status in status, report
