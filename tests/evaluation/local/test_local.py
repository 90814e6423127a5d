"""Models in this process: what is sampled, how samples end, and that nothing is left behind."""

import asyncio
import json
import math
import threading
from functools import partial
from pathlib import Path

import pool_files as files
import pytest
import tiny_model
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from evaluation import datasets
from evaluation.architectures import ARCHITECTURES, CONFIGS
from evaluation.cli import app
from evaluation.datasets import Problem
from evaluation.local.loading import LoadFailed, load, versions
from evaluation.pools.filling import sampler
from evaluation.pools.filling.collecting import CollectFailed, Collector
from evaluation.pools.filling.plan import planned
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from router.catalogue.entries import lookup
from router.catalogue.store import find
from router.settings import Settings

torch = pytest.importorskip("torch", reason="torch is not installed: make torch")

from evaluation.local import upstream  # noqa: E402 torch is there from here on
from evaluation.local.cache import RowCache  # noqa: E402
from evaluation.local.decoder import BatchDecoder, Job  # noqa: E402
from evaluation.local.nucleus import LIKELIEST, choose  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads of torch wait for each other by spinning: beside busy processes, for minutes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tiny_model.write(tmp_path_factory.mktemp("model"))


@pytest.fixture
def exact(directory):
    """The model in float32, so that one row and many agree to the last digits."""
    language_model = load(directory)
    language_model.model.float()
    return language_model


def decode(language_model, prompts, *, slots=8, n=3, stop=(), max_tokens=24, **sampling):
    """The samples of each prompt by index, with how many steps it took."""
    decoder, found = BatchDecoder(language_model, slots), {}
    wanted = {"temperature": 0.8, "top_p": 0.95} | sampling
    for at, prompt in enumerate(prompts):
        tokens = language_model.tokens(prompt, special=True)
        decoder.add(
            Job(tokens, n, max_tokens, **wanted, seed=at, stop=stop,
                on_finished=lambda done, at=at: found.__setitem__((at, done.index), done))
        )  # fmt: skip
    steps = 0
    while not decoder.idle:
        decoder.step()
        steps += 1
        assert steps < 1000
    return found, steps


PROMPTS = ["def f(x):\n", "a", "x = 1\ny = 2\nz = x + y\n", "# add\n", "(((", "q " * 40]
PROMPTS += ["q " * 40, "q " * 30, "q " * 30 + "(a)"]  # the same, the same but shorter, and longer


# the nucleus ------------------------------------------------------------------------------------


def nucleus(logits, temperature, top_p):
    """By the definition: probabilities of the smallest set that reaches `top_p`, by token."""
    weights = [math.exp(value / temperature) for value in logits]
    ranked = sorted(((w / sum(weights), at) for at, w in enumerate(weights)), reverse=True)
    kept, total = {}, 0.0
    for probability, token in ranked:
        kept[token] = probability
        total += probability
        if total >= top_p:
            break
    return {token: probability / total for token, probability in kept.items()}


@given(
    logits=st.lists(st.integers(-40, 40), min_size=2, max_size=12, unique=True),
    temperature=st.sampled_from([0.2, 0.8, 1.0, 2.0]),
    top_p=st.floats(0.05, 0.99),
)
@settings(deadline=None, max_examples=50)
def test_choices_have_the_probabilities_of_the_definition(logits, temperature, top_p):
    scaled = [value / 10 for value in logits]
    expected, rows = nucleus(scaled, temperature, top_p), 2000
    uniform = (torch.arange(rows) + 0.5) / rows
    each = torch.full((rows,), 1.0)
    chosen, logprobs = choose(
        torch.tensor(scaled).expand(rows, -1), each * temperature, each * top_p, uniform
    )
    shares = torch.bincount(chosen, minlength=len(logits)) / rows
    for token, share in enumerate(shares.tolist()):
        assert share == pytest.approx(expected.get(token, 0.0), abs=2 / rows)
    own = torch.tensor(scaled).log_softmax(-1)[chosen]
    assert torch.allclose(own, logprobs, atol=1e-5)


