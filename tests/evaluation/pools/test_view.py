import json

import numpy as np
import pool_files as files
import pytest

from evaluation.pools.errors import DuplicateRow, InvalidRow, MixedPools, StrayRow, UnreadablePool
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool
from evaluation.pools.view import read_view


def test_a_view_has_every_task_and_counts_what_is_missing(tmp_path):
    samples = [
        files.sample("a/1", 1, draw=1, tokens=9, nll=None, text="", finish_reason="length"),
        files.sample("a/0", 0),
        files.sample("a/1", 0, nll=0.75),
    ]
    verdicts = [files.verdict("a/1", 1), files.verdict("a/0", 0, passed=False)]
    scores = [files.score("a/1", 0)]
    view = read_view(files.write(tmp_path, samples, verdicts, scores).path)

    first, second, third = view.problems
    assert [p.task_id for p in view.problems] == list(files.TASKS)
    assert (first.n, first.c, second.n, second.c, third.n) == (1, 0, 1, 1, 0)
    assert second.judged.tolist() == [False, True]
    assert second.tokens.tolist() == [5, 9]
    assert second.cut.tolist() == [False, True]
    assert second.empty.tolist() == [False, True]
    assert second.prompt_tokens == 20
    np.testing.assert_array_equal(second.nll["small"], [0.75, np.nan])
    np.testing.assert_array_equal(second.nll["large"], [0.25, np.nan])
    assert view.rankers == ("small", "large")
    assert (view.samples, view.unjudged, view.without_samples) == (3, 1, ("a/2",))
    assert (view.unscored("small"), view.unscored("large")) == (1, 2)


def test_a_view_has_both_verdicts_and_partial_credit(tmp_path):
    samples = [files.sample(index=index) for index in range(4)] + [files.sample("a/1")]
    verdicts = [
        files.verdict(index=0, checks=3, passed_checks=3),
        files.verdict(index=1, passed=False, checks=3, passed_checks=1),
        files.verdict(index=2, checks=None, passed_checks=None),
        files.verdict("a/1"),
    ]
    plus = [
        files.verdict(index=0, passed=False),
        files.verdict(index=1, passed=False),
        files.verdict(index=2),
    ]
    first, second, _ = read_view(files.write(tmp_path, samples, verdicts, plus=plus).path).problems
    assert first.passed.tolist() == [True, False, True, False]
    assert first.judged_plus.tolist() == [True, True, True, False]
    assert first.passed_plus.tolist() == [False, False, True, False]
    assert first.checks.tolist() == [3, 3, -1, -1]
    assert first.passed_checks.tolist() == [3, 1, -1, -1]
    assert (second.passed.tolist(), second.judged_plus.tolist()) == ([True], [False])


def test_an_empty_pool_is_a_pool(tmp_path):
    Pool.create(tmp_path, files.identity())
    view = read_view(tmp_path)
    assert view.samples == 0
    assert view.without_samples == files.TASKS


def test_shards_and_journal_are_read_as_one(tmp_path):
    pool = files.write(tmp_path, [files.sample(index=0)])
    journal = tmp_path / "samples" / "00002.jsonl"
    journal.write_text(json.dumps([files.sample(index=1)]) + '\n[{"task_id": "a/')
    view = read_view(tmp_path)
    assert view.problems[0].index.tolist() == [0, 1]
    assert view.torn_bytes == len('[{"task_id": "a/')
    with pool.writer(Table.SAMPLES) as writer:
        assert writer.torn_bytes == view.torn_bytes
    assert read_view(tmp_path).problems[0].index.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ({"samples": [files.sample(), files.sample()]}, DuplicateRow),
        (
            {"samples": [files.sample()], "verdicts": [files.verdict(), files.verdict()]},
            DuplicateRow,
        ),
        ({"samples": [files.sample()], "scores": [files.score(), files.score()]}, DuplicateRow),
        ({"samples": [files.sample()], "verdicts": [files.verdict(index=1)]}, StrayRow),
        ({"samples": [files.sample()], "scores": [files.score("a/2")]}, StrayRow),
        ({"samples": [files.sample()], "plus": [files.verdict("a/2")]}, StrayRow),
        ({"samples": [files.sample()], "plus": [files.verdict()]}, StrayRow),
        (
            {
                "samples": [files.sample()],
                "verdicts": [files.verdict(passed=False)],
                "plus": [files.verdict()],
            },
            InvalidRow,
        ),
    ],
)
def test_keys_that_do_not_fit_are_named(tmp_path, rows, error):
    files.write(tmp_path, **rows)
    with pytest.raises(error, match="a/"):
        read_view(tmp_path)


def test_a_damaged_shard_is_not_read(tmp_path):
    pool = files.write(tmp_path, [files.sample()])
    (shard,) = pool.shards(Table.SAMPLES)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(UnreadablePool, match="damaged"):
        read_view(tmp_path)


def test_a_shard_of_another_pool_is_not_mixed_in(tmp_path):
    ours = files.write(tmp_path / "ours", [files.sample()])
    theirs = Pool.create(tmp_path / "theirs", files.identity(temperature=0.2))
    with theirs.writer(Table.SAMPLES) as writer:
        writer.append([files.sample(index=1)])
    (shard,) = theirs.shards(Table.SAMPLES)
    shard.rename(ours.path / "samples" / shard.name.replace("00001", "00002"))
    with pytest.raises(MixedPools, match="temperature"):
        read_view(ours.path)
