"""Pools on disk: what a crash at each moment leaves, and what is refused."""

import hashlib
import json
from pathlib import Path

import pool_files as files
import pyarrow.parquet as pq
import pytest

import evaluation
from evaluation.pools.errors import (
    InvalidRow,
    MixedPools,
    PoolBusy,
    PoolError,
    UnknownTask,
    UnreadablePool,
)
from evaluation.pools.files import digest_of
from evaluation.pools.schema import Table
from evaluation.pools.store import Pool

RECORDED = Path(evaluation.__file__).parent / "recorded" / "pools"


def indices(pool):
    return [i for b in pool.batches(Table.SAMPLES) for i in b.column("index").to_pylist()]


@pytest.fixture
def pool(tmp_path):
    return Pool.create(tmp_path / "pool", files.identity())


def test_rows_come_back_as_they_went_in(pool):
    rows = [
        files.sample("a/1", 0, text="é\n\t\u2028\x00'\"", nll=None),
        files.sample("a/1", 1, tokens=None, prompt_tokens=None, seed=None),
        files.sample("a/0", 0, nll=0.1 + 0.2, finish_reason="length"),
    ]
    with pool.writer(Table.SAMPLES) as writer:
        writer.append(rows)
        assert [row for b in pool.batches(Table.SAMPLES) for row in b.to_pylist()] == rows
    assert [row for b in pool.batches(Table.SAMPLES) for row in b.to_pylist()] == rows
    assert not list((pool.path / "samples").glob("*.jsonl"))


def test_a_million_rows_are_never_held_at_once(pool):
    with pool.writer(Table.SAMPLES, rows_per_shard=4) as writer:
        for first in range(0, 10, 2):
            writer.append([files.sample(index=first), files.sample(index=first + 1)])
    assert len(pool.shards(Table.SAMPLES)) == 3
    assert max(batch.num_rows for batch in pool.batches(Table.SAMPLES, at_once=3)) <= 3
    assert indices(pool) == list(range(10))


def test_an_append_that_a_crash_tore_is_cut_off_whole(pool):
    with pool.writer(Table.SAMPLES) as writer:
        writer.append([files.sample(index=0)])
    folder = pool.path / "samples"
    whole = json.dumps([files.sample(index=1), files.sample(index=2)])
    for torn in range(1, len(whole), 17):
        (folder / "00002.jsonl").write_text(whole[:torn])
        assert indices(pool) == [0]
        with pool.writer(Table.SAMPLES) as writer:
            assert writer.torn_bytes == torn
        assert not (folder / "00002.jsonl").exists()
    assert indices(pool) == [0]


def test_what_is_appended_after_a_torn_line_survives_the_next_crash(pool):
    (pool.path / "samples").mkdir()
    (pool.path / "samples" / "00001.jsonl").write_text('[{"task')
    with pool.writer(Table.SAMPLES) as writer:
        writer.append([files.sample(index=3)])
        assert indices(pool) == [3]  # as the journal has it, which a crash would leave


def test_a_crash_between_a_shard_and_its_journals_end_doubles_nothing(pool):
    with pool.writer(Table.SAMPLES) as writer:
        writer.append([files.sample(index=0)])
        journal = pool.path / "samples" / "00001.jsonl"
        content = journal.read_bytes()
    journal.write_bytes(content)  # as it was when the shard had just taken its name
    (pool.path / "samples" / "00002.part").write_bytes(b"half a shard")
    assert indices(pool) == [0]
    with pool.writer(Table.SAMPLES) as writer:
        writer.append([files.sample(index=1)])
    assert indices(pool) == [0, 1]
    assert sorted(path.suffix for path in journal.parent.iterdir()) == [".parquet", ".parquet"]


