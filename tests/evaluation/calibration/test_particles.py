"""Pools and counts as problems that several models have answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from pool_files import identity, sample, verdict

from evaluation.calibration.particles import LEAST_PROBLEMS, TooFewProblems, read_particles
from evaluation.pools.errors import MixedPools, UnreadablePool
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool

TASKS = tuple(f"a/{i}" for i in range(LEAST_PROBLEMS + 5))


def pool(path: Path, model: str, tasks: tuple[str, ...] = TASKS, **others: object) -> Path:
    made = Pool.create(path, identity(tasks=TASKS, model=model, **others))
    with made.writer(Table.SAMPLES) as writer:
        writer.append([sample(task, tokens=5 + at) for at, task in enumerate(tasks)])
    with made.writer(Table.VERDICTS) as writer:
        writer.append([verdict(task, passed=at % 2 == 0) for at, task in enumerate(tasks)])
    return path


def test_models_of_a_data_set_come_together_on_what_all_of_them_answered(tmp_path: Path) -> None:
    small = pool(tmp_path / "small", "small")
    greedy = pool(tmp_path / "greedy", "small", temperature=0.0)
    large = pool(tmp_path / "large", "large", TASKS[:-2])
    (found,) = read_particles([large, greedy, small])
    assert found.tasks == TASKS[:-2]
    assert found.counted
    assert found.arms["small"].greedy
    assert not found.arms["large"].greedy
    assert [each.tokens.tolist() for each in found.arms["large"].sampled[:2]] == [[5.0], [6.0]]
    assert len(found.arms["small"].sources) == 2
    some = found.among(set(TASKS[:10]))
    assert some.tasks == TASKS[:10]
    assert len(some.arms["small"].greedy) == 10


def test_only_the_models_that_are_asked_for_count(tmp_path: Path) -> None:
    pools = [pool(tmp_path / name, name) for name in ("small", "large", "other")]
    (found,) = read_particles(pools, ["small", "large"])
    assert set(found.arms) == {"small", "large"}
    with pytest.raises(UnreadablePool, match="nothing"):
        read_particles(pools, ["none"])


def test_counts_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    rows = [f"{task},{model},10,{at % 11}" for model in "ab" for at, task in enumerate(TASKS)]
    path.write_text("problem,model,n,c\n" + "\n".join(rows) + "\n")
    (found,) = read_particles([path])
    assert (found.dataset, found.counted) == ("mine", False)
    assert [int(each.passed.sum()) for each in found.arms["a"].sampled[:3]] == [0, 1, 2]


def test_too_few_problems_say_how_many_there_must_be(tmp_path: Path) -> None:
    pools = [pool(tmp_path / "small", "small"), pool(tmp_path / "large", "large", TASKS[:7])]
    with pytest.raises(TooFewProblems, match=r"7 problems.*needs 20"):
        read_particles(pools)


def test_two_pools_of_one_model_are_not_taken_for_one(tmp_path: Path) -> None:
    pools = [pool(tmp_path / "one", "small"), pool(tmp_path / "two", "small", seed=9)]
    with pytest.raises(MixedPools, match="two"):
        read_particles(pools)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"dataset_sha256": "e" * 64}, "different versions"),
        ({"max_tokens": 512}, r"different max_tokens \(32 and 512\)"),
        ({"stop": ()}, "different stop"),
    ],
)
@pytest.mark.parametrize("greedy", [False, True])
def test_models_that_were_not_asked_for_the_same_are_refused(
    tmp_path: Path, others: dict[str, object], said: str, greedy: bool
) -> None:
    """Among the samples of two models as among the samples and the greedy answers of one."""
    alike = [pool(tmp_path / name, name) for name in ("small", "large")]
    temperature = 0.0 if greedy else 0.8
    unlike = pool(
        tmp_path / "unlike", "small" if greedy else "other", temperature=temperature, **others
    )
    assert read_particles(alike)
    with pytest.raises(MixedPools, match=said):
        read_particles([*alike, unlike])
    if not greedy:
        assert read_particles([*alike, unlike], ["small", "large"])


def test_another_data_set_may_have_been_asked_otherwise(tmp_path: Path) -> None:
    one = pool(tmp_path / "one", "small")
    two = pool(tmp_path / "two", "small", dataset="other", dataset_sha256="e" * 64, max_tokens=9)
    assert [each.dataset for each in read_particles([one, two])] == ["other", "tiny"]


def test_counts_do_not_say_how_their_samples_were_drawn(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    rows = [f"{task},a,10,{at % 11}" for at, task in enumerate(TASKS)]
    path.write_text("problem,model,n,c\n" + "\n".join(rows) + "\n")
    counts, recorded = read_particles([path, pool(tmp_path / "one", "a", temperature=0.3)])
    assert (counts.arms["a"].temperature, recorded.arms["a"].temperature) == (None, 0.3)
