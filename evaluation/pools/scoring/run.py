"""Scores the samples of a pool with one ranker; a run that was stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from evaluation.pools.columns import INDEX_BITS, read_columns
from evaluation.pools.schema import Row, Table
from evaluation.pools.scoring.ranker import Ranker, Score
from evaluation.pools.store import Pool

WINDOW: Final = 16_384
"""Samples held in memory at a time; those of one problem in it share one pass over the prompt."""


@dataclass(frozen=True, slots=True)
class Scored:
    """`scored` samples were given a score now or before; `empty` ones have no token to score."""

    scored: int
    empty: int


def wanted(pool: Pool, per_problem: int | None) -> int:
    """How many samples are to be scored, those that already are included."""
    index = read_columns(pool, Table.SAMPLES, ()).keys & (2**INDEX_BITS - 1)
    return len(index) if per_problem is None else int((index < per_problem).sum())


async def score_pool(
    pool: Pool,
    prompts: Mapping[str, str],
    ranker: Ranker,
    *,
    per_problem: int | None,
    on_scored: Callable[[int], None],
    on_torn: Callable[[int], None],
) -> Scored:
    """Score the first `per_problem` samples of each task (None: all) that have no score yet.

    Exact duplicates are read once and each given the score. `prompts` are those of the pool's
    tasks; `on_scored` is told how many samples are done in each step, and at first how many were
    before; `on_torn` how many bytes of an unfinished line were cut off. Raises `RankerFailed` and
    `PoolError`; what was scored by then is kept.
    """
    with pool.writer(Table.SCORES) as writer:
        if writer.torn_bytes:
            on_torn(writer.torn_bytes)
        done = _done(pool, ranker.name)  # not before: until then another run may add to it
        scored, empty = len(done), 0
        on_scored(scored)
        for task, texts in _groups(pool, per_problem, done):
            distinct = list(dict.fromkeys(texts.values()))
            scores = await ranker.score(prompts[task], distinct)
            found = dict(zip(distinct, scores, strict=True))
            rows = [
                _row(ranker.name, task, index, score)
                for index, text in texts.items()
                if (score := found[text]) is not None
            ]
            writer.append(rows)
            scored, empty = scored + len(rows), empty + len(texts) - len(rows)
            on_scored(len(texts))
    return Scored(scored, empty)


def _row(ranker: str, task: str, index: int, score: Score) -> Row:
    return {
        "ranker": ranker,
        "task_id": task,
        "index": index,
        "nll": score.nll,
        "tokens": score.tokens,
    }


def _done(pool: Pool, ranker: str) -> set[tuple[str, int]]:
    """Task and index of the samples that this ranker has scored."""
    scores = read_columns(pool, Table.SCORES, ("ranker",))
    names = scores.names.get("ranker", ())
    if ranker not in names:
        return set()
    keys = scores.where(scores.values["ranker"] == list(names).index(ranker)).keys
    tasks = pool.identity.tasks
    return {(tasks[key >> INDEX_BITS], key & (2**INDEX_BITS - 1)) for key in keys.tolist()}


def _groups(
    pool: Pool, per_problem: int | None, done: set[tuple[str, int]]
) -> Iterator[tuple[str, dict[int, str]]]:
    """The texts to score by index, task by task within each window of samples."""
    window: dict[str, dict[int, str]] = {}
    held = 0
    for batch in pool.batches(Table.SAMPLES, ["task_id", "index", "text"]):
        for row in batch.to_pylist():
            task, index = row["task_id"], row["index"]
            if (task, index) in done or (per_problem is not None and index >= per_problem):
                continue
            window.setdefault(task, {})[index] = row["text"]
            held += 1
            if held >= WINDOW:
                yield from window.items()
                window, held = {}, 0
    yield from window.items()
