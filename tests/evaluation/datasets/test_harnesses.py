"""APPS and MBPP judge answers as their own harnesses do: one case for each form of their tests."""

import asyncio
import json

import pytest

from evaluation.datasets import apps, load, mbpp
from evaluation.gateway.local_judge import LocalJudge
from policies.values import Verdict
from sandbox import Limits, ProcessBackend, Status

PASSED, FAILED = Verdict.PASSED, Verdict.FAILED
CLASS = "class Solution:\n    def f(self, {args}):\n        return {value}\n"
BARE = "def f({args}):\n    return {value}\n"
STARTERS = {
    "class": "class Solution:\n    def f(self, x):\n        ",
    "typed class": "class Solution:\n    def f(self, x: List[int]) -> int:\n        ",
    "function": "def f(x):\n\t",
    "none": "",
}


@pytest.fixture(scope="module")
def judged():
    """Judges answers to a problem: `judged(problem, answer, ...)`."""
    with asyncio.Runner() as runner:
        backend = ProcessBackend(workers=1)
        runner.run(backend.start())
        judge = LocalJudge(backend, Limits())

        def each(problem, *answers):
            return [runner.run(judge.judge(problem, answer)) for answer in answers]

        yield each
        runner.run(backend.aclose())


def problem_of(tmp_path, cases, starter=""):
    row = {
        "id": 1,
        "question": "?",
        "difficulty": "interview",
        "input_output": json.dumps(cases),
        "starter_code": starter,
        "solutions": "[]",
    }
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (problem,) = load("apps-interview", path)
    return problem


def called(tmp_path, given, wanted, starter=""):
    return problem_of(tmp_path, {"fn_name": "f", "inputs": [given], "outputs": [wanted]}, starter)


@pytest.mark.parametrize("starter", STARTERS.values(), ids=STARTERS)
def test_class_or_function_whatever_the_starter(judged, tmp_path, starter):
    problem = called(tmp_path, [[3, 1]], [1], starter)
    right = {"args": "x: List[int]", "value": "min(x)"}
    wrong = {"args": "x", "value": "max(x)"}
    answers = [form.format(**parts) for parts in (right, wrong) for form in (CLASS, BARE)]
    found = [judgement.verdict for judgement in judged(problem, *answers)]
    assert found == [PASSED, PASSED, FAILED, FAILED]


def test_an_object_of_the_class_serves_all_cases(judged, tmp_path):
    problem = problem_of(tmp_path, {"fn_name": "f", "inputs": [[1], [2]], "outputs": [[1], [2]]})
    answer = (
        "class Solution:\n    made = 0\n"
        "    def __init__(self):\n        Solution.made += 1\n        assert Solution.made == 1\n"
        "    def f(self, x):\n        return x\n"
    )
    (judgement,) = judged(problem, answer)
    assert (judgement.verdict, judgement.checks, judgement.passed_checks) == (PASSED, 2, 2)


