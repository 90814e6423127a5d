"""Trees from a scripted server over real HTTP: what is asked, what is kept, and what that costs."""

import asyncio
import json

import fake_upstream
import pytest
from fake_upstream import LOGPROB, FakeUpstream, answering, failing, in_turn, streaming

from evaluation.pools.asked import read_problems
from evaluation.pools.errors import InvalidRow, MixedPools
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.selection.tree import growing
from evaluation.selection.tree.grown import NAME, Expanded, Grove, Grown, Manner, TreeJournal
from policies.cost import CostModel, FlatRate

PROMPT = "def f():\n"
TESTS = {"kind": "asserts", "code": "assert f() == 1", "entry_point": "f"}
COST = CostModel({"small": FlatRate(1.0)})
TASKS = ("a/0", "a/1")


def lines(call, index):
    """Two lines at the root, of which the first choice ends there; then a last one."""
    if call.text.endswith(PROMPT):
        return ["    a = 1", "\n"] if not index else ["    a = 1", "\n", "    b", " = 2", "    c"]
    return ["    return", " 1", "\n"]


@pytest.fixture
def search(cli, tmp_path):
    """Search the trees of both tasks at a server: `search(server, "--width", 4)`."""
    data = tmp_path / "own.jsonl"
    rows = ({"task_id": task, "prompt": PROMPT, "tests": TESTS} for task in TASKS)
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "pool"

    def run(server, *arguments):
        # The command has a loop of its own, so the server has a thread of its own.
        async def both():
            async with fake_upstream.running(server):
                (tmp_path / "gateway.toml").write_text(
                    f'[models.small]\nengine = "url"\nurl = "{server.url}"\nserver = "llama.cpp"\n'
                )
                given = ["evaluate", "tree", "--dataset", "own", "--data", data, "--out", out]
                given += ["--model", "small", "--config", tmp_path / "gateway.toml", "--step", 4]
                return await asyncio.to_thread(cli, *given, *arguments)

        return asyncio.run(both())

    run.out = out
    return run


def answers(out):
    rows = [row for b in Pool.open(out).batches(Table.SAMPLES) for row in b.to_pylist()]
    return sorted(rows, key=lambda row: (row["task_id"], row["index"]))


def test_a_tree_comes_to_as_many_answers_as_it_is_wide(search):
    server = FakeUpstream(answering(lines))
    result = search(server, "--width", 3)
    assert result.exit_code == 0, result.output
    rows = answers(search.out)
    assert [(row["task_id"], row["index"]) for row in rows] == [
        (t, i) for t in TASKS for i in range(3)
    ]
    assert [row["text"] for row in rows[:3]] == [
        "    a = 1\n",
        "    a = 1\n    b = 2    return 1\n",
        "    a = 1\n    b = 2    return 1\n",
    ]
    assert {(row["nll"], row["finish_reason"]) for row in rows} == {(-LOGPROB, "stop")}
    assert [row["tokens"] for row in rows[:3]] == [2, 7, 7]
    assert Pool.open(search.out).identity.model == "small*3+tree"  # no samples of `small`
    assert len(read_problems(Pool.open(search.out))) == len(TASKS)


def test_every_round_is_asked_for_what_its_tree_says(search):
    server = FakeUpstream(answering(lines))
    search(server, "--width", 3, "--concurrency", 1, "--seed", 5)
    bodies = [call.body for call in server.calls[:3]]
    assert [body["n"] for body in bodies] == [3, 1, 1]
    assert [body["max_tokens"] for body in bodies] == [4, 4, 4]
    assert all(body["logprobs"] and body["temperature"] == 0.8 for body in bodies)
    assert {body["prompt"] for body in bodies[1:]} == {PROMPT + "    a = 1\n    b = 2"}
    assert len({body["seed"] for body in bodies}) == 3


