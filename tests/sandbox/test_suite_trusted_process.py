"""Suite A, the process that holds the tests: nothing of the candidate's runs or is opened in it."""

from __future__ import annotations

import pytest

from sandbox import Asserts, Integrity, Limits, Pytest, Status, Tests

PASSED = Status.PASSED


EVIL = "import builtins\nbuiltins.sum = lambda *a: 45"
HARMED = "\nassert sum([1]) == 45"
TEXT = f"def f(): return {EVIL!r}"
FILE = (
    f"def f():\n    with open('/tmp/evil.py', 'w') as h: h.write({EVIL!r})\n"
    f"    return '/tmp/evil.py'"
)
ZIP = (
    "import zipfile\ndef f():\n    with zipfile.ZipFile('/tmp/a.zip', 'w') as z:\n"
    f"        z.writestr('evil.py', {EVIL!r})\n    return '/tmp/a.zip'"
)
PACKED = (
    "import pickle, builtins\nclass E:\n    def __reduce__(self):\n"
    "        return eval, (\"setattr(__import__('builtins'), 'sum', lambda *a: 45)\",)\n"
    "def f(): return pickle.dumps(E())"
)
RUNNING = [
    ("timeit", TEXT, "import timeit\ntimeit.timeit(f(), number=1)"),
    ("code", TEXT, "import code\ncode.InteractiveInterpreter().runsource(f(), symbol='exec')"),
    ("cProfile", TEXT, "import cProfile\ncProfile.run(f())"),
    ("a name made up", TEXT, "vars(__builtins__)['ex' + 'ec'](f())"),
    ("getattr", TEXT, "getattr(__builtins__, 'ex' + 'ec')(f())"),
    ("types", TEXT, "import types\ntypes.FunctionType(compile(f(), 'x', 'exec'), {})()"),
    ("zipimport", ZIP, "import zipimport\nzipimport.zipimporter(f()).load_module('evil')"),
    (
        "a loader",
        FILE,
        (
            "import importlib.machinery as m\n"
            "getattr(m, 'Source' + 'FileLoader')('evil', f()).load_module()"
        ),
    ),
    (
        "a spec",
        FILE,
        (
            "import importlib.util as u\n"
            "getattr(u, 'spec_from_file' + '_location')('evil', "
            "f()).loader.load_module()"
        ),
    ),
    ("unpickler", PACKED, "import io, _pickle\n_pickle.loads(f())"),
    (
        "logging",
        (
            "def f(): return {'version': 1, 'handlers': {'h': "
            f"{{'()': 'timeit.timeit', 'stmt': {EVIL!r}, 'number': 1}}}}}}"
        ),
        (
            "import logging.config as c\ntry: getattr(c, 'dict' + 'Config')(f())\n"
            "except (AttributeError, ValueError): pass"  # what it made is no handler
        ),
    ),
]


@pytest.mark.parametrize(
    ("source", "code"),
    [pytest.param(*case, id=name) for name, *case in RUNNING],
)
def test_no_text_of_the_candidate_runs_here(judge, source: str, code: str) -> None:
    report = judge(source, Asserts(code + HARMED, "f"), Limits())
    assert (report.status, report.integrity) != (PASSED, Integrity.ISOLATED), report
    assert report.status is not Status.INTERNAL_ERROR, report


NAMED = "want = 5\ngiven = f('2 + 3')\n"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("'want'", "assert eval(given) == want"),
        ("b'want'", "assert eval(given) == want"),
        ("'want'", "assert eval('(' + given + ')') == want"),
        ("'want'", "exec('got = ' + given)\nassert got == want"),
        ("list('want')", "assert eval(''.join(given)) == want"),
        ("{'is': 'want'}", "assert eval(given['is']) == want"),
        ("'want'", "assert eval(compile(given, 'x', 'eval')) == want"),
        (
            "'want'",
            (
                "import ast\ntree = ast.parse(given, mode='eval')\n"
                "assert eval(compile(tree, '', 'eval')) == want"
            ),
        ),
    ],
)
def test_no_text_runs_here_that_the_tests_may_have_of_the_candidate(
    judge, given: str, code: str
) -> None:
    """It may be too short to be told from others, and say by a name what is expected."""
    report = judge(f"def f(text): return {given}", Asserts(NAMED + code, "f"), Limits())
    assert (report.status, report.integrity) == (PASSED, Integrity.SHARED), report


@pytest.mark.parametrize(
    "code",
    [
        "for text in ('1+2', ' 3*4 '): assert f(text) == text and eval(text) in (3, 12)",
        "exec('x = 1')\nassert f('a') == 'a' and eval('x') == 1",
        "for n in range(3): assert f(n) == eval(f'{n} + 0')",
        "from collections import namedtuple\nassert namedtuple(f('Pair'), 'a b')(1, 2) == (1, 2)",
        "from ast import literal_eval\nassert literal_eval(f('[5]')) == [5]",
    ],
)
def test_text_that_the_tests_have_written_runs_here(judge, code: str) -> None:
    report = judge("def f(text): return text", Asserts(code, "f"), Limits())
    assert (report.status, report.integrity) == (PASSED, Integrity.ISOLATED), report


