"""Pools on disk as the study takes them."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from study_pools import LARGE, SMALL, identity, pool, save

from evaluation.pools.errors import MixedPools, UnreadablePool
from evaluation.pools.released import ENGINE, import_released
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.statistics import CutTreatment
from evaluation.study.contenders import by_ranker
from evaluation.study.evidence import TwoPools
from evaluation.study.reading import Times, UnreadableTimes, find_pools, read_pools, read_times


def test_a_pool_comes_back_as_it_was_drawn(tmp_path):
    made = pool(SMALL, n=[6] * 5 + [0], problems=6, rankers=(SMALL, LARGE), scored=3)
    paths = save(made, tmp_path)
    (read,) = read_pools(paths, Times({made.dataset: {SMALL: 1.5}}))
    assert (read.model, read.dataset, read.of, read.seconds) == (SMALL, "humaneval", 6, 1.5)
    assert read.sources == tuple(map(str, paths))
    assert read.draws.keys() == made.draws.keys()
    assert read.greedy.keys() == made.greedy.keys()
    for task, draws in made.draws.items():
        back = read.draws[task]
        assert back.passed.tolist() == draws.passed.tolist()
        assert back.generations.tokens.tolist() == draws.generations.tokens.tolist()
        assert back.generations.cut.tolist() == draws.generations.cut.tolist()
        for ranker, nll in draws.generations.nll.items():
            np.testing.assert_array_equal(back.generations.nll[ranker], nll)
    assert read.rankers == (SMALL, LARGE)


def with_empties(share=0.2, **drawn):
    """A pool where two rankers score alike and some answers that failed are empty."""
    made = pool(SMALL, rankers=(SMALL, LARGE), **drawn)
    draw = np.random.default_rng(1)
    for draws in made.draws.values():
        nll = draws.generations.nll
        nll[LARGE][:] = nll[SMALL]
        empty = ~draws.passed & ~draws.generations.cut & (draw.random(draws.n) < share)
        for scores in nll.values():
            scores[empty] = math.inf
    return made


@pytest.mark.parametrize("treatment", CutTreatment)
def test_rankers_that_score_alike_are_equal_whatever_is_empty(tmp_path, treatment):
    made = with_empties(n=8, problems=30)
    empty = sum(np.isinf(d.generations.nll[LARGE]).sum() for d in made.draws.values())
    assert empty > 20
    (read,) = read_pools(save(made, tmp_path), Times())
    own, other = (by_ranker(read, name, treatment, None) for name in (SMALL, LARGE))
    assert (own.tasks, own.k_max) == (other.tasks, other.k_max)
    ks = range(1, own.k_max + 1)
    np.testing.assert_array_equal(own.values(ks), other.values(ks))
    assert own.draws_per_sample == other.draws_per_sample


def test_empty_answers_count_for_a_ranker_as_far_as_it_was_shown(tmp_path):
    made = with_empties(n=8, problems=6, greedy=False)
    for at, draws in enumerate(made.draws.values()):
        draws.generations.nll[LARGE][0 if at == 5 else 4 :] = np.nan
    first, *_, last = made.draws.values()
    first.generations.nll[SMALL][:4] = first.generations.nll[LARGE][:4] = math.inf
    last.generations.nll[SMALL][:] = 0.5
    last.generations.nll[SMALL][1] = math.inf
    (read,) = read_pools(save(made, tmp_path), Times())
    for task, draws in made.draws.items():
        np.testing.assert_array_equal(
            read.draws[task].generations.nll[LARGE], draws.generations.nll[LARGE]
        )


def test_counts_are_a_pool_without_generations(tmp_path):
    file = tmp_path / "mbpp.csv"
    file.write_text(f"problem,model,n,c\na,{SMALL},10,3\nb,{SMALL},10,0\na,{LARGE},4,4\n")
    small, large = read_pools([file], Times())
    assert (small.model, large.model, small.dataset) == (SMALL, LARGE, "mbpp")
    assert (small.draws["a"].n, int(small.draws["a"].passed.sum())) == (10, 3)
    assert small.draws["a"].generations is None


def test_counts_do_beside_pools_of_their_dataset(tmp_path):
    paths = save(pool(LARGE, n=2, problems=3), tmp_path)
    counts = tmp_path / "humaneval.csv"
    counts.write_text(f"problem,model,n,c\nhumaneval/0,{SMALL},10,3\n")
    for order in ([*paths, counts], [counts, *paths]):
        read = {found.model: found for found in read_pools(order, Times())}
        assert read[SMALL].draws.keys() == {"humaneval/0"}
        assert "matched by name" in read[SMALL].notes[0]
        assert read[LARGE].notes == ()


def test_released_generations_do_beside_pools_of_their_dataset(tmp_path):
    ours = save(pool(LARGE, n=2, problems=3), tmp_path)
    file = tmp_path / "released.json"
    samples = [{"pass_at_1": passed, "generation": "x"} for passed in (0, 1)]
    file.write_text(json.dumps({"humaneval/0": {"prompt": "", "samples": samples}}))
    described = replace(identity(pool(SMALL), temperature=0.8), engine=ENGINE)
    import_released(file, tmp_path / "released", described, on_task=print, on_torn=print)
    read = {found.model: found for found in read_pools([*ours, tmp_path / "released"], Times())}
    assert read[SMALL].draws["humaneval/0"].passed.tolist() == [False, True]
    assert "matched by name" in read[SMALL].notes[0]


def test_what_does_not_count_is_noted(tmp_path):
    made = pool(SMALL, n=2, problems=3)
    samples, greedy = save(made, tmp_path)
    for path, left in ((samples, 3), (greedy, 1)):
        for shard in path.glob("verdicts/*"):
            shard.unlink()
        rows = [
            {"task_id": task, "index": at, "passed": True, "status": "passed"}
            for task in made.draws
            for at in range(2 if path == samples else 1)
        ]
        with Pool.open(path).writer(Table.VERDICTS) as writer:
            writer.append(rows[left:])
    (samples / "samples" / "00002.jsonl").write_text('[{"task')
    (read,) = read_pools([samples, greedy], Times())
    torn = (
        "7 bytes of an unfinished last line of its samples do not count: a writer is at work, or "
        "crashed there"
    )
    assert read.notes == (
        "3 of 6 samples have no verdict",
        torn,
        "1 of 3 greedy answers have no verdict",
    )


def test_two_pools_of_one_kind_are_an_error(tmp_path):
    paths = [save(pool(SMALL, n=2, problems=3), tmp_path / name)[0] for name in "ab"]
    with pytest.raises(TwoPools, match="give one of them"):
        read_pools(paths, Times())


def test_two_versions_of_a_dataset_are_an_error(tmp_path):
    paths = save(pool(SMALL, n=2, problems=3), tmp_path)
    described = json.loads((paths[1] / "pool.json").read_text())
    shards = list(paths[1].glob("*/*.parquet"))
    for shard in shards:
        shard.unlink()
    (paths[1] / "pool.json").write_text(json.dumps(described | {"dataset_sha256": "1" * 64}))
    with pytest.raises(MixedPools, match="different versions of humaneval"):
        read_pools(paths, Times())


def test_pools_are_found_below_a_directory(tmp_path):
    paths = save(pool(SMALL, n=2, problems=3), tmp_path / "deep")
    counts = tmp_path / "mbpp.csv"
    counts.write_text("problem,model,n,c\na,x,2,1\n")
    lines = tmp_path / "deep" / "apps.jsonl"
    lines.write_text('{"problem": "a", "model": "x", "n": 2, "c": 1}\n')
    (paths[0] / "samples" / "00002.jsonl").write_text("")  # a journal
    (paths[1] / "trees.jsonl").write_text("{}\n")  # what a pool has of its own
    assert find_pools(tmp_path) == [*sorted(paths), lines, counts]
    with pytest.raises(UnreadablePool, match="holds no pool"):
        find_pools(tmp_path / "nothing")


def times_file(entry):
    return f'{{"schema": 2, "datasets": {{"tiny": {{"x": {entry}}}}}}}'


def test_times_are_those_that_were_measured(tmp_path):
    file = tmp_path / "times.json"
    entry = {"seconds_per_sample": 2.5, "hardware": "two cores", "engine": "x"}
    file.write_text(json.dumps({"schema": 2, "datasets": {"tiny": {SMALL: entry, LARGE: entry}}}))
    assert read_times(file) == Times({"tiny": {SMALL: 2.5, LARGE: 2.5}}, ("x on two cores",))


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        '{"schema": 1, "models": {}}',
        times_file('{"seconds_per_sample": 0, "engine": "", "hardware": ""}'),
        times_file('{"seconds_per_sample": Infinity, "engine": "", "hardware": ""}'),
        times_file('{"engine": "", "hardware": ""}'),
    ],
)
def test_another_file_is_no_file_of_times(tmp_path, content):
    file = tmp_path / "times.json"
    file.write_text(content)
    with pytest.raises(UnreadableTimes, match="evaluate time"):
        read_times(file)
    with pytest.raises(UnreadableTimes, match="No such file"):
        read_times(tmp_path / "missing.json")