def test_a_nucleus_of_more_tokens_than_are_looked_at_first_is_whole():
    size = 4 * LIKELIEST
    rows = 3 * size
    uniform = (torch.arange(rows) + 0.5) / rows
    one = torch.ones(rows)
    chosen, _ = choose(torch.zeros(rows, size), one, one, uniform)
    assert len(set(chosen.tolist())) == size


def test_rows_have_each_their_own_temperature_and_nucleus():
    logits = torch.tensor([[0.0, 1.0, 0.9]] * 4)
    temperature, top_p = torch.tensor([0.0, 1.0, 1.0, 0.01]), torch.tensor([1.0, 1.0, 0.1, 1.0])
    chosen, _ = choose(logits, temperature, top_p, torch.full((4,), 0.999))
    assert chosen.tolist() == [1, 0, 1, 1]


# decoding ---------------------------------------------------------------------------------------


def test_greedy_text_is_what_the_model_generates_alone(exact):
    found, _ = decode(exact, PROMPTS, n=1, slots=4, temperature=0.0)
    for at, prompt in enumerate(PROMPTS):
        tokens = exact.tensor([exact.tokens(prompt, special=True)])
        alone = exact.model.generate(tokens, max_new_tokens=24, do_sample=False)
        assert found[at, 0].text == exact.texts(alone[:, tokens.shape[1] :])[0]


def test_log_probabilities_are_those_of_one_plain_pass(exact):
    found, steps = decode(exact, PROMPTS, n=3, slots=7)
    assert len(found) == 3 * len(PROMPTS)
    assert steps > 24 + len(PROMPTS), "prompts had to wait for rows"
    for (at, _), sample in found.items():
        prompt = exact.tokens(PROMPTS[at], special=True)
        text = exact.tokens(sample.text, special=False)
        end = [0] if sample.finish_reason == "stop" else []
        with torch.inference_mode():
            logits = exact.model(exact.tensor([[*prompt, *text, *end]])).logits[0]
        each = logits[len(prompt) - 1 : -1].log_softmax(-1)
        plain = each.gather(-1, exact.tensor([*text, *end])[:, None])[:, 0]
        assert sample.logprobs == pytest.approx(plain.tolist(), abs=1e-4)


def test_a_seed_repeats_its_samples_and_samples_differ(exact):
    first, _ = decode(exact, PROMPTS[:2], slots=8)
    again, _ = decode(exact, PROMPTS[:2], slots=3)
    assert {key: one.text for key, one in first.items()} == {
        key: one.text for key, one in again.items()
    }
    assert len({first[0, at].text for at in range(3)}) == 3


def test_samples_end_at_a_stop_sequence_and_at_the_limit(exact):
    free, _ = decode(exact, PROMPTS, n=4, temperature=1.0)
    text = max((one.text for one in free.values()), key=len)
    stop = text[3:5]
    found, _ = decode(exact, PROMPTS, n=4, stop=(stop,), temperature=1.0)
    for key, one in found.items():
        assert stop not in one.text
        assert free[key].text.startswith(one.text)
        if stop in free[key].text:
            assert one.finish_reason == "stop"
            assert one.text == free[key].text.partition(stop)[0]
            assert len(one.logprobs) >= len(one.text) + len(stop)
    limits = {len(one.logprobs) for one in free.values() if one.finish_reason == "length"}
    assert limits == {24}


def test_a_cancelled_job_makes_way_and_says_nothing_more(exact):
    decoder, heard = BatchDecoder(exact, 4), []
    tokens = exact.tokens("a", special=True)
    jobs = [
        Job(tokens, 3, 20, 0.8, 0.95, at, (), lambda done, at=at: heard.append(at))
        for at in range(3)
    ]
    for job in jobs:
        decoder.add(job)
    decoder.step()
    heard.clear()  # the prompt tells a first token, which may be the last
    jobs[0].cancelled = jobs[1].cancelled = True
    while not decoder.idle:
        decoder.step()
    assert heard == [2, 2, 2]


def test_more_samples_than_rows_are_refused(exact):
    with pytest.raises(ValueError, match=r"5 samples of a prompt, and there are 4 slots"):
        BatchDecoder(exact, 4).add(Job([1], 5, 8, 0.8, 0.95, 0, (), print))


