"""Recorded samples as the study takes them: arrays per problem, whatever file they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from policies.cost import Rate

ROUNDS: Final = 2000
"""Of every bootstrap here: an end of an interval then wanders by a twentieth of its half width."""

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Generations:
    """What was generated, beyond verdicts: one entry per sample.

    `prompt_tokens` are those of the problem's prompt, `tokens` (n,) the generated ones, -1 where
    nobody counted; `cut` (n,) marks generations that reached the token limit. `nll` has, per
    ranker, averaged negative log-likelihoods in nats per token (n,), NaN where it scored nothing,
    and +inf for an empty answer among those that it was shown: there is nothing in it to score.
    """

    prompt_tokens: int
    tokens: Ints
    cut: Bools
    nll: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def counted(self) -> bool:
        """Whether all tokens are known, so that exact costs follow."""
        return self.prompt_tokens >= 0 and bool((self.tokens >= 0).all())


@dataclass(frozen=True, slots=True)
class Draws:
    """One problem's answers of one model: verdicts (n,) in the order drawn.

    `generations` is None for pools of counts, which know no more. Raises ValueError for no
    samples and for arrays of other lengths.
    """

    passed: Bools
    generations: Generations | None = None

    def __post_init__(self) -> None:
        shapes = {self.passed.shape}
        if self.generations is not None:
            made = self.generations
            shapes |= {made.tokens.shape, made.cut.shape}
            shapes |= {nll.shape for nll in made.nll.values()}
        if shapes != {(self.n,)} or not self.n:
            raise ValueError(f"arrays of shapes {shapes} are not n > 0 entries each")

    @property
    def n(self) -> int:
        """How many samples there are."""
        return len(self.passed)

    @classmethod
    def counted(cls, n: int, c: int) -> Draws:
        """Of `n` samples `c` passed, and that is all that is known. ValueError unless it can be."""
        if not 0 <= c <= n:
            raise ValueError(f"{c} of {n} samples cannot have passed")
        return cls(np.arange(n) < c)


@dataclass(frozen=True, slots=True)
class StudyPool:
    """All answers of one model to one dataset, by task id.

    `draws` were sampled, `greedy` holds one answer per problem at temperature 0. `rate` gives the
    FLOPs and `seconds` the wall time of a sample; None where unknown. `of` is how many problems
    the dataset has. `sources` are paths, `hashes` those of what they held, and `notes` say what of
    it is not here.
    """

    model: str
    dataset: str
    draws: Mapping[str, Draws]
    greedy: Mapping[str, Draws]
    rate: Rate | None
    seconds: float | None = None
    of: int | None = None
    sources: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rankers(self) -> tuple[str, ...]:
        """Models that scored samples of this pool, the generator first."""
        named = {
            ranker
            for draws in self.draws.values()
            if draws.generations is not None
            for ranker, nll in draws.generations.nll.items()
            if np.isfinite(nll).any()
        }
        return tuple(sorted(named, key=lambda ranker: (ranker != self.model, ranker)))


@dataclass(frozen=True, slots=True)
class Omission:
    """Something that a figure does not show: `count` of `of` things, in words."""

    count: int
    of: int
    what: str

    def __str__(self) -> str:
        return f"{self.count:,} of {self.of:,} {self.what}"
