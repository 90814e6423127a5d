"""Suite A, the answers: whatever a candidate puts into one, it is no pass and no fault of ours.

Every value that arrives from the candidate's process is checked against what was asked of it.
"""

import pytest

from sandbox import Asserts, Call, Calls, Integrity, Limits, Pytest, Status, Tests
from sandbox.inner.testing.tester import bind

ERROR, FORGED = Status.ERROR, Status.FORGED
ASSERTS = Asserts("assert f(1) == 2", "f")
CALLS = Calls("f", (Call([1], 2),))
FRAMES = """
import sys
def put(change):
    frame = sys._getframe()
    while frame:
        asked = frame.f_locals.get("frame")
        if isinstance(asked, dict) and "names" in asked: change(asked["names"])
        frame = frame.f_back
"""


@pytest.mark.parametrize(
    ("source", "tests"),
    [
        ("put(lambda names: names.append('abs'))\ndef abs(x): return 0.0\ndef f(x): return 0.0",
         Asserts("assert abs(f(2.0) - 1.41421356) < 1e-6", "f")),
        (("put(lambda names: names.append('isclose'))\ndef isclose(*a): return True\n"
"def f(x): return 0.0"),
         Asserts("assert isclose(f(2.0), 1.41421356)", "f", "from math import isclose")),
        ("put(lambda names: names.append('check'))\ndef check(f): pass\ndef f(x): return 0",
         Asserts("check(f)", "f", "def check(f):\n    assert f(1) == 2")),
        ("put(lambda names: names.append('__path__'))\n__path__ = [0]\ndef f(x): return 0",
         Pytest("from solution import f\ndef test_f(): assert f(1) == 2")),
    ],
    ids=["a built-in", "an import of the prelude", "a helper of the prelude", "a name of modules"],
)  # fmt: skip
def test_no_name_is_taken_that_was_not_asked_for(judge, source: str, tests: Tests) -> None:
    judge.check(judge(FRAMES + source, tests), FORGED)


def test_trusted_names_stay_in_place_whatever_the_answer() -> None:
    names: dict[str, object] = {"helper": len}
    found = dict.fromkeys(["helper", "abs", "f", "other"], max)
    assert bind(names, found, "f") is None
    assert names == {"helper": len, "f": max, "other": max}
    missing = bind(names, {"other": max}, "g")
    assert missing is not None
    assert missing["status"] == "error"


@pytest.mark.parametrize("signal", ["StopIteration", "StopAsyncIteration", "GeneratorExit"])
@pytest.mark.parametrize(
    "code",
    [
        "assert all(map(f, [2, 3, 5]))\nassert not any(map(f, [4, 6]))",
        "for got, want in zip(map(f, [1, 2]), [2, 3]): assert got == want",
        "r = list(map(f, [1, 2]))\nassert all(a == b for a, b in zip(r, [2, 3]))",
        "assert not list(filter(f, [4, 6]))",
        "assert list(iter(lambda: f(1), 0)) == []",
    ],
    ids=["all", "zip", "list", "filter", "iter"],
)
def test_no_loop_of_the_tests_ends_at_the_candidates_word(judge, signal: str, code: str) -> None:
    source = f"class Own({signal}): pass\ndef f(x): raise {{}}"
    module = "from solution import f\ndef test_f():\n    " + code.replace("\n", "\n    ")
    for name in (signal, "Own"):
        for tests in (Asserts(code, "f"), Pytest(module)):
            report = judge(source.format(name), tests)
            judge.check(report, ERROR)
            assert name in report.message


SEND = """
import json, os, stat, struct
def send(body):
    data = body.encode()
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, struct.pack('<I', len(data)) + data)
        except OSError: pass
"""
GIVEN = '["t", [{}, ["t", []]]]'
"""A value, and no variable that is bound to another one."""
TOLD = '"changed": [], "classes": []'
"""The parts of every answer, beside what was asked for."""


def answer_of(value: str, more: str = TOLD) -> str:
    """The answer that gives this value, in wire form."""
    return f'{{"id": 2, "value": {value}, {more}}}'


def raising(raised: str) -> str:
    """The answer that says that this was raised."""
    return f'{{"id": 2, "raised": {raised}, "value": {GIVEN.format("null")}, {TOLD}}}'


def answering(answer: str, then: str = "return 0") -> str:
    """A program that answers its first call so."""
    return f"{SEND}\ndef f(x):\n    send({answer!r})\n    {then}"