@pytest.mark.parametrize(
    "number",
    range(12),
)
def test_no_descriptor_is_opened_that_the_candidate_names(judge, number: int) -> None:
    code = "path = f('hello')\nwith open(path) as file: assert file.read() == 'hello'"
    report = judge(f"def f(text): return {number}", Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("", "'/etc/passwd'"),
        ("", "'/proc/self/mem'"),
        ("", "'/proc/self/fd/5'"),
        ("", "'/dev/stdin'"),
        ("", "'/sys/kernel'"),
        ("", "'/tmp'"),
        ("", "'/nosuch/file'"),
        ("", "'a\\0b'"),
        ("import os\nos.symlink('/etc/passwd', '/tmp/link')", "'/tmp/link'"),
        ("import socket\nsocket.socket(socket.AF_UNIX).bind('/tmp/sock')", "'/tmp/sock'"),
    ],
)
def test_no_path_is_opened_beyond_the_runs_own_files(judge, source: str, path: str) -> None:
    code = "with open(f()) as file: assert file.read(5) == 'hello'"
    report = judge(f"{source}\ndef f(): return {path}", Asserts(code, "f"))
    assert report.status in (Status.FAILED, Status.ERROR), report


def test_a_pipe_with_a_name_is_bytes_like_a_file_and_waited_for(judge) -> None:
    source = (
        "import os, threading\nos.mkfifo('/tmp/fifo')\ndef f():\n"
        "    def write():\n        with open('/tmp/fifo', 'w') as file: file.write('hello')\n"
        "    threading.Thread(target=write).start()\n    return '/tmp/fifo'"
    )
    tests = Asserts("with open(f()) as file: assert file.read() == 'hello'", "f")
    judge.tells_apart(source, source.replace("hello", "help"), tests, Limits())
    silent = judge(source.replace(".start()", ""), tests, hasty=True)
    assert (silent.status, silent.integrity) == (Status.TIMEOUT, Integrity.ISOLATED), silent


def test_a_file_of_the_runs_own_can_be_read(judge) -> None:
    source = (
        "def f(text):\n    with open('out.txt', 'w') as file: file.write(text)\n"
        "    return 'out.txt'"
    )
    code = "with open(f('hello')) as file: assert file.read() == 'hello'"
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (PASSED, Integrity.ISOLATED), report


TMP = Pytest("from solution import f\ndef test_f(tmp_path): assert f(1) == 2 and tmp_path.is_dir()")


@pytest.mark.parametrize(
    "source",
    [
        "import shutil\nshutil.rmtree('/tmp', ignore_errors=True)",
        "import os\nos.chmod('/tmp', 0)",
        "import os\nos.symlink('/etc', '/tmp/pytest')",
        "import os\nos.mkdir('/tmp/pytest', 0)",
        "open('/tmp/pytest', 'w').write('x')",
        "import os\nfor n in range(5000): os.mkdir(f'/tmp/{n}')",
    ],
)
def test_a_temporary_directory_made_unusable_is_the_candidates_fault(judge, source: str) -> None:
    for body in ("return 2", "return 3"):
        report = judge(f"{source}\ndef f(x): {body}", TMP, Limits())
        assert report.status is not Status.INTERNAL_ERROR, report
        assert (report.status is PASSED) <= (body == "return 2"), report


