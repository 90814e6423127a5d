"""Collecting from a scripted server over real HTTP: what is asked, kept, retried and left out."""

import asyncio
import json
import signal
import sys
from dataclasses import replace

import fake_upstream
import pool_files as files
import pytest
from fake_upstream import FakeUpstream, answering, failing, half, in_turn, streaming
from http_world import eventually

from evaluation.datasets import STOP, Problem
from evaluation.pools.asked import read_problems
from evaluation.pools.filling.collecting import CollectFailed, Collector
from evaluation.pools.filling.plan import planned
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.pools.view import read_view
from router.sections.models import RemoteModel
from router.service import running as running_service
from router.settings import Settings

TESTS = {"kind": "asserts", "code": "assert f() == 1", "entry_point": "f"}
PROBLEMS = [
    Problem(task, f"def f():  # {task}\n", "f", TESTS, ("\nclass",), "") for task in files.TASKS
]


def collected(server, *, n=4, batch=2, concurrency=2, server_kind="llama.cpp", context=None):
    """The rows of each draw kept, and the collector."""

    async def run():
        async with fake_upstream.running(server):
            remote = RemoteModel(url=server.url, server=server_kind, context=context)
            settings = Settings(models={"small": remote}, sandbox={"enabled": False})
            async with running_service(settings) as service:
                upstream = service.gateway.upstreams["small"]
                collector = Collector(upstream, files.identity(), pauses_s=(0.0, 0.0))
                kept = []
                plan = list(planned(PROBLEMS, {}, n, batch, 5))
                await collector.over(plan, kept.append, concurrency=concurrency)
                return kept, collector

    return asyncio.run(run())


def collect(server, **how):
    """The rows of each draw kept, and what was left out."""
    kept, collector = collected(server, **how)
    return kept, collector.left_out


def says(call, index):
    return ["    return", f" {index}", "\n"]


def test_rows_are_whole_draws_with_what_the_server_said():
    server = FakeUpstream(answering(says))
    kept, left_out = collect(server)
    assert not left_out
    assert [len(rows) for rows in kept] == [2] * 6
    rows = [row for rows in kept for row in rows]
    assert sorted((r["task_id"], r["index"]) for r in rows) == [
        (task, index) for task in files.TASKS for index in range(4)
    ]
    for row in rows:
        assert row["text"] == f"    return {row['index'] - row['draw']}\n"
        assert (row["tokens"], row["finish_reason"], row["nll"]) == (3, "stop", 0.25)
        assert row["prompt_tokens"] == len(fake_upstream.pieces(f"def f():  # {row['task_id']}\n"))


def test_a_request_asks_for_what_the_pool_is():
    server = FakeUpstream(answering(says))
    collect(server, n=2)
    bodies = [call.body for call in server.calls]
    assert all(body["n"] == 2 and body["max_tokens"] == 32 for body in bodies)
    assert all(body["temperature"] == 0.8 and body["top_p"] == 0.95 for body in bodies)
    assert all(body["stop"] == ["\nclass"] and body["logprobs"] for body in bodies)
    assert all(body["top_k"] == 0 for body in bodies)
    again = FakeUpstream(answering(says))
    collect(again, n=2)
    seeds = {call.body["prompt"]: call.body["seed"] for call in server.calls}
    assert seeds == {call.body["prompt"]: call.body["seed"] for call in again.calls}
    assert len(set(seeds.values())) == len(files.TASKS)


def test_tokens_that_say_nothing_are_counted():
    server = FakeUpstream(answering(lambda *_: ["", "", "x"]))
    kept, _ = collect(server, n=1, batch=1)
    assert kept[0][0]["text"] == "x"
    assert kept[0][0]["tokens"] == 3


def test_a_vllm_server_does_as_well():
    kept, _ = collect(FakeUpstream(answering(says), kind="vllm"), server_kind="vllm")
    assert {(row["tokens"], row["nll"]) for rows in kept for row in rows} == {(3, 0.25)}