TWO = GIVEN.format(2)
ANSWERS = [
    '{"id": 2}',
    answer_of(TWO, TOLD + ', "more": 1'),
    answer_of(TWO, '"changed": []'),
    answer_of(TWO, '"classes": []'),
    answer_of(TWO).replace("2,", "2.0,", 1),
    answer_of(TWO).replace("2,", "3,", 1),
    answer_of(TWO).replace("2,", "true,", 1),
    answer_of(TWO).replace("2,", '"2",', 1),
    '{"id": 2, "value": ["x"]}',
    '{"id": 2, "value": {"a": 1}}',
    '{"id": 2, "cannot": 5}',
    '{"id": 2, "cannot": "x", "more": 1}',
    '{"id": 2, "raised": 5}',
    '{"id": 2, "raised": []}',
    '{"id": 2, "names": {}}',
    '{"id": 2, "ask": "call"}',
    '{"id": 2, "ask": "call", "on": 0, "value": 5, "changed": [], "classes": []}',
    '{"id": 2, "ask": 5, "on": [], "value": ["t", []], "changed": [], "classes": []}',
    "[]",
    "5",
    "",
    "{",
    '{"id": 2, "value": NaN}',
]
VALUES = [
    "2",
    '["t", [2]]',
    '["t", [2, []]]',
    '["t", [2, ["t", []], 3]]',
    '["t", [2, ["l", 0, []]]]',
    '["t", [2, ["d", 0, []]]]',
    '["t", [2, ["t", [1]]]]',
    '["t", [2, ["t", [["t", [5, 2]]]]]]',
    '["t", [2, ["t", [["t", ["f", 2, 3]]]]]]',
    '["l", 0, [2, ["t", []]]]',
    GIVEN.format('["l", 1, []]'),
    GIVEN.format('["l", -1, []]'),
    '["t", [1, 2]]',
    "[" * 400 + "]" * 400,
    '["n", ' * 300 + "1" + "]" * 300,
    GIVEN.format('["h", 77, 99]'),
    GIVEN.format('["p", 0]'),
    GIVEN.format('["k", 5]'),
    GIVEN.format('["o", 1]'),
    GIVEN.format('["g", "os", "system"]'),
    GIVEN.format('["w", 9, 9, "int", 5]'),
    GIVEN.format('["x", 9, 9]'),
    GIVEN.format('["v", "date", [1, 1]]'),
    GIVEN.format('["v", "Decimal", ["zz"]]'),
    GIVEN.format('["r", 99]'),
    GIVEN.format('{"a": 1}'),
]
PARTS = [
    '"changed": 5, "classes": []',
    pytest.param(
        '"changed": [5], "classes": []',
    ),
    '"changed": [["l", 9, []]], "classes": []',
    '"changed": [["d", 1, []]], "classes": []',
    '"changed": {}, "classes": []',
    '"changed": [], "classes": 5',
    '"changed": [], "classes": [5]',
    '"changed": [], "classes": [{}]',
    '"changed": [], "classes": [{"number": 9, "name": 5}]',
    '"changed": [], "classes": [' + ", ".join(["{}"] * 3000) + "]",
]
RAISED = [
    "5",
    "{}",
    '{"kind": 5, "bases": [], "message": "", "args": null, "state": null}',
    '{"kind": "E", "bases": 5, "message": "", "args": null, "state": null}',
    '{"kind": "E", "bases": [], "message": 5, "args": null, "state": null}',
    '{"kind": "E", "bases": [], "message": "", "args": 5, "state": null}',
    '{"kind": "E", "bases": [], "message": "", "args": ["x"], "state": null}',
    '{"kind": "E", "bases": [], "message": "", "args": null, "state": ["l", 0, []]}',
    '{"kind": "E", "bases": [], "message": "", "args": null}',
    '{"guest": 0}',
    '{"guest": -1}',
    '{"object": ["x", 1, 1], "message": "", "args": null}',
    '{"object": ["h", 1, 1], "message": "", "args": null}',
    '{"object": 5, "message": "", "args": null}',
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_no_answer_to_the_question_is_forged(judge, answer: str) -> None:
    for tests in (ASSERTS, CALLS):
        assert judge(answering(answer), tests).status is FORGED, tests


def test_an_answer_as_it_should_be_counts(judge) -> None:
    """So the others are refused for what is wrong with them, and for nothing else."""
    source = answering(answer_of(TWO), "os._exit(0)")
    assert judge(source, ASSERTS).status is Status.PASSED
    wrong = answering(answer_of(GIVEN.format(3)), "os._exit(0)")
    assert judge(wrong, ASSERTS).status is Status.FAILED


FLOOD = "print('x' * 2_000_000, flush=True)\n"
FIRST = {
    "forged": (FLOOD + answering(ANSWERS[0]), ASSERTS, FORGED),
    "violation": (
        f"{FLOOD}import os, signal\ndef f(x): os.kill(os.getpid(), signal.SIGSYS)",
        ASSERTS,
        Status.SANDBOX_VIOLATION,
    ),
    "memory": (f"{FLOOD}def f(x): return [0] * 10**10", ASSERTS, Status.MEMORY_LIMIT),
    "tests": (
        FLOOD + "def f(x): pass",
        Asserts("1 / 0", "f"),
        Status.INTERNAL_ERROR,
    ),
    "error": (f"{FLOOD}def f(x): return 1 / 0", ASSERTS, Status.OUTPUT_LIMIT),
}


@pytest.mark.parametrize("case", FIRST)
def test_who_prints_too_much_is_found_out_for_what_is_worse(judge, case: str) -> None:
    source, tests, status = FIRST[case]
    report = judge(source, tests, Limits())
    assert (report.status, report.stdout_truncated) == (status, True), report


@pytest.mark.parametrize("value", VALUES)
def test_what_is_no_value_is_forged(judge, value: str) -> None:
    assert judge(answering(answer_of(value)), ASSERTS).status is FORGED


@pytest.mark.parametrize("parts", PARTS, ids=lambda parts: str(parts)[:60])
def test_what_no_program_could_tell_of_its_objects_is_forged(judge, parts: str) -> None:
    assert judge(answering(answer_of(TWO, parts)), ASSERTS).status is FORGED


@pytest.mark.parametrize("raised", RAISED)
def test_what_is_no_exception_is_forged(judge, raised: str) -> None:
    assert judge(answering(raising(raised)), ASSERTS).status is FORGED


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "1e400", "Infinity", "NaN", "1" + "0" * 5000]
)
def test_numbers_that_json_has_not_end_no_run(judge, number: str) -> None:
    for value in (
        GIVEN.format(number),
        f'["l", {number}, []]',
        GIVEN.format(f'["h", {number}, 0]'),
    ):
        report = judge(answering(answer_of(value), "os._exit(0)"), ASSERTS)
        assert report.status in (FORGED, Status.FAILED), report


