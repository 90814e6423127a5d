"""HumanEval+ and MBPP+, from small files that the tests write, with references that really run."""

import asyncio
import gzip
import json
import math
import re
from collections import Counter, OrderedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.datasets import DatasetUnavailable, UnknownDataset, load, second_tests
from evaluation.datasets.plus import expected
from evaluation.datasets.plus.answering import likely_forms, restored
from evaluation.datasets.plus.assertions import read_assertions
from evaluation.datasets.plus.values import read, same, told, truth
from evaluation.gateway.local_judge import LocalJudge
from policies.values import Verdict
from sandbox import Limits, ProcessBackend, SandboxUnavailable

PASSED, FAILED = Verdict.PASSED, Verdict.FAILED


def row(number=1, **others):
    """MBPP+'s form: what pairs add up to."""
    return {
        "task_id": f"Mbpp/{number}",
        "prompt": '"""\nAdd pairs.\n"""\n',
        "entry_point": "add",
        "canonical_solution": "\ndef add(pairs):\n    return [a + b for a, b in pairs]\n",
        "base_input": [[[[1, 2], [3, 4]]]],
        "atol": 0,
        "plus_input": [[[]], [[[1, -1]]], [[[0.1, 0.2]]]],
        "contract": "\n    assert all(type(pair) is tuple for pair in pairs)\n",
        "assertion": "\nassert add([(1, 2), (3, 4)]) == [3, 7]\n",
    } | others


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(expected, "_folder", lambda: folder)
    return folder


@pytest.fixture
def release(tmp_path):
    def written(*rows, name="plus.jsonl.gz"):
        path = tmp_path / name
        with gzip.open(path, "wt") as file:
            file.writelines(json.dumps(each) + "\n" for each in rows)
        return path

    return written


def judged(problem, *answers):
    async def run():
        async with ProcessBackend(workers=1) as backend:
            judge = LocalJudge(backend, Limits())
            return [(await judge.judge(problem, answer)).verdict for answer in answers]

    return asyncio.run(run())


def test_the_reference_says_what_is_expected_and_inputs_have_their_types_again(release):
    (problem,) = load("mbpp-plus", release(row()))
    assert (problem.task_id, problem.entry_point) == ("MBPP/1", "add")
    right = "def add(pairs):\n    assert all(type(p) is tuple for p in pairs)\n"
    verdicts = judged(
        problem,
        problem.reference,
        f"{right}    return [sum(p) for p in pairs]\n",
        "def add(pairs):\n    return [abs(a + b) or 1 for a, b in pairs]\n",  # right for the first
        "def add(pairs):\n    return [round(a + b, 9) for a, b in pairs]\n",  # by a rounding error
        "def add(pairs):\n    return [round(a + b, 0) for a, b in pairs]\n",
    )
    assert verdicts == [PASSED, PASSED, FAILED, PASSED, FAILED]


def test_what_is_left_out_is_counted(release):
    solution = """
def add(n):
    if n == 1:
        raise ValueError
    if n == 2:
        while True:
            pass
    if n == 3:
        return "x" * 200_000
    if n == 4:
        return object()
    return n
"""
    given_row = row(
        canonical_solution=solution,
        base_input=[[0]],
        plus_input=[[1], [2], [3], [4], ["5"], [6]],
        contract="\n    assert type(n) is int\n",
        assertion="\nassert add(0) == 0\n",
    )
    found = second_tests("mbpp-sanitized", release(given_row))
    assert found.left_out == {"unanswered": 2, "slow": 1, "large": 1, "invalid": 1}
    assert found.inputs == 7
    assert found.omissions.startswith("5 of 7 inputs are left out: 1 invalid, 1 large, 1 slow")
    assert judged(found.problems[0], "def add(n):\n    return n\n") == [PASSED]


def test_an_order_that_hashes_decide_is_none(release):
    words = [[[f"word{n}" for n in range(40)]]]
    made = row(
        canonical_solution="\ndef add(words):\n    return tuple(set(words))\n",
        base_input=words,
        plus_input=[],
        contract="\n    assert type(words) is list\n",
        assertion="\nassert add(['a']) == ('a',)\n",
    )
    (problem,) = load("mbpp-plus", release(made))
    assert judged(
        problem,
        "def add(words):\n    return sorted(words)\n",
        "def add(words):\n    return sorted(words)[1:]\n",
    ) == [PASSED, FAILED]


def test_references_answer_once(release, cache, monkeypatch):
    path = release(row())
    first = load("mbpp-plus", path)
    (kept,) = cache.iterdir()

    def unavailable(**_others):
        raise SandboxUnavailable("no namespaces here")

    monkeypatch.setattr(expected, "ProcessBackend", unavailable)
    assert load("mbpp-plus", path) == first
    # Of other rows nothing is kept; nor is what does not read.
    with pytest.raises(DatasetUnavailable, match="its references cannot be run"):
        load("mbpp-plus", release(row(plus_input=[]), name="other.jsonl.gz"))
    for damage in (b"", kept.read_bytes()[:-20], gzip.compress(b'{"MBPP/1": 3}')):
        kept.write_bytes(damage)
        with pytest.raises(DatasetUnavailable, match="no namespaces"):
            load("mbpp-plus", path)


