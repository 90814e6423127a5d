"""What a pool of samples is, from how they are drawn and where their model runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation import datasets
from evaluation.datasets import Problem
from evaluation.pools.filling.sampler import ModelPlace
from evaluation.pools.schema import Identity


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model is sampled on a dataset, by default in the paper's nucleus.

    `max_tokens` None is the dataset's own, `temperature` 0 is greedy, and `seed` is what the seeds
    of draws are made from.
    """

    dataset: str
    model: str
    temperature: float
    max_tokens: int | None
    top_p: float = 0.95
    seed: int = 0


def identity_of(sampling: Sampling, where: ModelPlace, problems: Sequence[Problem]) -> Identity:
    """What a pool of these samples is."""
    return Identity(
        dataset=sampling.dataset,
        dataset_sha256=datasets.content_hash(problems),
        tasks=tuple(problem.task_id for problem in problems),
        model=sampling.model,
        model_sha256=where.file_sha256,
        engine=where.engine,
        temperature=sampling.temperature,
        top_p=sampling.top_p if sampling.temperature else 1.0,
        max_tokens=sampling.max_tokens or datasets.max_tokens(sampling.dataset),
        stop=tuple(sorted({stop for problem in problems for stop in problem.stop})),
        seed=sampling.seed,
    )
