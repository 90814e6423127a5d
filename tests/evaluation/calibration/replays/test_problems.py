"""Pools on disk as recorded problems."""

import pool_files
import pytest
from pool_files import sample, verdict
from world import COST

from evaluation.calibration.replays.problems import read_problems
from evaluation.pools.errors import MixedPools, UnreadablePool
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from policies.values import Verdict


def save(path, model, samples, verdicts, plus=(), **identity):
    pool = Pool.create(path, pool_files.identity(model=model, **identity))
    tables = {Table.SAMPLES: samples, Table.VERDICTS: verdicts, Table.PLUS: plus}
    for table, rows in tables.items():
        if rows:
            with pool.writer(table) as writer:
                writer.append(list(rows))


@pytest.fixture
def pools(tmp_path):
    """Two models: `small` has a problem more, and a greedy answer of the first."""
    cut = sample(index=1, finish_reason="length", tokens=300, text="other")
    save(
        *(tmp_path / "deep" / "small", "small"),
        [sample(), cut, sample(index=2, text="third"), sample("a/1")],
        [verdict(), verdict(index=1, passed=False), verdict("a/1")],
        [verdict(passed=False), verdict(index=1, passed=False)],
    )
    greedy = {"temperature": 0.0, "top_p": 1.0}
    save(tmp_path / "greedy", "small", [sample()], [verdict()], [verdict()], **greedy)
    save(tmp_path / "large", "large", [sample(tokens=9, prompt_tokens=21)], [verdict()])
    return tmp_path


def test_problems_are_those_that_all_models_answered(pools):
    (found,) = read_problems(pools, "tiny", COST)
    assert (found.task_id, found.dataset) == ("a/0", "tiny")
    small, large = found.models["small"], found.models["large"]
    assert list(found.models) == ["small", "large"]
    assert (small.prompt_tokens, large.prompt_tokens) == (20, 21)
    # The third has no verdict.
    assert [(s.tokens, s.finish_reason) for s in small.samples] == [(5, "stop"), (300, "length")]
    verdicts = [found.verdicts[s.text].verdict for s in small.samples]
    assert verdicts == [Verdict.PASSED, Verdict.FAILED]
    assert small.greedy.tokens == 5
    assert large.greedy is None


def test_the_second_tests_are_of_those_problems_that_have_them(pools):
    first, second = read_problems(pools, "tiny", COST, ["small"])
    assert first.plus == {first.models["small"].greedy.text}
    assert second.plus is None


def test_no_beginning_of_an_answer_is_another_answer(pools):
    (found,) = read_problems(pools, "tiny", COST)
    texts = {s.text for answers in found.models.values() for s in answers.all}
    assert len(texts) == 4
    assert not any(a != b and b.startswith(a) for a in texts for b in texts)


def test_orders_follow_from_the_seed_alone(pools):
    (found,) = read_problems(pools, "tiny", COST)
    orders = [tuple(found.models["small"].shuffled(str(seed)).samples) for seed in range(20)]
    assert len(set(orders)) == 2
    assert orders[3] == tuple(found.models["small"].shuffled("3").samples)


def test_a_task_is_of_the_kind_of_its_data_set(pools):
    (found,) = read_problems(pools, "tiny", COST)
    task = found.task(caches=True)
    assert (task.kind, task.verifiable, task.max_tokens) == ("tiny", True, 256)
    assert all(model.caches for model in task.models)
    assert found.large_call(COST) == COST.ceiling("large", 21, 1, 256)


def test_two_pools_of_one_kind_are_refused(pools):
    save(pools / "twice", "large", [sample()], [verdict()])
    with pytest.raises(MixedPools, match="one pool of samples of large"):
        read_problems(pools, "tiny", COST)


def test_two_versions_of_a_data_set_are_refused(pools):
    save(pools / "other", "mid", [sample()], [verdict()], dataset_sha256="e" * 64)
    with pytest.raises(MixedPools, match="different versions"):
        read_problems(pools, "tiny", COST)


@pytest.mark.parametrize("others", [{"max_tokens": 512}, {"stop": ()}])
def test_models_that_were_asked_otherwise_are_refused(pools, others):
    save(pools / "other", "mid", [sample()], [verdict()], **others)
    with pytest.raises(MixedPools, match="different " + next(iter(others))):
        read_problems(pools, "tiny", COST)


def test_what_nobody_counted_cannot_be_replayed(tmp_path):
    save(tmp_path, "small", [sample(tokens=None)], [verdict()])
    with pytest.raises(UnreadablePool, match="no problem of tiny"):
        read_problems(tmp_path, "tiny", COST)
