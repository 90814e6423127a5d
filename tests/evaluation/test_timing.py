import asyncio
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evaluation.commands import time as command
from evaluation.datasets import Problem
from evaluation.pools import sampler
from evaluation.pools.drawing import PlannedDraw
from evaluation.timing import BatchTiming, best, hardware, measure

PROBLEMS = [Problem(f"a/{at}", "p", "f", {}, (), "") for at in range(3)]


@dataclass
class Drawing:
    """Stands in for a collector: each draw takes no time and makes two tokens a sample.

    The draw of that number is asked for twice, `pause` seconds apart.
    """

    left_out: dict[str, str] = field(default_factory=dict)
    drawn: list[PlannedDraw] = field(default_factory=list)
    on_try: Callable[[], None] = lambda: None
    fails_once: int = -1
    pause: float = 0.0

    async def over(self, plan: Iterable[PlannedDraw], keep: Any, *, concurrency: int) -> None:
        assert concurrency == 1  # draws side by side would share what is measured
        for draw in plan:
            self.on_try()
            if len(self.drawn) == self.fails_once:
                await asyncio.sleep(self.pause)
                self.on_try()
            self.drawn.append(draw)
            keep([{"tokens": 2}] * draw.n)


def test_every_batch_size_meets_the_same_problems_after_a_warm_up() -> None:
    drawing, told = Drawing(), []
    timings = asyncio.run(measure(drawing, PROBLEMS, [1, 4], told.append))  # type: ignore[arg-type]
    assert [(draw.problem.task_id, draw.n) for draw in drawing.drawn] == [
        ("a/0", 1),
        *((problem.task_id, n) for n in (1, 4) for problem in PROBLEMS),
    ]
    assert told == [1, 1, 1, 4, 4, 4]
    assert [(timing.batch, timing.tokens, len(timing.seconds)) for timing in timings] == [
        (1, 6, 3),
        (4, 24, 3),
    ]
    # A batch of another size is another draw, with samples of its own.
    assert len({draw.seed for draw in drawing.drawn[1:]}) == 6


def test_what_a_failed_try_took_is_no_time_of_the_engine() -> None:
    drawing = Drawing(fails_once=2, pause=0.5)
    (timing,) = asyncio.run(measure(drawing, PROBLEMS, [1], lambda _: None))  # type: ignore[arg-type]
    assert len(timing.seconds) == 3
    assert max(timing.seconds) < drawing.pause


def test_problems_that_the_engine_refuses_are_an_error_not_a_fast_batch() -> None:
    with pytest.raises(ValueError, match="too long"):
        asyncio.run(measure(Drawing({"a/1": "too long"}), PROBLEMS, [1], lambda _: None))  # type: ignore[arg-type]


def test_the_best_batch_is_the_one_whose_samples_take_least_time() -> None:
    slow, fast = BatchTiming(1, 10, (1.0, 3.0)), BatchTiming(8, 80, (4.0, 12.0))
    assert slow.seconds_per_sample == 2.0
    assert fast.seconds_per_sample == 1.0
    assert best([slow, fast]) is fast
    assert fast.to_json() == {
        "batch": 8,
        "draws": 2,
        "samples": 16,
        "tokens": 80,
        "seconds": 16.0,
        "seconds_per_sample": 1.0,
        "tokens_per_second": 5.0,
        "median_draw_seconds": 8.0,
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


@pytest.mark.parametrize("out", ["file/times.json", "/proc/nowhere/times.json"])
def test_a_file_that_cannot_be_written_is_known_before_the_wait(
    cli: Callable[..., Any],
    remote: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    out: str,
) -> None:
    async def waits(*_: Any) -> list[BatchTiming]:
        raise AssertionError("measured")

    monkeypatch.setattr(command, "_measure", waits)
    (tmp_path / "file").write_text("")
    where = ("--config", remote, "--out", tmp_path / out)
    result = cli("evaluate", "time", "--model", "far", "--hardware", "a GPU", *where)
    assert result.exit_code == 1
    assert result.stderr.startswith("budget-router: ")


def test_the_file_has_as_many_problems_as_were_timed(
    cli: Callable[..., Any], remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def measured(*_: Any) -> list[BatchTiming]:
        return [BatchTiming(1, 10, (1.0, 2.0))]

    monkeypatch.setattr(command, "_measure", measured)
    out = tmp_path / "times.json"
    out.write_text(json.dumps({"schema": 1, "models": {"near": {}}}))
    asked = ("--hardware", "a GPU", "--problems", 500, "--config", remote, "--out", out)
    result = cli("evaluate", "time", "--model", "far", *asked)
    assert result.exit_code == 0, result.output
    models = json.loads(out.read_text())["models"]
    assert list(models) == ["near", "far"]
    assert models["far"]["problems"] == 2
    assert models["far"]["hardware"] == "a GPU"
