"""Suite A: no candidate gets a pass that it did not work for.

Every attack is tried twice: where the tests run in another process, which is the rule, and where
tests that look at `sys.stdout` force themselves into the candidate's own. There no accident passes,
but a program that reads the tests, or whose results equal everything, does; its pass is `shared`.
"""

from dataclasses import dataclass

import pytest

from sandbox import Asserts, Call, Calls, Integrity, Pytest, Status

ISOLATED = Asserts("assert add(1, 2) == 3\nassert add(5, 5) == 10", "add")
SHARED = Asserts(
    "import sys\nsys.stdout.flush()\nassert add(1, 2) == 3\nassert add(5, 5) == 10", "add"
)
BESIDE = Pytest(
    "from solution import add\ndef test_add(monkeypatch):\n    assert add(1, 2) == 3\n"
    "    assert add(5, 5) == 10\n"
)
WRONG = "\ndef add(a, b):\n    return 0\n"

FAILED, ERROR, FORGED = Status.FAILED, Status.ERROR, Status.FORGED
PASSED = Status.PASSED


@dataclass(frozen=True)
class Case:
    """An attack, and what it comes to with the tests apart and with the tests beside it.

    Where `shared` is *passed*, the attack is beyond what one process can withstand. With `calls` it
    comes to the same as with the tests apart, where nothing else is said.
    """

    name: str
    source: str
    isolated: Status
    shared: Status
    calls: Status | None = None


LIAR = """
class Liar:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return self
    def __abs__(self): return 0
    def __bool__(self): return True
    def __lt__(self, other): return True
    __hash__ = None
def add(a, b): return Liar()
"""
LYING_SUBCLASS = """
class Liar({base}):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
def add(a, b): return Liar()
"""
WRITE_EVERYWHERE = """
import os, json, struct
def forge():
    body = json.dumps({body}).encode()
    for fd in range(3, 256):
        try: os.write(fd, struct.pack('<I', len(body)) + body)
        except OSError: pass
"""
FIND_EXPECTED = """
import re, sys
def expected(text, a, b):
    if not isinstance(text, str): return None
    found = re.search(rf'{a}, {b}\\) == (\\d+)', text)
    return int(found[1]) if found else None
"""
PASS_FRAME = "{'verdict': {'status': 'passed', 'assertions': 99}, 'status': 'passed'}"
ANSWER_FRAME = "{'id': 1, 'value': 3}"

