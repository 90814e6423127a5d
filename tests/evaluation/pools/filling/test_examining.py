"""Tests are asked for as the gateway asks for them, and where told so, without any example."""

import asyncio

import fake_upstream
import pool_files as files
import pytest
from fake_shapes import pieces
from fake_upstream import FakeUpstream, answering
from http_world import world

from evaluation.datasets import Problem
from evaluation.pools.asked import read_problems, write_problems
from evaluation.pools.filling.examining import (
    asking_for_tests,
    is_written,
    name_of_written,
    without_examples,
)
from evaluation.pools.store import Pool
from evaluation.pools.view import read_view
from policies.selection.examined import SAMPLES
from router.plan.programs import examples_of
from router.request import TextPrompt
from sandbox import ProcessBackend

SQUARE = 'def square(n: int) -> int:\n    """Its square.\n    >>> square(3)\n    9\n    """\n'
BARE = 'def square(n: int) -> int:\n    """Its square.\n    """\n'
TESTS = " square(4) == 16\nassert square(0) == 0\n"
ASKED = ("prompt", "n", "max_tokens", "temperature", "top_p", "stop")


def problem(task, prompt=SQUARE, name="square"):
    return Problem(task, prompt, name, {"kind": "asserts"}, ("\nclass",), "    return n * n\n")


@pytest.fixture
def answered(tmp_path):
    """A pool of answers, of which only what they answer matters."""
    pool = files.write(tmp_path / "answers", [files.sample()])
    write_problems(pool, [problem(task) for task in files.TASKS])
    return pool.path


def write_tests(cli, server, answered, out, *more):
    config = out.parent / "models.toml"

    async def run():
        async with fake_upstream.running(server):
            config.write_text(
                f'[models.small]\nengine = "url"\nurl = "{server.url}"\nserver = "llama.cpp"\n'
            )
            given = (answered, "--model", "small", "--config", config, "--out", out, *more)
            return await asyncio.to_thread(cli, "evaluate", "write-tests", *given)

    return asyncio.run(run())


async def of_gateway():
    """What the gateway's request for tests says, where an answer is to be chosen by some."""
    policies = {"two": {"kind": "best_of_n", "model": "small", "n": 2}}
    small = FakeUpstream(answering(lambda _call, _index: pieces(TESTS)))
    async with world(small, small, ProcessBackend(workers=1), policies=policies) as served:
        given = {"prompt": SQUARE, "budget": {"policy": "two"}, "select": "codet"}
        answer = await served.complete(**given)
        assert answer.status_code == 200, answer.text
        return {name: small.calls[-1].body.get(name) for name in ASKED}


def test_tests_are_asked_for_as_the_gateway_does(cli, answered, tmp_path):
    server = FakeUpstream(answering(lambda _call, _index: pieces(TESTS)))
    result = write_tests(cli, server, answered, tmp_path / "tests")
    assert result.exit_code == 0, result.stderr
    asked = asyncio.run(of_gateway())
    assert asked["n"] == SAMPLES
    assert len(server.calls) == len(files.TASKS)
    for call in server.calls:
        assert {name: call.body.get(name) for name in ASKED} == asked


def test_what_is_written_is_a_pool_of_its_own_and_goes_on_where_it_was(cli, answered, tmp_path):
    server = FakeUpstream(answering(lambda _call, _index: pieces(TESTS)))
    for n in (2, 4):
        result = write_tests(cli, server, answered, tmp_path / "tests", "--n", n)
        assert result.exit_code == 0, result.stderr
    assert [call.body["n"] for call in server.calls] == [2] * 6
    view = read_view(tmp_path / "tests")
    assert view.identity.dataset == "tiny-written-tests"
    assert view.samples == 12
    assert view.unjudged == 12
    assert all(one.tokens.tolist() == [len(pieces(TESTS))] * 4 for one in view.problems)
    kept = read_problems(Pool.open(tmp_path / "tests"))
    assert [one.prompt for one in kept] == [server.calls[0].text] * 3
    judged = cli("evaluate", "judge", tmp_path / "tests")
    assert judged.exit_code == 1
    assert "tiny-written-tests" in judged.stderr


def test_a_few_problems_are_the_same_for_everybody_and_the_first_of_more(cli, answered, tmp_path):
    server = FakeUpstream(answering(lambda _call, _index: pieces(TESTS)))
    asked = []
    for count in (1, 2):
        out = tmp_path / f"tests-{count}"
        assert write_tests(cli, server, answered, out, "--problems", count).exit_code == 0
        asked.append({one.task_id for one in read_view(out).problems if len(one.index)})
    assert [len(each) for each in asked] == [1, 2]
    assert asked[0] < asked[1]


def test_no_tests_are_asked_of_tests_nor_where_no_function_is_named(cli, answered, tmp_path):
    server = FakeUpstream(answering(lambda _call, _index: pieces(TESTS)))
    written = tmp_path / "tests"
    assert write_tests(cli, server, answered, written, "--n", 1).exit_code == 0
    again = write_tests(cli, server, written, tmp_path / "more")
    assert again.exit_code == 1
    assert "tests that a model wrote" in again.stderr
    nameless = files.write(tmp_path / "nameless", [files.sample()])
    write_problems(nameless, [problem(task, name="") for task in files.TASKS])
    none = write_tests(cli, server, nameless.path, tmp_path / "none")
    assert none.exit_code == 1
    assert "names a function" in none.stderr


def test_a_name_says_whether_it_is_of_tests():
    for stripped in (False, True):
        assert is_written(name_of_written("humaneval", stripped=stripped))
    assert not is_written("humaneval")
    assert not is_written("humaneval-revised")
    assert not is_written("humaneval-stripped")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (SQUARE, BARE),
        (BARE, BARE),
        ('def square(n):\n    """Square it. square(2) is 4."""\n', "def square(n):\n"),
        (
            (
                'def square(n):\n    """\n    Square n.\n\n    For n = 3 the result should be 9.\n'
                "    Never below 0.\n    Example 1:\n        Input: 3\n    '''\n    \"\"\"\n"
            ),
            'def square(n):\n    """\n    Square n.\n\n    """\n',
        ),
        (
            "def square(n):\n    '''Square n.\n\n    EXAMPLES:\n    4 comes of 2.\n    '''\n",
            "def square(n):\n    '''Square n.\n\n    '''\n",
        ),
        (  # another function's examples say nothing of this one
            'def half(n):\n    """>>> half(4)\n    2\n    """\n    return n // 2\n\n\n' + SQUARE,
            'def half(n):\n    """>>> half(4)\n    2\n    """\n    return n // 2\n\n\n' + BARE,
        ),
        (  # prose, as MBPP asks
            (
                "Square a number. Your code should pass these tests:\n\nassert square(2) == 4\n"
                "assert square(3) == 9\n[BEGIN]\n"
            ),
            "Square a number. Your code should pass these tests:\n\n[BEGIN]\n",
        ),
    ],
)
def test_a_stripped_prompt_has_no_example_left(text, left):
    assert without_examples(text, "square") == left
    assert not examples_of(TextPrompt(left), "square")
    (asking,) = asking_for_tests([problem("a/0", text)], stripped=True)
    assert asking.prompt.startswith(left.rstrip())
    assert asking.tests == {}