def test_what_a_tree_cost_is_kept_beside_its_answers(search):
    server = FakeUpstream(answering(lines))
    search(server, "--width", 3, "--concurrency", 1)
    grove = Grove.read(search.out)
    assert grove.manner == Manner("small", 3, 0.1, 4)
    tree = grove.trees["a/0"]
    assert tree.rounds == 2
    prompt, longer = (len(fake_upstream.pieces(call.text)) for call in server.calls[:2])
    assert tree.requests[0] == Expanded(prompt, 0, (2, 4, 4))
    assert [request.tokens for request in tree.requests[1:]] == [(3,), (3,)]
    # The second of two equal requests found the first one's prompt.
    assert sorted(request.cached_tokens for request in tree.requests[1:]) == [0, longer - 1]
    assert tree.flops(COST, "small") == prompt + 10 + longer + 3 + 1 + 3
    assert tree.least_flops(COST, "small") == prompt + 10 + 1 + 3 + 1 + 3


def test_a_first_request_pays_its_prompt_whatever_earlier_runs_left_cached():
    tree = Grown("a/0", 1, (Expanded(10, 9, (4,)), Expanded(14, None, (2,))))
    assert tree.flops(COST, "small") == 10 + 4 + 14 + 2
    assert tree.least_flops(COST, "small") == 10 + 4 + 1 + 2


def test_a_search_that_was_stopped_goes_on_and_asks_for_no_tree_twice(search):
    server = FakeUpstream(answering(lines))
    search(server, "--width", 3, "--limit", 1)
    before, asked = answers(search.out), len(server.calls)
    assert {row["task_id"] for row in before} == {"a/0"}
    again = FakeUpstream(answering(lines))
    assert search(again, "--width", 3).exit_code == 0
    assert len(again.calls) == asked
    assert answers(search.out)[: len(before)] == before
    assert set(Grove.read(search.out).trees) == set(TASKS)
    assert search(FakeUpstream(failing(500)), "--width", 3).exit_code == 0  # nothing is asked


def test_trees_of_another_kind_do_not_mix(search):
    search(FakeUpstream(answering(lines)), "--width", 3, "--limit", 1)
    result = search(FakeUpstream(answering(lines)), "--width", 3, "--balance", 0.5)
    assert result.exit_code == 1
    assert "is another pool" in result.output
    with (
        pytest.raises(MixedPools, match="trees of another kind"),
        TreeJournal(search.out, Manner("small", 3, 0.5, 4)),
    ):
        pass


def test_a_request_that_fails_is_asked_again(search, monkeypatch):
    monkeypatch.setattr(growing.Grower, "__init__", _impatient(growing.Grower.__init__))
    server = FakeUpstream(in_turn(failing(503), answering(lines)))
    result = search(server, "--width", 3)
    assert result.exit_code == 0, result.output
    assert len(answers(search.out)) == 3 * len(TASKS)


def _impatient(made):
    def init(self, *arguments):
        made(self, *arguments, pauses_s=(0.0,))

    return init


def test_a_refused_problem_is_named_and_has_no_answers(search):
    result = search(FakeUpstream(failing(400, "too long")), "--width", 3)
    assert result.exit_code == 1
    assert "too long" in result.output
    assert "2 problems were refused" in result.output
    assert not answers(search.out)


def test_a_server_without_log_probabilities_guides_no_search(search):
    choice = {"index": 0, "text": "x", "finish_reason": "stop", "logprobs": None}
    result = search(FakeUpstream(streaming({"choices": [choice]}, "[DONE]")), "--width", 1)
    assert result.exit_code == 1
    assert "no log-probabilities" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--temperature", 0), "temperature 0"),
        (("--width", 999), "samples at once"),
    ],
)
def test_what_no_tree_can_be_made_of_is_said_at_once(search, arguments, said):
    server = FakeUpstream(answering(lines))
    result = search(server, *arguments)
    assert result.exit_code == 1
    assert said in result.output
    assert not server.calls


def test_a_file_that_holds_no_trees_does_not_read(tmp_path):
    (tmp_path / NAME).write_text('[{"model": "small"}]\n')
    with pytest.raises(InvalidRow, match="holds no trees"):
        Grove.read(tmp_path)


def test_a_tree_that_was_searched_twice_counts_as_it_was_last(tmp_path):
    manner = Manner("small", 1, 0.1, 4)
    with TreeJournal(tmp_path, manner) as journal:
        journal.keep(Grown("a/0", 1, (Expanded(10, 0, (4,)),)))
    with TreeJournal(tmp_path, manner) as journal:
        journal.keep(Grown("a/0", 2, (Expanded(10, 0, (5,)),)))
    assert Grove.read(tmp_path).trees["a/0"].rounds == 2