def test_a_cut_sample_says_so():
    server = FakeUpstream(answering(lambda *_: ["x"] * 40))
    kept, _ = collect(server, n=1, batch=1)
    assert {(row["finish_reason"], row["tokens"]) for rows in kept for row in rows} == {
        ("length", 32)
    }


@pytest.mark.parametrize("broken", [failing(503), half(), streaming("[DONE]")])
def test_a_draw_that_fails_is_asked_again_and_kept_once(broken):
    server = FakeUpstream(in_turn(broken, answering(says)))
    kept, _ = collect(server, concurrency=1)
    keys = [(row["task_id"], row["index"]) for rows in kept for row in rows]
    assert len(keys) == len(set(keys)) == 12
    assert len(server.calls) == 7
    assert server.calls[0].body == server.calls[1].body


def test_a_server_that_stays_broken_ends_it():
    with pytest.raises(CollectFailed, match="tries of this draw: 3"):
        collect(FakeUpstream(failing(500)))


@pytest.mark.parametrize(
    ("logprobs", "reason"),
    [
        (None, "no log-probabilities"),
        ({"tokens": ["x", "y"], "token_logprobs": [-1e308, -1e308]}, "not finite"),
    ],
)
def test_a_sample_without_an_averaged_nll_is_kept_and_counted(logprobs, reason):
    choice = {"index": 0, "text": "xy", "finish_reason": "stop", "logprobs": logprobs}
    server = FakeUpstream(streaming({"choices": [choice]}, "[DONE]"), kind="vllm")
    kept, collector = collected(server, n=1, batch=1, server_kind="vllm")
    assert [row["nll"] for rows in kept for row in rows] == [None] * 3
    ((why, count),) = collector.without_nll.items()
    assert reason in why
    assert count == 3


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), None])
def test_a_log_probability_that_is_no_number_ends_it_by_name(value):
    logprobs = {"tokens": ["x"], "token_logprobs": [value]}
    choice = {"index": 0, "text": "x", "finish_reason": "stop", "logprobs": logprobs}
    server = FakeUpstream(streaming({"choices": [choice]}, "[DONE]"), kind="vllm")
    with pytest.raises(CollectFailed, match="answered garbage"):
        collected(server, n=1, batch=1, server_kind="vllm")


def test_samples_with_their_nll_are_not_counted_as_without():
    assert not collected(FakeUpstream(answering(says)))[1].without_nll


def test_a_refused_problem_is_left_out_by_name_and_the_others_are_drawn():
    async def play(call, server):
        refuses = "a/1" in call.body["prompt"]
        await (failing(400, "too long") if refuses else answering(says))(call, server)

    kept, left_out = collect(FakeUpstream(play))
    assert {row["task_id"] for rows in kept for row in rows} == {"a/0", "a/2"}
    assert list(left_out) == ["a/1"]
    assert "too long" in left_out["a/1"]


def test_a_context_that_would_cut_samples_short_is_no_silent_limit():
    kept, left_out = collect(FakeUpstream(answering(says)), context=33)
    assert not kept
    assert list(left_out) == list(files.TASKS)
    assert "context of 33 tokens" in left_out["a/0"]


@pytest.fixture
def place(tmp_path):
    """A dataset, a pool's directory, and arguments that go with them."""
    data = tmp_path / "own.jsonl"
    rows = ({"task_id": p.task_id, "prompt": p.prompt, "tests": TESTS} for p in PROBLEMS)
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "pool"
    given = ["evaluate", "collect", "--dataset", "own", "--data", data, "--model", "small"]
    given += ["--config", tmp_path / "gateway.toml", "--out", out, "--batch", "2"]
    return tmp_path, out, [str(item) for item in given]


def configure(tmp_path, url):
    (tmp_path / "gateway.toml").write_text(
        f'[models.small]\nengine = "url"\nurl = "{url}"\nserver = "llama.cpp"\n'
    )


