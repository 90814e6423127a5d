"""Pools that selectors are measured on."""

from pathlib import Path
from typing import Any

import pytest
from pool_files import TASKS, identity, sample, verdict

from evaluation.datasets import Problem
from evaluation.pools.asked import write_problems
from evaluation.pools.errors import MixedPools
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.selection.recorded import read_selection


@pytest.mark.parametrize(
    "others", [{"dataset_sha256": "e" * 64}, {"max_tokens": 64}, {"stop": ("\ndef",)}]
)
def test_models_that_were_not_asked_alike_are_not_compared(
    tmp_path: Path, others: dict[str, Any]
) -> None:
    """A problem is known by its place, which is another's in another version of a data set."""
    for model, more in (("small", {}), ("large", others)):
        pool = Pool.create(tmp_path / model, identity(model=model, **more))
        for table, row in ((Table.SAMPLES, sample()), (Table.VERDICTS, verdict())):
            with pool.writer(table) as writer:
                writer.append([row])
    with pytest.raises(MixedPools, match="different"):
        read_selection(tmp_path, "tiny", ("small", "large"))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ([("t02", 0.2)], "one pool of samples of small is needed"),
        ([("greedy", 0.0), ("again", 0.0)], "at most one of its greedy answers"),
    ],
)
def test_two_pools_of_one_kind_are_not_taken_for_one(
    tmp_path: Path, more: list[tuple[str, float]], why: str
) -> None:
    """Curves of the mixture would be of no temperature, and the first greedy answer as good as any.

    Pools of models that nobody asks for may lie beside them.
    """
    for model in ("small", "large"):
        write_problems(save(tmp_path / model, model, 0.8), problems())
    assert len(read_selection(tmp_path, "tiny", ("small", "large"))) == 1
    for name, temperature in more:
        save(tmp_path / f"small-{name}", "small", temperature)
    with pytest.raises(MixedPools, match=why) as error:
        read_selection(tmp_path, "tiny", ("small", "large"))
    assert all(str(tmp_path / f"small-{name}") in str(error.value) for name, _ in more)
    assert len(read_selection(tmp_path, "tiny", ("large",))) == 1


def save(path: Path, model: str, temperature: float) -> Pool:
    """A pool of one judged sample."""
    pool = Pool.create(path, identity(model=model, temperature=temperature))
    for table, row in ((Table.SAMPLES, sample()), (Table.VERDICTS, verdict())):
        with pool.writer(table) as writer:
            writer.append([row])
    return pool


def problems() -> list[Problem]:
    """What the pools of these tests answer."""
    return [Problem(task, "def f():\n", "f", {}, (), "") for task in TASKS]
