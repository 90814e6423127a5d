"""The problems that a pool's samples answer."""

from __future__ import annotations

from pathlib import Path

from evaluation import datasets
from evaluation.datasets import Problem
from evaluation.pools.errors import MixedPools
from evaluation.pools.store import Pool


def problems_of(pool: Pool, data: Path | None = None) -> tuple[Problem, ...]:
    """All problems of the pool's dataset, in order; `data` as `datasets.load` takes it.

    Raises `UnknownDataset`, `DatasetUnavailable`, and `MixedPools` where the dataset is not what
    it was when the samples were drawn.
    """
    identity = pool.identity
    problems = datasets.load(identity.dataset, data)
    found = datasets.content_hash(problems)
    if found != identity.dataset_sha256:
        raise MixedPools(
            f"{pool.path} answers another {identity.dataset}: its content hash was "
            f"{identity.dataset_sha256[:12]} and is {found[:12]} now; give the data it was drawn on"
        )
    return problems