async def budget_router(arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from evaluation.cli import main; main()",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def ended(process):
    output, _ = await process.communicate()
    return process.returncode, output.decode()


def drawn(out):
    pool = Pool.open(out)
    return [
        (row["task_id"], row["index"], row["text"], row["seed"])
        for batch in pool.batches(Table.SAMPLES)
        for row in batch.to_pylist()
    ]


def test_a_run_killed_in_the_middle_goes_on_without_loss_or_doubles(place):
    tmp_path, out, arguments = place

    async def run():
        server = FakeUpstream(answering(says))
        async with fake_upstream.running(server):
            configure(tmp_path, server.url)
            reached = asyncio.Event()

            async def until_the_fourth(call, fake):
                if call.number >= 3:
                    reached.set()
                    await asyncio.Event().wait()
                await answering(says)(call, fake)

            server.play = until_the_fourth
            first = await budget_router([*arguments, "--n", "4", "--concurrency", "2"])
            await reached.wait()
            await eventually(lambda: list(out.glob("samples/*.jsonl")))
            first.send_signal(signal.SIGKILL)
            await ended(first)
            before = drawn(out)

            server.play = answering(says)
            asked = len(server.calls)
            code, output = await ended(await budget_router([*arguments, "--n", "4"]))
            assert code == 0, output
            missing = (12 - len(before)) // 2
            assert len(server.calls) - asked == missing

            # A larger n extends the pool, and the same n asks for nothing.
            code, output = await ended(await budget_router([*arguments, "--n", "5"]))
            assert code == 0, output
            asked = len(server.calls)
            code, output = await ended(await budget_router([*arguments, "--n", "5"]))
            assert code == 0, output
            assert len(server.calls) == asked
            return before

    before = asyncio.run(run())
    assert before
    after = drawn(out)
    assert set(before) <= set(after)
    assert sorted(key[:2] for key in after) == [(t, i) for t in files.TASKS for i in range(5)]
    assert read_view(out).samples == 15
    asked_of = read_problems(Pool.open(out))
    assert asked_of == tuple(replace(problem, tests={}, stop=STOP) for problem in PROBLEMS)


def test_a_greedy_pool_asks_each_problem_once_at_temperature_0(place):
    tmp_path, out, arguments = place

    async def run():
        server = FakeUpstream(answering(says))
        async with fake_upstream.running(server):
            configure(tmp_path, server.url)
            code, output = await ended(await budget_router([*arguments, "--n", "1", "--greedy"]))
            assert code == 0, output
            return [call.body for call in server.calls]

    asked = asyncio.run(run())
    assert [(b["n"], b["temperature"], b["top_p"]) for b in asked] == [(1, 0, 1)] * 3
    assert Pool.open(out).identity.greedy
    assert read_view(out).samples == 3


def test_other_parameters_or_other_data_do_not_extend_a_pool(place, cli):
    tmp_path, out, arguments = place
    Pool.create(out, replace(files.identity(), dataset="own"))
    configure(tmp_path, "http://127.0.0.1:1")
    result = cli(*arguments, "--n", "2")
    assert result.exit_code == 1
    assert "dataset_sha256 is" in result.output
    assert "stop is" in result.output


def test_a_greedy_pool_has_one_sample_a_problem(place, cli):
    _, _, arguments = place
    assert cli(*arguments, "--n", "2", "--greedy").exit_code == 2


def test_a_nucleus_of_no_token_is_refused(place, cli):
    _, out, arguments = place
    result = cli(*arguments, "--n", "1", "--top-p", "0")
    assert result.exit_code == 1
    assert "a nucleus of 0" in result.output
    assert not out.exists()


def test_a_model_that_is_nowhere_is_named(place, cli):
    tmp_path, _, arguments = place
    configure(tmp_path, "http://127.0.0.1:1")
    arguments[arguments.index("small")] = "huge"
    result = cli(*arguments, "--n", "1")
    assert result.exit_code == 1
    assert "no model 'huge'" in result.output