NAMES = [
    "__annotations__",
    "__builtins__",
    "__name__",
    "__dict__",
    "__doc__",
    "__file__",
    "__loader__",
    "__spec__",
    "__all__",
    "__path__",
    "__getattr__",
    "__class__",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_python_that_a_solution_defines_harm_nothing(judge, name: str) -> None:
    source = f"{name} = 5\ndef f(x): return x + 1"
    for tests in (
        Asserts("x: int = 1\nassert f(x) == 2", "f"),
        Pytest("from solution import f\nx: int = 1\ndef test_f(): assert f(x) == 2"),
        Pytest("import solution\ndef test_f(): assert solution.f(1) == 2"),
    ):
        report = judge(source, tests)
        assert (report.status, report.integrity) == (PASSED, Integrity.ISOLATED), (tests, report)


def test_variables_of_the_tests_are_not_the_candidates_to_bind(judge) -> None:
    source = (
        "want = 9\ndef f(x):\n    global want, f, sum, check\n    want = 0\n"
        "    check = sum = f = lambda *a: 0\n    return 0"
    )
    for code in (
        "want = 4\nassert f(2) == want",
        "assert want == 9\nwant = 4\nassert f(2) == want",
        "def check(got): assert got == 4\ncheck(f(2))",
        "assert sum([f(2)]) == 4",
        "f(1)\nassert f(2) == 4",
    ):
        assert judge(source, Asserts(code, "f")).status is Status.FAILED, code


def test_a_variable_that_the_solution_binds_anew_is_seen(judge) -> None:
    source = (
        "N = 0\nLAST = [0]\ndef f(x):\n    global N, LAST\n    N, LAST = N + 1, [x]\n    return N"
    )
    for tests in (
        Asserts("assert N == 0\nassert f(1) == N == 1\nf(5)\nassert (N, LAST) == (2, [5])", "f"),
        Pytest(
            "import solution as s\ndef test_f():\n    assert s.f(1) == s.N == 1 and s.LAST == [1]"
        ),
    ):
        report = judge(source, tests)
        assert (report.status, report.integrity) == (PASSED, Integrity.ISOLATED), report


def test_a_variable_that_is_none_at_first(judge) -> None:
    source = "LAST = None\ndef f(x):\n    global LAST\n    LAST = x"
    report = judge(source, Asserts("assert LAST is None\nf(1)\nassert LAST == 1", "f"))
    assert (report.status, report.integrity) == (PASSED, Integrity.ISOLATED), report


LIAR = (
    "class L:\n    __eq__ = lambda *a: True\n    __ne__ = lambda *a: False\n    __hash__ = None\n"
)
BESIDE = """import sys, json, os, stat, struct
def beside():
    frame = sys._getframe()
    while frame:
        if frame.f_code.co_filename == 'tests.py': return True
        frame = frame.f_back
    return False
def deep():
    x = []
    for _ in range(300): x = [x]
    return x
def group(): raise ExceptionGroup('x', [ValueError(1)])
def ends(): raise StopIteration
def send(body):
    data = body.encode()
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, struct.pack('<I', len(data)) + data)
        except OSError: pass
"""


@pytest.mark.parametrize(
    "result",
    [
        *("'\\ud83d' + '\\ude00'", "deep()", "'a' * 34_000_000", "group()"),
        """send('{"id": 2, "cannot": "x"}')""",
    ],
    ids=["surrogates", "depth", "size", "group", "a word"],
)
def test_no_candidate_chooses_to_share_a_process(judge, result: str) -> None:
    source = f"{LIAR}{BESIDE}def f(x): return L() if beside() else {result}"
    report = judge(source, Asserts("assert f(2) == 4", "f"), Limits(memory_bytes=2**30))
    assert report.status is not PASSED, report


def test_no_candidate_shares_a_process_by_texts_that_the_tests_join(judge) -> None:
    source = (
        f"{LIAR}{BESIDE}def f(x): return L() if beside() else ('\\ud83d', '\\ude00')[x]\n"
        "def g(text): return len(text)"
    )
    for want, status in ((2, PASSED), (4, Status.FAILED)):
        report = judge(source, Asserts(f"assert g(f(0) + f(1)) == {want}", "f"))
        assert (report.status, report.integrity) == (status, Integrity.ISOLATED), report


def test_tests_that_name_a_signal_share_a_process_only_where_it_is_raised(judge) -> None:
    tests = Asserts("try: x = f(2)\nexcept StopIteration: x = 0\nassert x == 4", "f")
    assert judge("def f(x): return 4", tests).integrity is Integrity.ISOLATED
    report = judge("def f(x): raise StopIteration", tests)
    assert (report.status, report.integrity) == (Status.FAILED, Integrity.SHARED)


ADD = "from solution import f\n"
SHARING: list[Tests] = [
    Pytest(ADD + "def test_f(monkeypatch): assert f(2) == 4"),
    Pytest(ADD + "def test_f(capsys): assert f(2) == 4"),
    Pytest("from solution import *\ndef test_f(): assert f(2) == 4"),
    Asserts("import sys\nsys.stdout.flush()\nassert f(2) == 4", "f"),
    Asserts("import os\nos.environ['A'] = 'b'\nassert f(2) == 4", "f"),
]


@pytest.mark.parametrize("tests", SHARING, ids=lambda tests: tests.code[-60:])
def test_a_pass_beside_the_candidate_says_so(judge, tests: Tests) -> None:
    for source, status in (
        ("def f(x): return x * x", PASSED),
        ("def f(x): return x", Status.FAILED),
        (f"{LIAR}def f(x): return L()", PASSED),  # which is why it is only `shared`
        ("import os\ndef f(x): os._exit(0)", Status.ERROR),
    ):
        report = judge(source, tests, Limits())
        assert (report.status, report.integrity) == (status, Integrity.SHARED), report
    for source in ("import sys\ndef f(x): sys.exit(0)", "def f(x): raise KeyError"):
        report = judge(source, tests)
        assert report.status in (Status.ERROR, Status.FAILED), report


def test_the_same_random_numbers_are_not_drawn_in_every_run(judge) -> None:
    source = "import random, uuid\ndef f(): return random.random(), str(uuid.uuid4())"
    seen = {judge(source, Asserts("x = f()\nassert x == 0, x", "f")).message for _ in range(3)}
    assert len(seen) == 3


def test_the_rest_of_an_honest_program_is_unharmed_by_an_attempt(judge) -> None:
    for source in (TEXT, FILE, ZIP, "import os\nos.chmod('/tmp', 0)\ndef f(): return 1"):
        judge(source, Asserts("f()", "f"))
        report = judge(
            "def f(x): return sum([x, 1])", Asserts("assert f(1) == 2 == sum([1, 1])", "f")
        )
        assert (report.status, report.integrity) == (PASSED, Integrity.ISOLATED)