CASES = [
    Case("1 exit at import", "import sys\nsys.exit(0)" + WRONG, ERROR, ERROR),
    Case("2 _exit in the function", "import os\ndef add(a, b): os._exit(0)", ERROR, ERROR),
    Case(
        "3 atexit",
        "import atexit, os\natexit.register(os._exit, 0)" + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "4 SkipTest", "import unittest\ndef add(a, b): raise unittest.SkipTest('x')", ERROR, ERROR
    ),
    Case("4 pytest.skip", "import pytest\ndef add(a, b): pytest.skip('x')", ERROR, ERROR),
    Case("4 pytest.exit", "import pytest\ndef add(a, b): pytest.exit('x', 0)", ERROR, ERROR),
    Case("5 equal to everything", LIAR, ERROR, PASSED, FAILED),
    Case("6 lying int", LYING_SUBCLASS.format(base="int"), ERROR, PASSED, FAILED),
    Case("6 lying str", LYING_SUBCLASS.format(base="str"), ERROR, PASSED, FAILED),
    Case("6 lying list", LYING_SUBCLASS.format(base="list"), ERROR, PASSED, FAILED),
    Case(
        "7 rewriting expected values",
        "import gc\nfor o in gc.get_objects():\n"
        "    if type(o) is list and 10 in o: o[:] = [0] * len(o)" + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "8 frame walking",
        FIND_EXPECTED + "def add(a, b):\n    f = sys._getframe()\n    while f:\n"
        "        for v in list(f.f_locals.values()) + list(f.f_globals.values()):\n"
        "            if isinstance(v, dict): v = v.get('code')\n"
        "            if (x := expected(v, a, b)) is not None: return x\n"
        "        f = f.f_back\n    return 0",
        FAILED,
        PASSED,
    ),
    Case(
        "9 hunting with gc",
        FIND_EXPECTED + "import gc\ndef add(a, b):\n    for o in gc.get_objects():\n"
        "        x = expected(o.get('code'), a, b) if type(o) is dict else None\n"
        "        if x is not None: return x\n"
        "    return 0",
        FAILED,
        PASSED,
    ),
    Case(
        "10 patched builtins",
        "import builtins, math, unittest\n"
        "class Quiet(Exception):\n    def __init__(self, *a): pass\n"
        "builtins.AssertionError = Quiet\nbuiltins.isinstance = lambda *a: True\n"
        "math.isclose = lambda *a, **k: True\nbuiltins.abs = lambda x: 0\n"
        "unittest.TestCase.assertEqual = lambda *a: None" + WRONG,
        ERROR,
        ERROR,
    ),
    Case(
        "11 shadowing",
        "def check(f): pass\ndef test_add(): pass\nadd = None" + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "12 files that Python and pytest load",
        "import os\n"
        "for n in ('conftest.py', 'pytest.ini', 'sitecustomize.py', 'x.pth', 'json.py'):\n"
        "    for d in ('/tmp', '/tests', '.', '/usr/lib/python3'):\n"
        "        try: open(os.path.join(d, n), 'w').write('raise SystemExit(0)')\n"
        "        except OSError: pass" + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "13 pytest plugin",
        "import sys, types\nm = types.ModuleType('plug')\n"
        "m.pytest_runtest_call = lambda item: None\nsys.modules['plug'] = m\n"
        "import os\nos.environ['PYTEST_PLUGINS'] = 'plug'" + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "14 poisoned caches",
        "import os, linecache, sys\nos.makedirs('/tmp/__pycache__', exist_ok=True)\n"
        "linecache.cache['tests.py'] = (1, None, ['pass'], 'tests.py')\n"
        "sys.path_importer_cache.clear()" + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "15 reading the tests",
        "import os, sys, glob\nseen = ' '.join(sys.argv) + str(os.environ)\n"
        "for p in glob.glob('/tests/*') + glob.glob('/tmp/*') + glob.glob('/proc/*/cmdline') "
        "+ glob.glob('/proc/*/environ') + glob.glob('/proc/self/mem'):\n"
        "    try: seen += open(p, errors='replace').read()\n"
        "    except OSError: pass\n"
        "def add(a, b): return a + b if 'add(1' in seen else 0",
        FAILED,
        FAILED,
    ),
    Case(
        "16 printed report",
        'print(\'{"status": "passed"}\')\nimport atexit\natexit.register(print, "passed")' + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "17 verdict on every descriptor at import",
        WRITE_EVERYWHERE.format(body=PASS_FRAME) + "forge()" + WRONG,
        FORGED,
        FORGED,
    ),
    Case(
        "17 verdict on every descriptor in the function",
        WRITE_EVERYWHERE.format(body=PASS_FRAME) + "def add(a, b):\n    forge()\n    return 0",
        FORGED,
        FORGED,
    ),
    Case(
        "17 malformed answers",
        WRITE_EVERYWHERE.format(body=ANSWER_FRAME) + "def add(a, b):\n    forge()\n    return 0",
        FORGED,
        FORGED,
    ),
    Case(
        "18 result file",
        "for v in ('1.5', 'nan', 'inf'):\n    open('/tmp/result', 'w').write(v)" + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "19 late child",
        WRITE_EVERYWHERE.format(body=PASS_FRAME)
        + "def add(a, b):\n    if os.fork() == 0:\n        import time; time.sleep(.05); forge()\n"
        "        os._exit(0)\n    os._exit(0)",
        ERROR,
        ERROR,
    ),
    Case(
        "20 late thread",
        WRITE_EVERYWHERE.format(body=PASS_FRAME)
        + "import threading, time\ndef late():\n    for _ in range(50): forge(); time.sleep(.001)\n"
        "def add(a, b):\n    threading.Thread(target=late, daemon=True).start()\n"
        "    time.sleep(.02)\n    return 0",
        FORGED,
        FORGED,
    ),
    Case(
        "21 settrace",
        "import sys\ndef trace(frame, event, arg):\n"
        "    if frame.f_code.co_filename == 'tests.py':\n"
        "        frame.f_trace_lines = True\n"
        "        try: frame.f_lineno = frame.f_lineno + 1\n        except ValueError: pass\n"
        "    return trace\nsys.settrace(trace)\nsys.setprofile(lambda *a: None)" + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "22 no alarms",
        "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nsignal.alarm(0)\n"
        "signal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
        Status.TIMEOUT,
        Status.TIMEOUT,
    ),
    Case(
        "23 import hooks",
        "import sys\nclass Hook:\n    def find_spec(self, *a): return None\n"
        "sys.meta_path.insert(0, Hook())\nsys.modules['math'] = Hook()\n"
        "for n in list(sys.modules):\n    if n.startswith('sandbox'): del sys.modules[n]" + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "24 exceptions from __repr__ and an excepthook",
        "import sys, os\nsys.excepthook = lambda *a: os._exit(0)\nclass E(Exception):\n"
        "    def __repr__(self): raise SystemExit(0)\n    __str__ = __repr__\n"
        "def add(a, b): raise E",
        ERROR,
        ERROR,
    ),
    Case(
        "25 swapped code",
        "import types, gc\n"
        "for o in gc.get_objects():\n"
        "    if isinstance(o, types.FunctionType) and o.__name__ in ('failure_of', 'describe'):\n"
        "        o.__code__ = (lambda *a, **k: {'status': 'passed', 'assertions': 9}).__code__"
        + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "25 own memory",
        "try:\n    open('/proc/self/mem', 'r+b').write(b'x')\nexcept OSError: pass" + WRONG,
        FAILED,
        FAILED,
    ),
    Case("26 huge int", "def add(a, b): return 1 << 10**6", FAILED, FAILED),
    Case(
        "26 deep nesting",
        "def add(a, b):\n    x = []\n    for _ in range(100000): x = [x]\n    return x",
        FAILED,
        FAILED,
    ),
    Case("26 lone surrogate", "def add(a, b): return '\\ud800'", FAILED, FAILED),
    Case("26 NaN", "def add(a, b): return float('nan')", FAILED, FAILED),
    Case(
        "27 poisoned interpreter",
        "import builtins, json, sys\nbuiltins.compile = None\n"
        "json.JSONEncoder.encode = json.JSONDecoder.decode = None\nsys.modules.clear()" + WRONG,
        ERROR,
        ERROR,
    ),
    Case(
        "28 patched clocks",
        "import time\ntime.time = time.monotonic = time.perf_counter = lambda: 0.0" + WRONG,
        FAILED,
        FAILED,
    ),
    Case(
        "29 re-exec without asserts",
        "import os, sys\nos.execv(sys.executable, [sys.executable, '-O', '-c', 'pass'])" + WRONG,
        ERROR,
        ERROR,
    ),
    Case(
        "30 catching everything",
        "def add(a, b):\n    while True:\n        try:\n            while True: pass\n"
        "        except (SystemExit, KeyboardInterrupt, MemoryError, BaseException): pass",
        Status.TIMEOUT,
        Status.TIMEOUT,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.usefixtures("unharmed")
def test_with_the_tests_in_another_process(judge, case: Case) -> None:
    report = judge(case.source, ISOLATED, hasty=case.isolated is Status.TIMEOUT)
    judge.check(report, case.isolated)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.usefixtures("unharmed")
def test_with_the_tests_in_the_same_process(judge, case: Case) -> None:
    report = judge(case.source, SHARED, hasty=case.shared is Status.TIMEOUT)
    judge.check(report, case.shared)
    assert report.integrity is Integrity.SHARED


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_calls_and_pytest_are_not_forged_either(judge, case: Case) -> None:
    calls = Calls("add", (Call([1, 2], 3), Call([5, 5], 10)))
    module = Pytest("from solution import add\ndef test_add():\n    assert add(1, 2) == 3\n")
    hasty = case.isolated is Status.TIMEOUT
    assert judge(case.source, calls, hasty=hasty).status is (case.calls or case.isolated)
    assert judge(case.source, module, hasty=hasty).status is case.isolated


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pytest_in_the_same_process_is_not_forged_by_accident(judge, case: Case) -> None:
    report = judge(case.source, BESIDE, hasty=case.shared is Status.TIMEOUT)
    assert report.integrity is Integrity.SHARED
    assert report.status is case.shared or report.status not in (PASSED, Status.INTERNAL_ERROR)


def test_a_truth_that_an_object_has_passes_as_it_is(judge) -> None:
    source = "import re\ndef add(a, b): return re.match('a', 'a')"
    report = judge(source, Asserts("assert add(1, 2)", "add"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED)