def test_rows_that_move_keep_their_columns():
    class Layer:
        def __init__(self, fill):
            self.keys = torch.full((1, 2, fill, 4), float(fill))
            self.values = -self.keys

    class Prompt:
        def __init__(self, fill):
            self.layers = [Layer(fill)]

        def get_seq_length(self):
            return self.layers[0].keys.shape[-2]

    cache = RowCache(5, torch.device("cpu"))
    for fill in (3, 6, 9):
        cache.append(Prompt(fill), 1)
    cache.remove([0])
    positions, seen = cache.begin_token()
    assert positions[:, 0].tolist() == [9, 6]
    assert seen.sum(-1).flatten().tolist() == [10, 7]
    new = torch.ones(2, 2, 1, 4)
    keys, values = cache.update(new, new, 0)
    assert keys.shape == (2, 2, 10, 4)
    for row, fill in enumerate((9, 6)):
        assert (keys[row, :, :fill] == fill).all()
        assert (values[row, :, :fill] == -fill).all()
        assert (keys[row, :, fill] == 1).all()
    assert keys.isfinite().all()


# as an upstream ---------------------------------------------------------------------------------

PROBLEMS = [Problem(task, f"{task} = 1\n", "f", {}, ("\n",), "") for task in files.TASKS]


def collect(directory, *, slots=8, decoder=BatchDecoder, **identity):
    async def run():
        model = partial(load, directory)
        async with upstream.running("tiny", model, slots, decoder=decoder) as source:
            kept = []
            collector = Collector(source, files.identity(**identity), pauses_s=())
            plan = planned(PROBLEMS, {}, 4, 2, 5)
            await collector.over(plan, kept.append, concurrency=5)
            return kept, collector

    return asyncio.run(run())


def test_draws_come_out_whole_and_the_thread_ends(directory):
    kept, collector = collect(directory)
    rows = [row for draw in kept for row in draw]
    assert sorted((row["task_id"], row["index"]) for row in rows) == [
        (task, index) for task in files.TASKS for index in range(4)
    ]
    assert not collector.left_out
    assert not collector.without_nll
    for row in rows:
        assert row["prompt_tokens"] == len(f"{row['task_id']} = 1\n")
        assert 0 < row["tokens"] <= 32
        assert row["nll"] > 0
        assert "\n" not in row["text"]
    assert "decoder" not in {thread.name for thread in threading.enumerate()}


def test_a_prompt_beyond_the_context_is_left_out(directory):
    kept, collector = collect(directory, max_tokens=250)
    assert not kept
    assert "has a context of 256 tokens" in collector.left_out["a/0"]


class Failing(BatchDecoder):
    def step(self):
        raise RuntimeError("out of memory")


def test_a_failure_of_the_model_ends_the_collection_by_name(directory):
    with pytest.raises(CollectFailed, match=r"'tiny' failed: RuntimeError\('out of memory'\)"):
        collect(directory, decoder=Failing)


def test_closing_a_draw_drops_its_samples(directory):
    jobs = []

    async def run():
        began, loop = asyncio.Event(), asyncio.get_running_loop()

        class Telling(BatchDecoder):
            def add(self, job):
                jobs.append(job)
                super().add(job)
                loop.call_soon_threadsafe(began.set)

        model = partial(load, directory)
        async with upstream.running("tiny", model, 8, decoder=Telling) as source:
            collector = Collector(source, files.identity(stop=(), max_tokens=200), pauses_s=())
            plan = planned(PROBLEMS, {}, 4, 4, 5)
            task = asyncio.create_task(collector.over(plan, print, concurrency=1))
            await began.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    assert [job.cancelled for job in jobs] == [True]


# by the command ---------------------------------------------------------------------------------

TASK = {
    "task_id": "own/0",
    "prompt": "def f():\n",
    "tests": {"kind": "asserts", "code": "assert f() == 1", "entry_point": "f"},
    "stop": ["\n"],
}