OUTPUTS = {
    "number": (5, ["5", "5.0"], ["6", "'5'"]),
    "in a list": ([5], ["5", "[5]", "(5,)"], ["6", "[[5]]"]),
    "list": ([1, 2], ["[1, 2]", "(1, 2)"], ["[2, 1]", "{1: 2}"]),
    "list in a list": ([[1, 2]], ["[1, 2]", "(1, 2)", "[[1, 2]]", "range(1, 3)"], ["[2, 1]"]),
    "tuples in a list": ([[[1, 2], [3, 4]]], ["[(1, 2), (3, 4)]"], ["[(1, 2)]"]),
    "several": (["a", "b"], ["'a'", "['a', 'b']"], ["'c'"]),
    "text": (["ab"], ["'ab'", "['ab']"], ["'abc'", "'AB'"]),
    "bool": ([True], ["True", "1", "[True]"], ["False", "2", "None"]),
    "nothing": ([None], ["None", "[None]"], ["0"]),
    "no list": ([[]], ["[]", "()", "[[]]"], ["None"]),
    "empty": ([], ["[]", "()"], ["None"]),
    "integer keys": ([{"1": 2}], ["{1: 2}", "[{1: 2}]"], ["{2: 1}"]),
    "a mapping": ({"1": 2}, ["{1: 2}"], ["{1: 3}", "{}"]),
    "text keys": ([{"a": [1]}], ["{'a': [1]}", "{'a': (1,)}"], ["{'b': [1]}"]),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_outputs_of_calls(judged, tmp_path, case):
    wanted, right, wrong = OUTPUTS[case]
    problem = called(tmp_path, [0], wanted)
    values = [*right, *wrong]
    found = judged(problem, *(BARE.format(args="x", value=value) for value in values))
    assert [judgement.verdict for judgement in found] == [PASSED] * len(right) + [FAILED] * len(
        wrong
    )


INPUTS = {
    "numbers": ([1, 2], "a, b", "[a, b] == [1, 2]"),
    "one list": ([[1, 2]], "a", "a == [1, 2]"),
    "lists": ([[1], ["x"]], "a, b", "(a, b) == ([1], ['x'])"),
    "none": ([], "*a", "a == ()"),
    "characters": ("ab", "a, b", "a + b == 'ab'"),
    "scalar": (5, "a", "a == 5"),
    "integer keys": ([{"1": "x"}], "a", "a == {1: 'x'}"),
    "text keys": ([{"k": 1}], "a", "a == {'k': 1}"),
    "some integer keys": ([{"k": 1, "2": 1}], "a", "a == {'k': 1, '2': 1}"),
    "keys of a later one": ([1, {"1": 2}], "a, b", "b == {'1': 2}"),
    "keys further in": ([[{"1": 2}]], "a", "a == [{'1': 2}]"),
    "long integer": ([10**30], "a", "a == 10**30 and len(str(a ** 200)) == 6001"),
}


@pytest.mark.parametrize("case", INPUTS)
def test_inputs_of_calls(judged, tmp_path, case):
    given, args, holds = INPUTS[case]
    (judgement,) = judged(called(tmp_path, given, [True]), BARE.format(args=args, value=holds))
    assert judgement.verdict is PASSED, judgement


USES = [
    "sqrt(4) + math.floor(0.5)",
    "len(list(permutations([1, 2])))",
    "Counter('aa')['a']",
    "len(deque([1, 2]))",
    "heappop([2, 3])",
    "heapq.nsmallest(1, [2])[0]",
    "collections.defaultdict(lambda: 2)['x']",
    "fractions.Fraction(4, 2).numerator",
    "lru_cache(None)(lambda: 2)()",
    "(random.seed(1), time.time(), sys.argv, 2)[-1]",
    "int(np.array([1, 1]).sum())",
    "(lambda x: x)(2)",
]


@pytest.mark.parametrize("value", USES)
def test_the_imports_of_the_harness_are_there(judged, tmp_path, value):
    in_call = called(tmp_path, [0], [2])
    whole = problem_of(tmp_path, {"inputs": ["0\n"], "outputs": ["2\n"]})
    (first,) = judged(in_call, BARE.format(args="x: List[int]", value=value))
    (second,) = judged(whole, f"stdin.readline()\nstdout.write(str(int({value})))\n")
    assert (first.verdict, second.verdict) == (PASSED, PASSED), (first, second)


def test_numpy_is_loaded_where_it_is_used_alone(judged, tmp_path):
    problem = called(tmp_path, [0], [0])
    count = "sum(name.startswith('numpy.') for name in sys.modules)"
    used = "import numpy.linalg\nfrom numpy import zeros\n" + BARE.format(
        args="x", value="int(np.linalg.norm(zeros(1)))"
    )
    found = judged(problem, BARE.format(args="x", value=count), used)
    assert [judgement.verdict for judgement in found] == [PASSED, PASSED], found


@pytest.mark.parametrize(
    ("wanted", "printed", "verdict"),
    [
        ("3\n", "3", PASSED),
        (["3", "4"], "3\n4", PASSED),
        ("3 4", " 3  4 \n", PASSED),
        ("3\n4\n", "3\n\n4", PASSED),
        ("  *\n ***\n", "*\n***", PASSED),
        ("0.5", "0.500001", PASSED),
        ("0.5 1", "0.500001 1", PASSED),
        ("0.5", "0.6", FAILED),
        ("YES", "yes", FAILED),
        ("3\n4\n", "3 4", FAILED),
        # Its last resort compares sets of words: that would accept these.
        ("3 4", "4 3", FAILED),
        ("3\n4", "4\n3", FAILED),
        ("3 3", "3", FAILED),
        ("0.1234 1", "0.1233 1", FAILED),
    ],
)
def test_outputs_of_whole_programs(judged, tmp_path, wanted, printed, verdict):
    problem = problem_of(tmp_path, {"inputs": [["", ""]], "outputs": [wanted]})
    (judgement,) = judged(problem, f"print({printed!r})\n")
    assert judgement.verdict is verdict


def test_a_whole_program_may_hold_its_main_part_in_any_form(judged, tmp_path):
    problem = problem_of(tmp_path, {"inputs": ["1 2\n", ["3 4"]], "outputs": ["3\n", ["7"]]})
    answers = (
        "import sys\nprint(sum(map(int, sys.stdin.read().split())))\n",
        "def main():\n    print(sum(map(int, input().split())))\nmain()\n",
        "if __name__ == '__main__':\n    print(sum(map(int, open(0).read().split())))\n",
        "print(sum(map(int, stdin.buffer.readline().split())))\nsys.exit()\n",
        "from __future__ import annotations\nprint(sum(map(int, input().split())))\n",
    )
    assert [one.verdict for one in judged(problem, *answers)] == [PASSED] * len(answers)


def test_a_case_has_four_seconds(judged, tmp_path):
    problem = called(tmp_path, [0], [0])
    slow, hanging = judged(
        problem, *(f"def f(x):\n    time.sleep({seconds})\n    return 0\n" for seconds in (1.5, 99))
    )
    assert slow.verdict is PASSED
    assert (hanging.verdict, hanging.status) == (FAILED, Status.TIMEOUT)
    assert apps.LIMITS["wall_s"] == 4


def test_mbpp_sets_up_with_the_classes_of_the_program(judged):
    example = {"text": "?", "code": "def f(): pass", "test_list": ["assert f() is None"]}
    rows = [{"task_id": number} | example for number in mbpp.SHOTS]
    tree = {
        "task_id": 11,
        "text": "Write a function that finds the height of a tree.",
        "code": "class Node: pass\ndef height(node): return 1\n",
        "test_list": ["assert height(root) == 2"],
        "test_setup_code": "root = Node(50)\r\nroot.left = Node(2)\r\n",
    }
    (problem,) = mbpp.problems([*rows, tree], "rows")
    node = "class Node:\n    left = None\n    def __init__(self, data): self.data = data\n"
    height = "def height(node): return 0 if node is None else 1 + height(node.left)\n"
    right, wrong = judged(problem, node + height, node + height.replace("1 +", "2 +"))
    assert (right.verdict, wrong.verdict) == (PASSED, FAILED), (right, wrong)
