import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fake_upstream
import pool_files as files
import pytest
from fake_upstream import FakeUpstream, answering

from evaluation.bench.timing import Batch, BatchTiming, best, hardware, measure
from evaluation.datasets import Problem
from evaluation.pools.filling import sampler
from evaluation.pools.filling.collecting import CollectFailed, Collector
from policies.protocol import Draw
from router.request import Prompt, PromptLength, SampleRequest
from router.upstream.failures import UpstreamError
from router.upstream.said.chunks import Chunk, TokenLogprob, Usage

PROBLEMS = [Problem(f"a/{at}", "p", "f", {}, (), "") for at in range(3)]


@dataclass
class Source:
    """Stands in for a model in this process: each draw lasts `seconds`, a sample is two tokens."""

    seconds: float = 0.0
    refused: str | None = None
    failing: bool = False
    id: str = "m"
    context: int | None = None
    token_per_chunk: bool = False
    drawn: list[tuple[int, int]] = field(default_factory=list)
    """Seed and samples of each draw."""
    in_flight: int = 0
    most_in_flight: int = 0

    async def count_tokens(self, prompt: Prompt) -> PromptLength:
        return PromptLength(1)

    async def sample(self, draw: Draw, request: SampleRequest) -> AsyncGenerator[Chunk, None]:
        if self.refused:
            raise UpstreamError(self.id, self.refused, rejected=True)
        if self.failing:
            raise UpstreamError(self.id, "is gone")
        self.drawn.append((request.passed_on["seed"], draw.n))
        self.in_flight += draw.n
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(self.seconds)
        self.in_flight -= draw.n
        for at in range(draw.n):
            logprobs = (TokenLogprob("", -1.0),) * 2
            yield Chunk(at, "x", logprobs, finish_reason="stop", usage=Usage(1, 2), said=True)


def timed(
    source: Source, *batches: Batch, told: Callable[[int], None] = lambda _: None
) -> list[BatchTiming]:
    collector = Collector(source, files.identity())
    return asyncio.run(measure(collector, PROBLEMS, batches, told))


def test_every_batch_size_meets_the_same_problems_after_a_warm_up() -> None:
    source, told = Source(), []
    timings = timed(source, Batch(1, 1), Batch(4, 1), told=told.append)
    assert [n for _, n in source.drawn] == [1, 1, 1, 1, 4, 4, 4]
    assert told == [1, 1, 1, 4, 4, 4]
    assert [(timing.samples, timing.tokens) for timing in timings] == [(3, 6), (12, 24)]
    # A batch of another size is another draw, with samples of its own.
    assert len({seed for seed, _ in source.drawn}) == 7


def test_draws_in_flight_share_the_time_and_each_has_its_own() -> None:
    source = Source(seconds=0.2)
    one, three = timed(source, Batch(2, 1), Batch(2, 3))
    assert source.most_in_flight == 6
    assert one.samples == three.samples == 6
    assert sum(one.draw_seconds) <= one.seconds
    # Three at once take about as long as each of them, not as long as all of them.
    assert three.seconds < sum(three.draw_seconds)


@pytest.mark.parametrize(
    ("samples", "per_draw", "batch"),
    [(1, 16, Batch(1, 1)), (16, 16, Batch(16, 1)), (96, 16, Batch(16, 6)), (12, 4, Batch(4, 3))],
)
def test_a_batch_is_as_many_draws_as_fill_it(samples: int, per_draw: int, batch: Batch) -> None:
    assert Batch.of(samples, per_draw) == batch
    assert batch.samples == samples


def test_draws_that_do_not_fill_a_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="20 is no multiple of 16"):
        Batch.of(20, 16)


def test_problems_that_the_engine_refuses_are_an_error_not_a_fast_batch() -> None:
    with pytest.raises(ValueError, match="too long"):
        timed(Source(refused="too long"), Batch(1, 1))


def test_an_engine_that_fails_is_an_error_not_a_slow_batch() -> None:
    with pytest.raises(CollectFailed, match="is gone"):
        timed(Source(failing=True), Batch(1, 1))


def test_the_best_batch_is_the_one_whose_samples_take_least_time() -> None:
    slow = BatchTiming(Batch(1, 1), 10, 4.0, (1.0, 3.0))
    fast = BatchTiming(Batch(4, 2), 80, 8.0, (4.0, 7.0))
    assert slow.seconds_per_sample == 2.0
    assert fast.seconds_per_sample == 1.0
    assert best([slow, fast]) is fast
    assert fast.to_json() == {
        "batch": 8,
        "per_draw": 4,
        "samples": 8,
        "tokens": 80,
        "seconds": 8.0,
        "seconds_per_sample": 1.0,
        "tokens_per_second": 10.0,
        "median_draw_seconds": 5.5,
    }