@pytest.mark.parametrize(
    ("bases", "known", "caught"),
    [
        ('["StopIteration"]', "null", "Exception"),
        ('["BaseException"]', "null", "Exception"),
        ('["KeyboardInterrupt"]', '["builtins", "KeyboardInterrupt"]', "Exception"),
        ('["GeneratorExit"]', '["builtins", "GeneratorExit"]', "Exception"),
        ('["int", "print", "__import__", "nothing", 7]', "null", "Exception"),
        ("[]", '["os", "system"]', "Exception"),
        ("[]", '["subprocess", "Popen"]', "Exception"),
        ("[]", '["pathlib", "Path"]', "Exception"),
        ("[]", '["json.nothing", "A.B"]', "Exception"),
        ("[]", '["sandbox.inner.answers.link", "Stop"]', "Exception"),
        ("[]", "[[], {}]", "Exception"),
        ('["UnicodeDecodeError", "ValueError"]', '["builtins", "UnicodeDecodeError"]', "Exception"),
        pytest.param(
            '["FileNotFoundError", "OSError"]',
            "null",
            "FileNotFoundError",
        ),
        ("[]", '["json.decoder", "JSONDecodeError"]', "ValueError"),
    ],
)
def test_an_exception_is_of_a_type_that_fails_plainly(judge, bases, known, caught) -> None:
    answer = raising(
        f'{{"kind": "a b", "bases": {bases}, "known": {known}, "message": "", '
        '"args": ["l", 0, [1]], "state": null, "cause": null}'
    )
    code = f"try: f(1)\nexcept {caught}: pass\nelse: assert False"
    assert judge(answering(answer), Asserts(code, "f")).status is Status.PASSED
    assert judge(answering(answer), ASSERTS).status is ERROR


@pytest.mark.parametrize("field", ["kind", "message", "detail"])
def test_a_hostile_account_of_a_failure_is_an_error(judge, field: str) -> None:
    deep = "[" * 900 + "]" * 900
    fields = {"kind": '"E"', "message": '""', "detail": '"syntax"', field: deep}
    account = ", ".join(f'"{name}": {value}' for name, value in fields.items())
    answer = f'{{"id": 1, "failure": {{{account}}}}}'
    for tests in (ASSERTS, CALLS):
        assert judge(f"{SEND}\nsend({answer!r})", tests).status is ERROR