def test_a_damaged_line_in_the_middle_is_an_error_not_a_gap(pool):
    (pool.path / "samples").mkdir()
    good = json.dumps([files.sample()])
    (pool.path / "samples" / "00001.jsonl").write_text(f'{good}\n{{"oops": \n{good}\n')
    with pytest.raises(InvalidRow, match=r"00001\.jsonl, line 2"):
        indices(pool)
    with pytest.raises(InvalidRow, match="line 2"), pool.writer(Table.SAMPLES):
        pass


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"nll": float("nan")}, "nll"),
        ({"nll": float("inf")}, "nll"),
        ({"nll": True}, "nll"),
        ({"text": "\ud800"}, "type"),
        ({"tokens": -1}, "tokens"),
        ({"index": True}, "index"),
        ({"text": None}, "text"),
        ({"text": 7}, "type"),
        ({"seed": 2**80}, "type"),
        ({"more": 1}, "more"),
    ],
)
def test_a_row_that_cannot_be_is_refused_and_nothing_is_written(pool, wrong, word):
    with pool.writer(Table.SAMPLES) as writer:
        with pytest.raises(InvalidRow, match=word):
            writer.append([files.sample(index=0), files.sample(index=1) | wrong])
        writer.append([files.sample(index=5)])
    assert indices(pool) == [5]


def test_a_task_that_the_dataset_does_not_have_is_refused(pool):
    with pool.writer(Table.SAMPLES) as writer, pytest.raises(UnknownTask, match="b/9"):
        writer.append([files.sample("b/9")])


def test_one_process_writes_a_table(pool):
    with pool.writer(Table.SAMPLES):
        with pytest.raises(PoolBusy), pool.writer(Table.SAMPLES):
            pass
        with pool.writer(Table.VERDICTS):
            pass
    with pool.writer(Table.SAMPLES):
        pass


@pytest.mark.parametrize(
    "other",
    [
        {"dataset_sha256": "e" * 64},
        {"model": "large"},
        {"temperature": 0.2},
        {"stop": ()},
        {"engine": "another"},
        {"seed": 1},
    ],
)
def test_another_pool_is_not_extended(pool, other):
    with pytest.raises(MixedPools, match=next(iter(other))):
        Pool.create(pool.path, files.identity(**other))


def test_what_is_no_pool_says_so(tmp_path):
    with pytest.raises(UnreadablePool, match=r"pool\.json"):
        Pool.open(tmp_path)
    (tmp_path / "pool.json").write_text("{")
    with pytest.raises(UnreadablePool, match="JSON"):
        Pool.open(tmp_path)
    (tmp_path / "pool.json").write_text('{"format": "budget-router pool", "schema": 1}')
    with pytest.raises(UnreadablePool, match="model"):
        Pool.open(tmp_path)
    (tmp_path / "pool.json").write_text(json.dumps(files.identity(tasks=()).to_json()))
    with pytest.raises(UnreadablePool, match="names no task"):
        Pool.open(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"tasks": ["a/0", "a/0"]}, "twice"),
        ({"temperature": float("nan")}, "no sampling"),
        ({"temperature": "0.8"}, "temperature"),
        ({"max_tokens": -5}, "no sampling"),
        ({"top_p": 0}, "no sampling"),
        ({"seed": True}, "seed"),
        ({"schema": True}, "version True"),
    ],
)
def test_a_description_that_cannot_be_is_refused(tmp_path, wrong, word):
    (tmp_path / "pool.json").write_text(json.dumps(files.identity().to_json() | wrong))
    with pytest.raises(PoolError, match=word):
        Pool.open(tmp_path)


def test_a_shard_that_is_no_parquet_is_named(pool):
    content = b"no table"
    name = f"00001-{hashlib.sha256(content).hexdigest()[:32]}.parquet"
    (pool.path / "samples").mkdir()
    (pool.path / "samples" / name).write_bytes(content)
    with pytest.raises(UnreadablePool, match="no Parquet file"):
        indices(pool)