def test_the_hardware_names_the_gpus_that_the_engine_can_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import xllamacpp  # noqa: PLC0415

    kinds = type(xllamacpp.get_device_info()[0]["type"])
    devices = [
        {"description": name, "type": getattr(kinds, f"GGML_BACKEND_DEVICE_TYPE_{kind}")}
        for name, kind in (("Some CPU", "CPU"), ("Some BLAS", "ACCEL"), ("NVIDIA H100", "GPU"))
    ]
    monkeypatch.setattr(xllamacpp, "get_device_info", lambda: devices)
    assert sampler.llama_gpus() == ["NVIDIA H100"]
    assert hardware(["NVIDIA H100"]).endswith(", NVIDIA H100")


def test_the_hardware_is_this_machine() -> None:
    assert f", {len(os.sched_getaffinity(0))} cores, " in hardware([])
    assert not hardware([]).startswith(",")


# The command -------------------------------------------------------------------------------------


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A configuration whose model is a server by URL, at which nothing listens."""
    config = tmp_path / "models.toml"
    config.write_text('[models.far]\nengine = "url"\nurl = "http://127.0.0.1:9"\n')
    return config


def test_a_server_by_url_says_nothing_of_its_hardware(
    cli: Callable[..., Any], remote: Path, tmp_path: Path
) -> None:
    out = tmp_path / "times.json"
    result = cli("evaluate", "time", "--model", "far", "--config", remote, "--out", out)
    assert result.exit_code == 1
    assert "--hardware" in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("out", "named"), [("file/times.json", "file"), ("/proc/nowhere/times.json", "/proc")]
)
def test_a_file_that_cannot_be_written_is_known_before_the_wait(
    cli: Callable[..., Any], remote: Path, tmp_path: Path, out: str, named: str
) -> None:
    (tmp_path / "file").write_text("")
    where = ("--config", remote, "--out", tmp_path / out)
    result = cli("evaluate", "time", "--model", "far", "--hardware", "a GPU", *where)
    assert result.exit_code == 1
    assert result.stderr.startswith("budget-router: ")
    # It is the file that is named: had the server been asked, it would be the one to fail.
    assert str(tmp_path / named) in result.stderr
    assert "far" not in result.stderr


def test_the_file_has_as_many_problems_as_were_timed(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    out, data, config = (tmp_path / name for name in ("times.json", "own.jsonl", "models.toml"))
    out.write_text(json.dumps({"schema": 2, "datasets": {"own": {"near": {}}}}))
    tests = {"kind": "asserts", "code": "assert f() == 1", "entry_point": "f"}
    rows = [{"task_id": f"a/{at}", "prompt": "def f():", "tests": tests} for at in range(2)]
    data.write_text("\n".join(map(json.dumps, rows)))

    async def time() -> Any:
        async with fake_upstream.running(FakeUpstream(answering())) as server:
            config.write_text(
                f'[models.far]\nengine = "url"\nurl = "{server.url}"\nserver = "llama.cpp"\n'
            )
            asked = ("--problems", 500, "--dataset", "own", "--data", data, "--config", config)
            timed = ("--model", "far", "--hardware", "a GPU", "--batch", 1, "--out", out)
            return await asyncio.to_thread(cli, "evaluate", "time", *asked, *timed)

    result = asyncio.run(time())
    assert result.exit_code == 0, result.output
    models = json.loads(out.read_text())["datasets"]["own"]
    assert list(models) == ["near", "far"]
    assert models["far"]["problems"] == 2
    assert models["far"]["hardware"] == "a GPU"


def test_more_samples_than_the_engine_computes_at_once_are_refused(
    cli: Callable[..., Any], remote: Path, tmp_path: Path
) -> None:
    asked = ("--model", "far", "--hardware", "a GPU", "--config", remote, "--out", tmp_path / "t")
    result = cli("evaluate", "time", *asked, "--batch", 6, "--per-draw", 4)
    assert result.exit_code == 1
    assert "6 is no multiple of 4" in result.stderr
    result = cli("evaluate", "time", *asked, "--batch", 4096, "--per-draw", 4096)
    assert result.exit_code == 1
    assert "not 4096" in result.stderr
