"""An exception of the program is to the tests what it would be in one process, but no signal."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status


def caught(kind: str, then: str, call: str = "f()", head: str = "") -> str:
    """Tests that catch `kind` as `e`, and assert."""
    return f"{head}\ntry: {call}\nexcept {kind} as e: assert {then}\nelse: assert False, 'none'"


ARRIVES = [
    (
        "import json\ndef f(): json.loads('{')",
        caught(
            "json.JSONDecodeError",
            "(e.pos, e.lineno, e.colno, e.doc) == (1, 1, 2, '{')",
            head="import json",
        ),
    ),
    (
        "import json\ndef f(): json.loads('{')",
        caught("ValueError", "e.msg and str(e).endswith('(char 1)')"),
    ),
    (
        "def f(): open('/none/x')",
        caught(
            "FileNotFoundError", "(e.filename, e.errno) == ('/none/x', 2) and '/none/x' in str(e)"
        ),
    ),
    (
        "import os\ndef f(): os.rename('/none/x', '/none/y')",
        caught("OSError", "e.filename == '/none/x' and e.strerror"),
    ),
    (
        "def f(): b'a\\xff'.decode()",
        caught(
            "UnicodeDecodeError",
            "(e.start, e.end, e.object, e.encoding) == (1, 2, b'a\\xff', 'utf-8')",
        ),
    ),
    (
        "def f(): 'a\\xff'.encode('ascii')",
        caught("UnicodeEncodeError", "e.start == 1 and 'ordinal' in e.reason"),
    ),
    (
        "import subprocess as s\ndef f(): raise s.CalledProcessError(3, ['a'], b'out', b'err')",
        caught("Exception", "(e.returncode, e.cmd, e.output) == (3, ['a'], b'out')"),
    ),
    (
        "from decimal import Decimal\ndef f(): Decimal('x')",
        caught("decimal.InvalidOperation", "isinstance(e, ArithmeticError)", head="import decimal"),
    ),
    ("def f(): return {}['k']", caught("KeyError", "e.args == ('k',) and str(e) == repr('k')")),
    ("class A: pass\ndef f(): A().zz", caught("AttributeError", "e.name == 'zz'")),
    ("def f(): zz", caught("NameError", "e.name == 'zz'")),
    ("def f(): import nosuch.thing", caught("ModuleNotFoundError", "e.name == 'nosuch'")),
    (
        "import re\ndef f(): re.compile('(')",
        caught("re.error", "(e.pos, e.pattern) == (0, '(')", head="import re"),
    ),
    (
        "import ast\ndef f(): ast.parse('a b')",
        caught("SyntaxError", "e.lineno == 1 and e.text.strip() == 'a b'"),
    ),
    (
        "import struct\ndef f(): struct.unpack('I', b'x')",
        caught("struct.error", "e.args", head="import struct"),
    ),
    (
        "import zlib\ndef f(): zlib.decompress(b'x')",
        caught("zlib.error", "'Error' in str(e)", head="import zlib"),
    ),
    (
        "import queue\ndef f(): queue.Queue().get_nowait()",
        caught("queue.Empty", "e.args == ()", head="import queue"),
    ),
    (
        "import asyncio\ndef f(): raise asyncio.QueueFull('x')",
        caught("asyncio.QueueFull", "str(e) == 'x'", head="import asyncio"),
    ),
    (
        "import base64\ndef f(): base64.b64decode('a')",
        caught("binascii.Error", "e.args", head="import binascii"),
    ),
    (
        "import configparser as c\ndef f(): c.ConfigParser().get('a', 'b')",
        caught("c.NoSectionError", "e.section == 'a'", head="import configparser as c"),
    ),
    ("import sys\ndef f(): sys.exit(3)", caught("SystemExit", "e.code == 3")),
    ("def f(): return f()", caught("RecursionError", "'recursion' in str(e)")),
    ("def f(): assert 0, 'bad'", caught("AssertionError", "str(e) == 'bad'")),
    ("def f(): raise ValueError('x' * 5000)", caught("ValueError", "len(str(e)) == 5000")),
    ("def f(): raise ValueError", caught("ValueError", "e.args == () and str(e) == ''")),
    # classes of its own
    (
        (
            "class E(ValueError):\n"
            "    def __init__(self, c): super().__init__('m'); self.code = c\n"
            "def f(): raise E(7)"
        ),
        caught("E", "(e.code, str(e), e.args) == (7, 'm', ('m',))"),
    ),
    (
        "class B(Exception): pass\nclass E(B): pass\ndef f(): raise E(7)",
        caught("B", "type(e) is E and e.args == (7,)"),
    ),
    (
        "class E(KeyError, ValueError): pass\ndef f(): raise E('x')",
        caught("ValueError", "isinstance(e, LookupError)"),
    ),
    (
        ("class E(Exception):\n    def __str__(self): return 'told'\ndef f(): raise E(1)"),
        caught("E", "str(e) == 'told'"),
    ),
    (
        (
            "class E(Exception):\n    def __init__(self, a, b): self.a = a\n"
            "    def twice(self): return self.a * 2\n"
            "def f(): raise E([1], 2)"
        ),
        caught("Exception", "e.a == [1] and e.twice() == [1, 1]"),
    ),
    ("class E(BaseException): pass\ndef f(): raise E(1)", caught("E", "e.args == (1,)")),
    (
        "import json\nclass E(json.JSONDecodeError): pass\ndef f(): raise E('m', 'doc', 1)",
        caught("json.JSONDecodeError", "e.pos == 1", head="import json"),
    ),
    # causes
    (
        "def f(): raise ValueError(1) from KeyError(2)",
        caught("ValueError", "type(e.__cause__) is KeyError and e.__cause__.args == (2,)"),
    ),
    (
        (
            "class E(Exception): pass\ndef f():\n    try: 1 / 0\n"
            "    except ZeroDivisionError as z: raise E('x') from z"
        ),
        caught("E", "type(e.__cause__) is ZeroDivisionError"),
    ),
    ("def f(): raise ValueError from None", caught("ValueError", "e.__cause__ is None")),
    (
        (
            "class B(Exception): pass\nclass E(Exception): pass\ndef f():\n"
            "    try: raise B(1)\n    except B as b: raise E('w') from b"
        ),
        caught("E", "type(e.__cause__) is B and e.__cause__.args == (1,)", call="f()"),
    ),
    (
        (
            "class B(Exception):\n    def __init__(self, n): self.n = n\ndef f():\n"
            "    try: raise B([4])\n    except B as b: raise RuntimeError('w') from b"
        ),
        caught("RuntimeError", "isinstance(e.__cause__, B) and e.__cause__.n == [4]"),
    ),
    (
        "def f(g):\n    try: g()\n    except KeyError as e: raise ValueError(2) from e",
        caught("ValueError", "e.__cause__ is own", "f(g)", "own = KeyError(1)\ndef g(): raise own"),
    ),
    (
        "def f():\n    try: int('x')\n    except ValueError: raise KeyError(1) from None",
        caught("KeyError", "e.__suppress_context__ and e.__cause__ is None"),
    ),
    ("def f(): raise KeyError(1)", caught("KeyError", "not e.__suppress_context__")),
    (
        (
            "class E(Exception): pass\ndef f():\n    e = E(1)\n    [e.add_note(x) for x in 'ab']\n"
            "    e.code = 7\n    raise e"
        ),
        caught("E", "(e.__notes__, e.code) == (['a', 'b'], 7)"),
    ),
    ("def f(): raise KeyError(1)", caught("KeyError", "not hasattr(e, '__notes__')")),
    # groups
    (
        "def f(): raise ExceptionGroup('bad', [ValueError('a'), KeyError('b')])",
        caught("Exception", "[x.args for x in e.exceptions] == [('a',), ('b',)]"),
    ),
    (
        "def f(): raise ExceptionGroup('bad', [ValueError('a'), KeyError('b')])",
        caught("ExceptionGroup", "e.message == 'bad' and e.subgroup(KeyError).exceptions"),
    ),
    (
        (
            "class G(ExceptionGroup): pass\nclass B(ValueError): code = 3\n"
            "def f(): raise G('g', [B(1), ExceptionGroup('in', [KeyError(2), B(3)])])"
        ),
        caught(
            "G",
            "e.exceptions[0].code == 3 and e.exceptions[1].exceptions[0].args == (2,) "
            "and isinstance(e.exceptions[1].exceptions[1], B) and e.message == 'g'",
        ),
    ),
    (
        "def f(): raise ExceptionGroup('g', [ValueError(1), KeyError(2), ValueError(3)])",
        (
            "got = []\ntry: f()\nexcept* ValueError as g: got += [e.args for e in g.exceptions]\n"
            "except* KeyError as g: got.append(len(g.exceptions))\nassert got == [(1,), (3,), 1]"
        ),
    ),
    (
        (
            "import asyncio\nasync def one(x): raise KeyError(x)\nasync def main():\n"
            "    async with asyncio.TaskGroup() as g: [g.create_task(one(i)) for i in (1, 2)]\n"
            "def f(): asyncio.run(main())"
        ),
        caught("ExceptionGroup", "[x.args for x in e.exceptions] == [(1,), (2,)]"),
    ),
    (
        "def f(): return ExceptionGroup('g', [ValueError(1)])",
        "e = f()\nassert isinstance(e, ExceptionGroup) and e.exceptions[0].args == (1,)",
    ),
    # what a built-in base keeps
    (
        "class E(FileNotFoundError): pass\ndef f(): raise E(2, 'none', 'x.txt')",
        caught(
            "OSError", "(e.errno, e.filename, str(e)) == (2, 'x.txt', \"[Errno 2] none: 'x.txt'\")"
        ),
    ),
    (
        "class E(ImportError): pass\ndef f(): raise E('m', name='n', path='/p')",
        caught("ImportError", "(e.name, e.path, e.msg) == ('n', '/p', 'm')"),
    ),
    (
        "class E(SyntaxError): pass\ndef f(): raise E('m', ('f', 3, 4, 'text'))",
        caught("SyntaxError", "(e.lineno, e.offset, e.text, e.msg) == (3, 4, 'text', 'm')"),
    ),
    (
        "import json\ndef f():\n    try: json.loads('{')\n    except ValueError as e: return e",
        "import json\ne = f()\nassert isinstance(e, json.JSONDecodeError) and e.pos == 1",
    ),
    # those of the tests on their way through
    (
        "def f(g): return g()",
        caught(
            "T",
            "str(e) == 'zz' and e.n == 5",
            "f(g)",
            "class T(Exception): n = 5\ndef g(): raise T('zz')",
        ),
    ),
    (
        "def f(g):\n    try: g()\n    except ValueError as e: raise KeyError(str(e)) from e",
        caught("KeyError", "e.args == ('zz',)", "f(g)", "def g(): raise ValueError('zz')"),
    ),
    ("def f(k): raise k('q')", caught("KeyError", "e.args == ('q',)", "f(KeyError)")),
    (
        "def f(g): return list(iter(g, 3))",
        "n = iter([1, 2, 3])\nassert f(lambda: next(n)) == [1, 2]",
    ),
    ("def f(): raise TimeoutError('t')", caught("TimeoutError", "str(e) == 't'")),
    ("def f(): raise PermissionError('no')", caught("OSError", "e.args == ('no',)")),
    (
        "class E(OSError): pass\ndef f(): raise E(2, 'x', 'n')",
        caught("E", "(e.errno, e.filename) == (2, 'n')"),
    ),
    (
        "class E(FileNotFoundError): pass\ndef f(): raise E('gone')",
        caught("E", "str(e) == 'gone'"),
    ),
    (
        "def f(): return ValueError('x')",
        "e = f()\nassert isinstance(e, ValueError) and e.args == ('x',)",
    ),
    (
        "class E(Exception): pass\ndef f(): return [E('x')]",
        "e = f()[0]\nassert type(e) is E and str(e) == 'x'",
    ),
    ("def f(e): raise e", caught("ValueError", "str(e) == 'q'", "f(ValueError('q'))")),
    (
        "def f():\n    e = ValueError(1)\n    e.add_note('n')\n    raise e",
        caught("ValueError", "e.__notes__ == ['n']"),
    ),
    (
        "class E(Exception): pass\ndef f(): raise E('x' * 5000)",
        caught("E", "len(str(e)) == 5000"),
    ),
]


@pytest.mark.parametrize(("source", "code"), ARRIVES)
def test_an_exception_arrives_as_in_one_process(judge, source: str, code: str) -> None:
    report = judge(source, Asserts(code, "f"), Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report


LOST = [
    (
        "class E(Exception): pass\ndef f(): raise E('w') from KeyError(1)",
        "E",
        "e.__cause__ is None",
    ),
    ("def f(): raise ExceptionGroup('g', [KeyError(1)])", "Exception", "len(e.exceptions) == 2"),
    (
        "def f():\n    e = E(1)\n    e.add_note('a')\n    raise e\nclass E(Exception): pass",
        "E",
        "e.__notes__ == ['b']",
    ),
]


@pytest.mark.parametrize(("source", "kind", "then"), LOST)
def test_what_an_exception_holds_is_judged(judge, source: str, kind: str, then: str) -> None:
    assert judge(source, Asserts(caught(kind, then), "f")).status is Status.FAILED


@pytest.mark.parametrize("raised", ["ValueError('1 + 2')", "E('1 + 2')", "E() from E('1 + 2')"])
def test_no_text_of_an_exception_runs_beside_the_tests(judge, raised: str) -> None:
    run = "try: f()\nexcept Exception as e: got = eval(str(e.__cause__ or e) + ' ' * 9)\n"
    source = f"class E(Exception): pass\ndef f(): raise {raised}".replace("1 + 2", "1 + 2 + 0")
    report = judge(source, Asserts(f"{run}assert got == 3", "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED), report


@pytest.mark.parametrize(
    "code",
    [
        (
            "with pytest.raises(solution.Own, match='bad [0-9]') as e: solution.f(1)\n"
            "    assert e.value.code == 5 and e.type is solution.Own"
        ),
        "with pytest.raises(ValueError): solution.f(1)",
        "with pytest.raises((KeyError, solution.Own)): solution.f(1)",
        "pytest.raises(solution.Own, solution.f, 1)",
        (
            "case = unittest.TestCase()\n"
            "    with case.assertRaises(solution.Own) as c: solution.f(1)\n"
            "    assert c.exception.code == 5\n"
            "    case.assertRaisesRegex(ValueError, 'bad', solution.f, 1)"
        ),
    ],
)
def test_tests_expect_an_exception_of_the_solution(judge, code: str) -> None:
    source = "class Own(ValueError): code = 5\ndef f(x): raise Own('bad 5')"
    module = Pytest(f"import pytest, unittest\nimport solution\ndef test_f():\n    {code}")
    report = judge(source, module, Limits())
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
    assert judge("class Own(ValueError): pass\ndef f(x): return 1", module).status is Status.FAILED


KEPT = [
    (
        "errs = []\ntry: assert f(1) == 1\nexcept Exception as e: errs.append(e)\n"
        "if errs: raise errs[0]"
    ),
    "try: f(1)\nexcept ImportError as e: raise RuntimeError('w') from e",
    "try: f(1)\nexcept ImportError: raise RuntimeError('w')",
    "try: f(1)\nexcept ImportError as e: raise RuntimeError('w') from None",
    "try: f(1)\nexcept ImportError as e: raise ImportError(str(e))",
    "try: f(1)\nexcept ImportError as e: raise ExceptionGroup('g', [e])",
    "try: f(1)\nexcept ImportError as e: raise e.with_traceback(None)",
    "import contextlib\nwith contextlib.ExitStack() as stack:\n    stack.callback(f, 1)",
    (
        "from concurrent.futures import ThreadPoolExecutor as T\n"
        "with T() as p: p.submit(f, 1).result()"
    ),
    "def check():\n    try: return f(1)\n    finally: pass\nassert check() == 1",
]


@pytest.mark.parametrize("code", KEPT)
def test_a_fault_of_the_candidate_is_never_the_tests(judge, code: str) -> None:
    for source in ("def f(x): raise ImportError('a', name='a')", "def f(x): import nosuchmodule"):
        report = judge(source, Asserts(code, "f"))
        assert report.status in (Status.ERROR, Status.FAILED), report


@pytest.mark.parametrize(
    "code",
    [
        "@pytest.fixture\ndef r(): return f(1)\ndef test_f(r): assert r == 1",
        "@pytest.fixture\ndef r():\n    yield 1\n    f(1)\ndef test_f(r): assert r == 1",
        "X = f(1)\ndef test_f(): assert X == 1",
        "def setup_module(): f(1)\ndef test_f(): assert f(1) == 1",
        "def teardown_module(): f(1)\ndef test_f(): assert True",
        "class TestF:\n    def setup_method(self): f(1)\n    def test_f(self): assert f(1) == 1",
        "@pytest.mark.parametrize('x', [f(1)])\ndef test_f(x): assert x == 1",
    ],
)
def test_nor_in_fixtures_and_while_a_module_loads(judge, code: str) -> None:
    module = Pytest(f"import pytest\nfrom solution import f\n{code}")
    report = judge("def f(x): raise ImportError('a')", module)
    assert report.status in (Status.ERROR, Status.FAILED), report


MODULE = "import pytest, unittest\nfrom solution import f\n"
PLAIN = MODULE + "def test_a(): assert f(1) == 1\ndef test_b(): assert f(2) == 4"
CASE = (
    MODULE + "class T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 1)\n"
)
CASES = CASE + "    def test_b(self): self.assertEqual(f(2), 4)"
CASE += "        self.assertEqual(f(2), 4)"
SUB = CASE.replace(
    "        self.assertEqual(f(2)", "        with self.subTest(): self.assertEqual(f(2)"
)


@pytest.mark.parametrize(
    "code", [PLAIN, CASE, CASES, SUB], ids=["functions", "case", "two", "subTest"]
)
@pytest.mark.parametrize(
    "kind",
    [
        *("unittest.SkipTest", "unittest.case._ShouldStop", "unittest.case._UnexpectedSuccess"),
        *(
            "pytest.skip.Exception",
            "pytest.xfail.Exception",
            "pytest.exit.Exception",
            "bdb.BdbQuit",
        ),
        *(
            "StopIteration",
            "StopAsyncIteration",
            "GeneratorExit",
            "KeyboardInterrupt",
            "SystemExit",
        ),
        *("asyncio.CancelledError", "queue.Empty", "BaseException", "NotImplementedError"),
    ],
)
@pytest.mark.parametrize("own", [False, True], ids=["itself", "derived"])
def test_no_exception_skips_what_is_yet_to_be_asserted(
    judge, request: pytest.FixtureRequest, kind: str, code: str, *, own: bool
) -> None:
    raised = "Own" if own else kind
    source = (
        f"import unittest.case, bdb, asyncio, queue, pytest\nclass Own({kind}): pass\ndef f(x):\n"
    )
    report = judge(f"{source}    if x == 2: raise {raised}('x')\n    return x", Pytest(code))
    assert report.status in (Status.ERROR, Status.FAILED), report


ABSURD = "'utf-8', b'', -2**45, -2**45 + 1, 'x'"


@pytest.mark.parametrize(
    "source",
    [
        f"def f(x): raise UnicodeDecodeError({ABSURD})",
        (
            f"class U(UnicodeDecodeError):\n    def __str__(self): return 'x'\n"
            f"def f(x): raise U({ABSURD})"
        ),
        (
            f"class UnicodeDecodeError(UnicodeDecodeError):\n    def __str__(self): return 'x'\n"
            f"def f(x): raise UnicodeDecodeError({ABSURD})"
        ),
        (
            "class E(Exception):\n    def __str__(self): return 'x'\n"
            f"def f(x): raise E from U({ABSURD})\n"
            "class U(UnicodeDecodeError):\n    def __str__(self): return 'x'"
        ),
        (
            "def f(x):\n"
            "    e = UnicodeDecodeError('utf-8', b'a', 0, 1, 'x')\n"
            "    e.start = -2**45\n"
            "    e.end, e.object = 2**60, b'zz'\n    raise e"
        ),
        (
            "class U(UnicodeEncodeError):\n    def __str__(self): return 'x'\n"
            "def f(x): raise U('utf-8', 'a', 2**40, 2**41, 'x')"
        ),
        (
            "class U(UnicodeTranslateError):\n    def __str__(self): return 'x'\n"
            "def f(x): raise U('', -2**45, 2**41, 'x')"
        ),
        (
            "class S(SyntaxError):\n    def __str__(self): return 'x'\n"
            "def f(x): raise S('m', ('f', -2**45, 2**62, 't' * 99, -1, -2**40))"
        ),
        (
            "class O(OSError):\n    def __str__(self): return 'x'\n"
            "def f(x): raise O(2**62, 'x', [], 5, {})"
        ),
        "def f(x): raise BlockingIOError(2**70, 'x', 2**70)",
        "def f(x):\n    e = StopIteration(1)\n    e.value = 2**70\n    raise e",
        (
            "class E(Exception): pass\ndef f(x):\n    e = E()\n"
            "    e.args = (2**5000, float('nan'), '\\ud800')\n    raise e"
        ),
        "class E(Exception): pass\ndef f(x):\n    e = E()\n    e.__cause__ = e\n    raise e",
        (
            "class E(Exception): pass\ndef f(x):\n    e = E()\n"
            "    vars(e).update({'__class__': int, '__dict__': 5, "
            "'with_traceback': 5, '__stands_for_candidate__': False, 'args': 5})\n"
            "    raise e"
        ),
    ],
)
def test_an_absurd_exception_is_the_candidates_error(judge, source: str) -> None:
    for code in (
        "assert f(1) == 2",
        "try: f(1)\nexcept Exception as e:\n    print(e, repr(e))\n    raise",
    ):
        report = judge(source, Asserts(code, "f"))
        assert report.status in (Status.ERROR, Status.FAILED), report


def test_an_exception_beside_what_cannot_be_sent_is_no_forgery(judge) -> None:
    source = (
        "x = 1\ndef f(n):\n    global x\n    for _ in range(400): x = [x]\n    raise ValueError(n)"
    )
    code = "assert x == 1\ntry: f(5)\nexcept ValueError: pass"
    assert judge(source, Asserts(code, "f")).status is Status.FAILED
