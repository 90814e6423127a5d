"""Pools on disk as the study takes them.

A directory with a `pool.json` is a pool; a `.csv` or `.jsonl` file holds counts, and its stem is
taken as the name of its dataset. Pools at temperature 0 are the greedy answers of their model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from evaluation.architectures import ARCHITECTURES
from evaluation.pools.counts import Counts, read_counts
from evaluation.pools.errors import MixedPools, UnreadablePool
from evaluation.pools.released import ENGINE as RELEASED
from evaluation.pools.view import PoolView, ProblemView, read_view
from evaluation.study.evidence import TwoPools
from evaluation.study.samples import Draws, Floats, Generations, Omission, StudyPool
from policies.cost import Rate


class UnreadableTimes(ValueError):
    """The file of wall times is not one; the message says what it should hold."""


_COUNTS: Final = (".csv", ".jsonl")
_BY_NAME: Final = "its version of the data set is not known: problems are matched by name"


def find_pools(directory: Path) -> list[Path]:
    """Every pool and file of counts below a directory. Raises `UnreadablePool` for none."""
    pools = sorted(file.parent for file in directory.glob("**/pool.json"))
    counts = sorted(
        path
        for path in directory.glob("**/*")
        if path.suffix in _COUNTS
        and not {path.parent, path.parent.parent} & {*pools}  # what a pool has of its own
    )
    if not pools and not counts:
        raise UnreadablePool(
            f"{directory} holds no pool: make one with `budget-router evaluate collect`"
        )
    return [*pools, *counts]


@dataclass(frozen=True, slots=True)
class Times:
    """Wall time of a sample in seconds by data set and model, and which engines on what hardware.

    Prompts and answers of one data set are longer than those of another, and so is a sample's time.
    """

    seconds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    engines: tuple[str, ...] = ()


class _Timed(BaseModel):
    seconds_per_sample: float = Field(gt=0, allow_inf_nan=False)
    engine: str
    hardware: str


class _TimesFile(BaseModel):
    schema_: Literal[2] = Field(alias="schema")
    datasets: dict[str, dict[str, _Timed]]


def read_times(path: Path) -> Times:
    """What `budget-router evaluate time` measured. Raises `UnreadableTimes`."""
    try:
        file = _TimesFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UnreadableTimes(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        places = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        raise UnreadableTimes(
            f"{path} is no file of `budget-router evaluate time`: {places or 'no JSON object'}"
        ) from error
    measured = [timed for models in file.datasets.values() for timed in models.values()]
    engines = dict.fromkeys(f"{timed.engine} on {timed.hardware}" for timed in measured)
    seconds = {
        dataset: {model: timed.seconds_per_sample for model, timed in models.items()}
        for dataset, models in file.datasets.items()
    }
    return Times(seconds, tuple(engines))


def read_pools(
    paths: Iterable[Path], times: Times, rates: Mapping[str, Rate] = ARCHITECTURES
) -> list[StudyPool]:
    """The pools, those of one model and dataset as one; each keeps where it came from.

    `rates` are what models cost, by name. Raises `PoolError` and `TwoPools`.
    """
    merged: dict[tuple[str, str], StudyPool] = {}
    hashes: dict[str, tuple[str, Path]] = {}
    for path in paths:
        for pool, version in _read(path):
            if version is not None:
                _check_dataset(hashes, pool.dataset, version, path)
            key = pool.model, pool.dataset
            merged[key] = _merge(merged[key], pool) if key in merged else pool
    return [
        replace(
            pool,
            rate=rates.get(pool.model),
            seconds=times.seconds.get(pool.dataset, {}).get(pool.model),
        )
        for pool in merged.values()
    ]


def _read(path: Path) -> Iterator[tuple[StudyPool, str | None]]:
    """Each pool, unpriced, with the hash of its dataset; None where that says nothing of ours."""
    if not path.is_dir():
        for found in read_counts(path):
            yield _from_counts(found, path), None
        return
    view = read_view(path)
    pool = _from_view(view, path)
    if view.identity.engine == RELEASED:
        yield replace(pool, notes=(*pool.notes, _BY_NAME)), None
    else:
        yield pool, view.identity.dataset_sha256


def _from_counts(found: Counts, path: Path) -> StudyPool:
    return StudyPool(
        model=found.model,
        dataset=path.stem,
        draws={task: Draws.counted(n, c) for task, (n, c) in found.counts.items()},
        greedy={},
        rate=None,
        sources=(str(path),),
        notes=(_BY_NAME,),
    )


def _from_view(view: PoolView, path: Path) -> StudyPool:
    identity = view.identity
    shown = {ranker: _shown(view, ranker) for ranker in view.rankers}
    judged = {problem.task_id: _draws(problem, shown) for problem in view.problems if problem.n}
    return StudyPool(
        model=identity.model,
        dataset=identity.dataset,
        draws={} if identity.greedy else judged,
        greedy=judged if identity.greedy else {},
        rate=None,
        of=len(identity.tasks),
        sources=(str(path),),
        hashes=(view.content_hash[:12],),
        notes=tuple(_missing(view)),
    )


def _missing(view: PoolView) -> Iterator[str]:
    """What of a pool does not count."""
    what = "greedy answers" if view.identity.greedy else "samples"
    if view.unjudged:
        yield str(Omission(view.unjudged, view.samples, f"{what} have no verdict"))
    if view.torn_bytes:
        yield (
            f"{view.torn_bytes:,} bytes of an unfinished last line of its {what} do not count: a "
            "writer is at work, or crashed there"
        )


def _shown(view: PoolView, ranker: str) -> int:
    """How many samples per problem a ranker was shown: up to the last that it scored anywhere."""
    scored = (problem.index[np.isfinite(problem.nll[ranker])] for problem in view.problems)
    return max((int(index.max(initial=-1)) for index in scored), default=-1) + 1


def _draws(problem: ProblemView, shown: Mapping[str, int]) -> Draws:
    """The judged samples of a problem."""
    kept = problem.judged
    return Draws(
        problem.passed[kept],
        Generations(
            prompt_tokens=problem.prompt_tokens if problem.counted else -1,
            tokens=problem.tokens[kept],
            cut=problem.cut[kept],
            nll={ranker: _scores(problem, ranker, shown[ranker])[kept] for ranker in problem.nll},
        ),
    )


def _scores(problem: ProblemView, ranker: str, shown: int) -> Floats:
    """A ranker's scores, +inf for empty answers among the first `shown`.

    The same for all rankers, or they could not be compared: the generator's own log-probabilities
    have one for the stop of an empty answer, other rankers score nothing there. To leave these
    answers out of theirs would be to leave out failures.
    """
    scores = problem.nll[ranker]
    first = problem.index < shown
    begun = np.isfinite(scores).any() or problem.empty[first].all()
    return np.where(problem.empty & first & begun, math.inf, scores)


def _merge(one: StudyPool, other: StudyPool) -> StudyPool:
    if (one.draws and other.draws) or (one.greedy and other.greedy):
        raise TwoPools(
            f"two pools hold the same kind of samples of {one.model} on {one.dataset}: "
            f"{', '.join((*one.sources, *other.sources))}; give one of them"
        )
    return replace(
        one,
        draws=one.draws or other.draws,
        greedy=one.greedy or other.greedy,
        of=one.of or other.of,
        sources=(*one.sources, *other.sources),
        hashes=(*one.hashes, *other.hashes),
        notes=(*one.notes, *other.notes),
    )


def _check_dataset(
    hashes: dict[str, tuple[str, Path]], dataset: str, digest: str, path: Path
) -> None:
    known, first = hashes.setdefault(dataset, (digest, path))
    if known != digest:
        raise MixedPools(
            f"{path} and {first} are of different versions of {dataset}: compare pools of one"
        )