def test_another_schema_version_is_refused(tmp_path):
    pool = files.write(tmp_path, [files.sample()])
    file = tmp_path / "pool.json"
    file.write_text(file.read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(MixedPools, match="version 2"):
        Pool.open(tmp_path)
    assert indices(pool) == [0]


def test_a_shard_of_another_schema_version_is_refused(tmp_path, monkeypatch):
    ours = files.write(tmp_path / "ours", [files.sample()])
    with monkeypatch.context() as patch:
        patch.setattr("evaluation.pools.schema.SCHEMA", 2)
        theirs = files.write(tmp_path / "theirs", [files.sample(index=1)])
    (shard,) = theirs.shards(Table.SAMPLES)
    shard.rename(ours.path / "samples" / shard.name.replace("00001", "00002"))
    with pytest.raises(MixedPools, match="version 2"):
        indices(ours)


def test_the_content_hash_follows_the_content(tmp_path):
    one = files.write(tmp_path / "one", [files.sample()])
    same = files.write(tmp_path / "same", [files.sample()])
    other = files.write(tmp_path / "other", [files.sample(text="    return 2\n")])
    assert one.content_hash() == same.content_hash() != other.content_hash()


def test_the_content_hash_follows_journals(tmp_path):
    seen = []
    for name, index in (("one", 1), ("same", 1), ("other", 2)):
        pool = files.write(tmp_path / name, [files.sample()])
        line = json.dumps([files.sample(index=index)])
        (pool.path / "samples" / "00002.jsonl").write_text(f"{line}\n[torn {name}")
        seen.append(pool.content_hash())
    assert seen[0] == seen[1] != seen[2]


def shard_without(pool, columns):
    """Rewrite the pool's one shard of verdicts without some columns, as it was written before."""
    (shard,) = pool.shards(Table.VERDICTS)
    table = pq.read_table(shard).drop_columns(columns)
    part = shard.with_name("part")
    pq.write_table(table, part)
    shard.unlink()
    part.rename(shard.with_name(f"00001-{digest_of(part)}.parquet"))


def verdicts(pool):
    return [row for b in pool.batches(Table.VERDICTS) for row in b.to_pylist()]


def test_verdicts_may_say_how_many_checks_came_out_right(pool):
    rows = [
        files.verdict(index=0, passed=False, checks=5, passed_checks=3),
        files.verdict(index=1, checks=None, passed_checks=None),
        files.verdict(index=2),
    ]
    counts = [(5, 3), (None, None), (None, None)]
    with pool.writer(Table.VERDICTS) as writer:
        writer.append(rows)
        assert [(row["checks"], row["passed_checks"]) for row in verdicts(pool)] == counts
        with pytest.raises(InvalidRow, match="passed_checks"):
            writer.append([files.verdict(index=3, checks=1, passed_checks=-1)])
    assert [(row["checks"], row["passed_checks"]) for row in verdicts(pool)] == counts


def test_a_shard_from_before_checks_were_counted_is_read_beside_newer_ones(pool):
    with pool.writer(Table.VERDICTS) as writer:
        writer.append([files.verdict(index=0)])
    shard_without(pool, ["checks", "passed_checks"])
    with pool.writer(Table.VERDICTS) as writer:
        writer.append([files.verdict(index=1, checks=2, passed_checks=2)])
    assert [(row["index"], row["checks"]) for row in verdicts(pool)] == [(0, None), (1, 2)]
    (old, new) = pool.batches(Table.VERDICTS, ["passed_checks"])
    assert (old.schema, old.column(0).to_pylist()) == (new.schema, [None])


@pytest.mark.parametrize("columns", [["status"], ["passed", "checks"]])
def test_a_shard_without_other_columns_is_refused(pool, columns):
    with pool.writer(Table.VERDICTS) as writer:
        writer.append([files.verdict(index=0)])
    shard_without(pool, columns)
    with pytest.raises(MixedPools, match="other columns"):
        verdicts(pool)


@pytest.mark.parametrize(
    "recorded",
    sorted(file.parent for file in RECORDED.glob("*/*/pool.json")),
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_recorded_pools_are_read(recorded):
    first = next(Pool.open(recorded).batches(Table.VERDICTS))
    assert first.schema.names == ["task_id", "index", "passed", "status", "checks", "passed_checks"]