@pytest.mark.parametrize(
    ("made", "word"),
    [
        ([], "no problems"),
        ([row(task_id="HumanEval/1")], "not MBPP"),
        ([{"task_id": "Mbpp/1", "text": "", "code": "", "test_list": []}], "not MBPP"),
        ([row(canonical_solution="x = 1")], "does not define add"),
        ([row(canonical_solution="def add(pairs):\n    import os; os._exit(1)\n")], "MBPP/1"),
    ],
)
def test_another_file_is_named(release, made, word):
    with pytest.raises(DatasetUnavailable, match=re.escape(word)):
        load("mbpp-plus", release(*made))


def test_where_the_file_is_not_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("MBPP_PLUS", raising=False)
    with pytest.raises(DatasetUnavailable, match="MbppPlus"):
        second_tests("mbpp")
    monkeypatch.setenv("MBPP_PLUS", str(tmp_path / "nothing.jsonl.gz"))
    with pytest.raises(DatasetUnavailable, match="nothing"):
        second_tests("mbpp")
    with pytest.raises(UnknownDataset, match="no second tests of dataset 'apps-interview'"):
        second_tests("apps-interview")


def test_any_root_will_do(release):
    prompt = "def poly(xs, x):\n    return sum(c * x**i for i, c in enumerate(xs))\n\n"
    made = {
        "task_id": "HumanEval/32",
        "prompt": f'{prompt}def find_zero(xs):\n    """A root."""\n',
        "entry_point": "find_zero",
        "canonical_solution": "    return 1.0\n",
        "test": "def check(candidate):\n    assert poly([-1, 0, 1], candidate([-1, 0, 1])) == 0\n",
        "contract": "    pass\n",
        "base_input": [[[-1, 0, 1]]],
        "atol": 1e-4,
        "plus_input": [],
    }
    (problem,) = load("humaneval-plus", release(made))
    answers = ("    xs.clear()\n    return -1.0\n", "    return 1.00001\n", "    return 2.0\n")
    assert judged(problem, *answers) == [PASSED, PASSED, FAILED]


@pytest.mark.parametrize(
    ("source", "compared", "arguments"),
    [
        ("assert f(1, 'a') == 2\nassert f((1,)) == 3", "value", ([1, "a"], [(1,)])),
        ("assert f([])\nassert not f([1])", "truth", ([[]], [[1]])),
        ("assert set(f(1)) == set([1])", "set", ([1],)),
        ("def check(f):\n    assert tuple(f(1)) == tuple(x)", "tuple", ([1],)),
        ("assert f(1)\nassert f(2) == 3", "value", ([1], [2])),
        ("assert math.isclose(f(x), 2)", "value", ()),
        ("assert abs(g(f(1))) < 1", "value", ([1],)),
    ],
)
def test_assertions_show_how_results_are_compared(source, compared, arguments):
    found = read_assertions(source, "f")
    assert (found.compared, found.arguments) == (compared, arguments)


def test_forms_are_those_that_assertions_show_or_else_that_the_contract_takes():
    def contract(items, n):
        assert isinstance(items, tuple)
        assert n > 0

    nested = [[1, [2]], 3]
    assert restored(nested, contract, None) == [(1, [2]), 3]
    likely = likely_forms([nested], [[(1, (2,)), 3]])
    assert restored(nested, contract, likely) == [(1, (2,)), 3]
    assert restored([[1], 0], contract, likely) is None
    assert likely_forms([nested], []) is None


def again(value):
    return json.loads(json.dumps(told(value)), object_hook=read)


HASHABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
VALUES = st.recursive(
    HASHABLE | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(VALUES)
def test_values_come_back_as_they_were(value):
    assert repr(again(value)) == repr(value) or again(value) == value
    assert type(again(value)) is type(value)
    assert same(again(value), value, 0)


def test_what_derives_from_a_plain_type_is_told_as_one():
    assert again(Counter("aab")) == {"a": 2, "b": 1}
    assert again(OrderedDict(a=True)) == {"a": True}
    with pytest.raises(TypeError, match="Pattern"):
        told([re.compile("a")])


@pytest.mark.parametrize(
    ("got", "wanted", "tolerance", "equal"),
    [
        (1, 1.0, 0, True),
        (0.1 + 0.2, 0.3, 0, True),
        (0.3001, 0.3, 1e-3, True),
        (0.31, 0.3, 1e-3, False),
        ([0.3], [0.3 + 1e-9], 0, True),
        ((0.3,), [0.3], 0, False),
        ([0.3, 1], [0.3], 0, False),
        ({"a": 0.3}, {"a": 0.3 + 1e-9}, 0, True),
        ({"b": 0.3}, {"a": 0.3 + 1e-9}, 0, False),
        (math.nan, math.nan, 0, True),
        (math.inf, 1.0, 0, False),
        (10**400, 1.0, 0, False),
        ("a", 1.0, 0, False),
        (3, 4, 1e-3, False),
    ],
)
def test_which_results_are_the_same(got, wanted, tolerance, equal):
    assert same(got, wanted, tolerance) is equal


@pytest.mark.parametrize(
    ("value", "true"), [(None, False), (0, False), ("", False), (re.match("", ""), True)]
)
def test_what_counts_as_true(value, true):
    assert truth(value) is true