def test_the_commands_collect_and_time_a_model_directory(directory, tmp_path):
    data, pool, times = tmp_path / "own.jsonl", tmp_path / "pool", tmp_path / "times.json"
    data.write_text(json.dumps(TASK) + "\n")
    common = ["--engine", "transformers", "--model", str(directory), "--max-tokens", "16"]
    common += ["--dataset", "jsonl", "--data", str(data)]
    result = CliRunner().invoke(
        app, ["evaluate", "collect", *common, "--n", "3", "--out", str(pool)]
    )
    assert result.exit_code == 0, result.output
    opened = Pool.open(pool)
    assert opened.identity.engine == versions()
    assert sum(len(batch) for batch in opened.batches(Table.SAMPLES, ["index"])) == 3
    result = CliRunner().invoke(
        app, ["evaluate", "time", *common, "--batch", "2", "--out", str(times)]
    )
    assert result.exit_code == 0, result.output
    assert (
        json.loads(times.read_text())["datasets"]["jsonl"][str(directory)]["engine"] == versions()
    )


def test_a_model_of_known_shape_is_timed_without_its_weights(monkeypatch, tmp_path):
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 300}
    config = {"model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 2} | sizes
    monkeypatch.setattr(sampler, "CONFIGS", {"tiny": config})
    times = tmp_path / "times.json"
    asked = ["--model", "tiny", "--engine", "random", "--max-tokens", "9", "--out", str(times)]
    result = CliRunner().invoke(
        app, ["evaluate", "time", *asked, "--problems", "2", "--batch", "6", "--per-draw", "3"]
    )
    assert result.exit_code == 0, result.output
    (entry,) = json.loads(times.read_text())["datasets"]["humaneval"].values()
    assert entry["engine"] == f"{versions()}, weights at random"
    assert entry["max_tokens"] == 9
    (batch,) = entry["batches"]
    assert batch["samples"] == 6
    assert batch["tokens"] == 6 * 9  # nothing ends before the limit


def test_a_model_of_unknown_shape_is_refused(tmp_path):
    asked = ["--model", "nobody", "--engine", "random", "--out", str(tmp_path / "times.json")]
    result = CliRunner().invoke(app, ["evaluate", "time", *asked])
    assert result.exit_code == 1
    assert "codellama-7b" in result.stderr


@pytest.mark.parametrize("model", ["codellama-7b", "codellama-34b"])
def test_a_shape_has_the_weights_that_its_costs_count(model):
    from transformers import AutoConfig, AutoModelForCausalLM  # noqa: PLC0415

    with torch.device("meta"):
        built = AutoModelForCausalLM.from_config(AutoConfig.for_model(**CONFIGS[model]))
    linear = sum(
        module.weight.numel() for module in built.modules() if isinstance(module, torch.nn.Linear)
    )
    assert ARCHITECTURES[model].paper(1) == 2 * linear


def test_what_cannot_be_loaded_is_named(tmp_path, monkeypatch):
    with pytest.raises(LoadFailed, match="cannot be loaded by transformers"):
        load(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(LoadFailed, match="torch is not installed: make torch"):
        load(Path())


# real models ------------------------------------------------------------------------------------


def test_a_catalogue_model_says_what_llama_cpp_says():
    entry = lookup("smollm2-135m")
    configured = Settings()
    if find(entry, configured.model_dir) is None:
        pytest.skip(f"{entry.file} is not here: budget-router models pull smollm2-135m")
    problems = datasets.load("humaneval", None)[:6]

    async def texts(engine):
        place = sampler.place(configured, "smollm2-135m", engine)
        greedy = files.identity(temperature=0.0, top_p=1.0, max_tokens=24, stop=())
        async with place.running() as source:
            kept = []
            plan = planned(problems, {}, 1, 1, 0)
            await Collector(source, greedy).over(plan, kept.append, concurrency=2)
        return {row["task_id"]: row["text"] for rows in kept for row in rows}

    here, llama = (asyncio.run(texts(engine)) for engine in ("transformers", "gateway"))
    same = [task for task, text in here.items() if text == llama[task]]
    assert len(same) >= 4, "rounding may tip a close choice, not most of them"
