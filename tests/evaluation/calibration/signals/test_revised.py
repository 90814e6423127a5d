"""Revised samples against fresh ones: the same problems, the same model, the same length."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pool_files as files
import pytest
from click.testing import Result

from evaluation.architectures import ARCHITECTURES
from evaluation.calibration.signals.revised import NothingRevised, revised
from evaluation.calibration.signals.table import Signals
from evaluation.metrics import wilson
from evaluation.pools.errors import MixedPools
from evaluation.pools.schema import Identity, Table
from evaluation.pools.store import Pool
from evaluation.pools.view import PoolView, read_view

MODEL = "qwen2.5-coder-0.5b"
RATE = ARCHITECTURES[MODEL]


def pool(
    path: Path, identity: Identity, passed: dict[str, list[bool]], *, tokens: int = 20, prompt: int
) -> PoolView:
    made = Pool.create(path, identity)
    rows = [(task, at, each) for task, all_ in passed.items() for at, each in enumerate(all_)]
    samples = [files.sample(t, at, tokens=tokens, prompt_tokens=prompt) for t, at, _ in rows]
    verdicts = [files.verdict(t, at, passed=each) for t, at, each in rows]
    for table, content in ((Table.SAMPLES, samples), (Table.VERDICTS, verdicts)):
        with made.writer(table) as writer:
            writer.append(content)
    return read_view(path)


def fresh(path: Path, passed: dict[str, list[bool]], **others: int) -> PoolView:
    return pool(path / "fresh", files.identity(model=MODEL), passed, prompt=100, **others)


def again(path: Path, passed: dict[str, list[bool]]) -> PoolView:
    tasks = tuple(passed)
    identity = files.identity(model=MODEL, dataset="tiny-revised", tasks=tasks, max_tokens=32)
    return pool(path / "revised", identity, passed, prompt=300)


FAILED = [False] * 4
NEXT = {"a/0": [*FAILED, True, False, False, False], "a/1": [*FAILED, *FAILED], "a/2": [True] * 8}


def test_rates_are_those_of_the_revised_problems_without_the_samples_that_chose_them(
    tmp_path: Path,
) -> None:
    answers = {"a/0": [True, True, False, False], "a/1": [True, False, False, False]}
    found = revised(again(tmp_path, answers), fresh(tmp_path, NEXT), RATE)
    assert (found.problems, found.of, found.samples) == (2, 2, 8)
    assert [rate.value for rate in found.rates] == [0.125, 0.375]
    assert found.ratio is not None
    assert found.ratio.value == 3
    assert found.solved == (0.5, 1.0)
    prompts = RATE.prefill(300) - RATE.prefill(100)
    later = 4 * (RATE.decode(300, 20) - RATE.decode(100, 20))
    assert found.flops[1] - found.flops[0] == pytest.approx(prompts + later)
    assert found.worth is not None
    assert found.worth.value == pytest.approx(3 * found.flops[0] / found.flops[1])


def test_twice_as_often_counts_beyond_the_interval_alone(tmp_path: Path) -> None:
    tasks = [f"a/{at}" for at in range(3)]
    half = {key: [*FAILED, True, False, False, False] for key in tasks}
    found = revised(again(tmp_path, dict.fromkeys(tasks, [True] * 4)), fresh(tmp_path, half), RATE)
    assert found.ratio is not None
    assert found.ratio.value == found.ratio.low == 4
    assert found.pays


def test_where_no_fresh_sample_passes_there_is_no_ratio(tmp_path: Path) -> None:
    never = {key: [*FAILED, *FAILED] for key in files.TASKS}
    found = revised(again(tmp_path, {"a/0": [True] * 4}), fresh(tmp_path, never), RATE)
    assert found.ratio is None
    assert not found.pays


def test_where_no_revised_sample_passes_the_interval_is_that_of_few_problems(
    tmp_path: Path,
) -> None:
    found = revised(again(tmp_path, {"a/0": FAILED, "a/2": FAILED}), fresh(tmp_path, NEXT), RATE)
    bound = wilson(0, 2).high
    assert found.rates[1] == wilson(0, 2)
    assert found.ratio is not None
    assert found.worth is not None
    assert (found.ratio.value, found.ratio.high) == (0, bound / found.rates[0].value)
    assert found.worth.high == pytest.approx(found.ratio.high * found.flops[0] / found.flops[1])


def test_fresh_samples_that_are_longer_than_revisions_may_be_fail(tmp_path: Path) -> None:
    passed = dict.fromkeys(files.TASKS, [True] * 8)
    found = revised(again(tmp_path, {"a/0": [True] * 4}), fresh(tmp_path, passed, tokens=33), RATE)
    assert found.rates[0].value == 0


def test_pools_that_cannot_be_compared(tmp_path: Path) -> None:
    answers = again(tmp_path, {"a/0": [True] * 4})
    other = pool(tmp_path / "other", files.identity(model="other"), {"a/0": [True] * 8}, prompt=9)
    with pytest.raises(MixedPools, match="is not what"):
        revised(answers, other, RATE)
    with pytest.raises(NothingRevised, match="judge the pool"):
        revised(answers, fresh(tmp_path, {"a/0": FAILED}), RATE)


def test_the_command_writes_all_tables(cli: Callable[..., Result], tmp_path: Path) -> None:
    tasks = tuple(f"t/{at}" for at in range(24))
    for number, model in enumerate((MODEL, "qwen2.5-coder-1.5b")):
        identity = files.identity(model=model, tasks=tasks)
        passed = {
            task: [(at + each * 3) % 5 <= number for each in range(8)]
            for at, task in enumerate(tasks)
        }
        pool(tmp_path / "pools" / str(number), identity, passed, prompt=80)
    identity = files.identity(model=MODEL, dataset="tiny-revised", tasks=tasks[:3])
    pool(tmp_path / "revised", identity, dict.fromkeys(tasks[:3], [True] * 4), prompt=200)
    out = tmp_path / "out"
    result = cli(
        *("evaluate", "signal", "--pools", tmp_path / "pools", "--pools", tmp_path / "revised"),
        *("--out", out),
    )
    assert result.exit_code == 0, result.stderr
    assert "| tiny | 1 of qwen2.5-coder-0.5b | qwen2.5-coder-1.5b |" in result.stdout
    assert "| tiny | tiny, n = 24 | 1 |" in result.stdout
    assert f"| tiny | {MODEL} | 3 of 3 |" in result.stdout
    written = json.loads((out / "signal.json").read_text())
    assert written.keys() == {"prediction", "use", "revised"}
    assert written["use"][0]["pays"] is False  # on itself
    assert cli("evaluate", "signal", "--pools", out, "--out", out).exit_code == 1


def test_a_ratio_without_a_bound_ends_at_null(tmp_path: Path) -> None:
    few = {f"a/{at}": [*FAILED, *[at == 0] * 4] for at in range(3)}
    found = revised(again(tmp_path, dict.fromkeys(few, [True] * 4)), fresh(tmp_path, few), RATE)
    assert found.ratio is not None
    assert found.ratio.high == math.inf
    (told,) = Signals((), (), (found,)).to_json()["revised"]
    assert told["ratio"] == {"value": found.ratio.value, "low": found.ratio.low, "high": None}