def test_an_answer_that_fills_the_memory_is_charged_to_the_candidate(judge) -> None:
    source = SEND + "send('{\"id\": 1, \"x\": [' + '{},' * 10_000_000 + '{}]}')"
    limits = Limits(wall_s=20.0, cpu_s=20.0, memory_bytes=128 * 2**20)
    assert judge(source, ASSERTS, limits).status is Status.MEMORY_LIMIT


@pytest.mark.parametrize("argument", ["10**5000", "[10**5000]", "{1: (10**5000,)}"])
def test_an_exception_without_a_text_is_the_candidates(judge, argument: str) -> None:
    for code in ("assert f(1) == 2", "x = f(1)"):
        module = Pytest(f"from solution import f\ndef test_f():\n    {code}")
        for tests in (Asserts(code, "f"), module):
            assert judge(f"def f(x): raise ValueError({argument})", tests).status is ERROR
    failed = judge(f"def f(x): return {argument}", Asserts("x = f(1)\nassert x == 2, x", "f"))
    assert failed.status is Status.FAILED


def test_an_exit_while_a_test_module_loads_is_the_candidates(judge) -> None:
    module = Pytest("from solution import f\nX = f()\ndef test_f(): assert X == 1")
    report = judge("def f(): raise SystemExit(0)", module)
    assert (report.status, report.detail) == (ERROR, "early_exit")


def test_a_signal_that_the_tests_name_is_real_and_so_shared(judge) -> None:
    source = "items = iter([1])\ndef f(): return next(items)"
    code = "assert f() == 1\ntry: f()\nexcept StopIteration: pass\nelse: assert False"
    report = judge(source, Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.SHARED)


def test_functions_named_like_parts_of_a_module_harm_nothing(judge) -> None:
    source = "def __class__(): pass\ndef __dict__(): pass\ndef __getattr__(n): pass\n"
    code = "import solution\ndef test_f():\n    x = solution.f\n    x.__class__\n"
    report = judge(source + "def f(x): return 2", Pytest(code + "    assert x(1) == 2"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED)


EQUAL = "type('E', (), {'__eq__': lambda *a: True})()"
PICKLE = (
    "class E:\n    def __reduce__(self): return eval, (EQUAL,)\n"
    "import pickle\ndef f(path):\n    with open(path, 'wb') as file: pickle.dump(E(), file)"
)


@pytest.mark.parametrize(
    ("source", "tests"),
    [
        ("def f(x): return EQUAL", Asserts("assert eval(f(1)) == 2", "f")),
        ("def f(x): return EQUAL", Asserts("assert ev(f(1)) == 2", "f", "ev = lambda s: eval(s)")),
        ("def f(x): return 'y = ' + EQUAL",
         Asserts("y = {}\nexec(f(1), y)\nassert y['y'] == 2", "f")),
        (PICKLE, Asserts("import pickle\nf('a')\nassert pickle.load(open('a', 'rb')) == 2", "f")),
        ("open('solution.py', 'w').write('def f(x): return ' + EQUAL)\ndef f(x): return 0",
         Asserts("exec(open('solution.py').read())\nassert f(1) == 2", "f")),
        ("open('colorsys.py', 'w').write('x = ' + EQUAL)\ndef f(x): return 0",
         Asserts(("import sys\nsys.path.insert(0, '.')\nimport colorsys\n"
"assert f(1) == 0 and colorsys.x == 2"), "f")),
        ("open('/dev/shm/colorsys.py', 'w').write('x = ' + EQUAL)\ndef f(x): return 0",
         Pytest("import sys\nsys.path.insert(0, '/tmp/../dev/shm/.')\nfrom solution import f\n"
"import colorsys\ndef test_f(): assert f(1) == 0 and colorsys.x == 2")),
    ],
    ids=["eval", "eval in the prelude", "exec", "pickle", "file", "import", "import by pytest"],
)  # fmt: skip
def test_no_text_or_file_of_the_candidate_runs_beside_isolated_tests(judge, source, tests) -> None:
    report = judge(f"EQUAL = {EQUAL!r}\n{source}", tests)
    assert (report.status, report.integrity) != (Status.PASSED, Integrity.ISOLATED), report
    assert report.integrity is Integrity.SHARED


def test_a_path_of_imports_with_nothing_on_it_stays_isolated(judge) -> None:
    code = "import sys\nsys.path.insert(0, '.')\nimport colorsys, json.tool\nassert f(1) == 2"
    report = judge("def f(x): return 2", Asserts(code, "f"))
    assert (report.status, report.integrity) == (Status.PASSED, Integrity.ISOLATED), report
