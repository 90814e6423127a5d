"""What a draw does to every particle: the probability that it fails, and the tokens that it takes.

All of it is expectation over what was recorded, so nothing here is drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from evaluation.calibration.particles import Arm, Recorded
from evaluation.pools.view import Floats
from policies.ladder import CALL_TOKENS, Answers

MOST_OF_PASSES: Final = 0.98
"""What is reserved holds this part of the passing answers: more of it keeps budgets idle."""

_PRIORS: Final = np.geomspace(0.05, 20, 25)
"""Strengths of the prior that are tried, in samples."""


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Of one model on n problems.

    `failing` (n, K+1): probability that all of so many samples fail. `tokens` (n, W+1): tokens
    that a draw of so many samples takes until its first pass, those of its other samples included
    (they advance in step). `failing_tokens` (n,): tokens of a sample that fails. `greedy_failing`
    (n,) and `greedy_tokens` (n,) are of the greedy answer, None without one. `lengths` are the
    tokens of all passing answers, in order; empty where nobody counted, and then a sample is one.
    """

    failing: Floats
    tokens: Floats
    failing_tokens: Floats
    greedy_failing: Floats | None
    greedy_tokens: Floats | None
    lengths: Floats

    @property
    def answers(self) -> Answers | None:
        """The lengths of passing answers; None where nobody counted."""
        if not len(self.lengths):
            return None
        half, most = np.quantile(self.lengths, [0.5, MOST_OF_PASSES])
        return Answers(int(np.ceil(half)), int(np.ceil(most)))

    @property
    def samples(self) -> int:
        """How many samples are known."""
        return int(self.failing.shape[1]) - 1


def effects(arm: Arm, widest: int) -> Effects:
    """Of an arm whose draws are at most so wide.

    Answers longer than `CALL_TOKENS` count as cut there, and fail.
    """
    sampled = [cut(each) for each in arm.sampled]
    greedy = [cut(each) for each in arm.greedy]
    passed = np.array([each.passed.sum() for each in sampled], np.float64)
    drawn = np.array([len(each.passed) for each in sampled], np.float64)
    return Effects(
        failing=_failing(passed, drawn, arm.samples),
        tokens=np.stack([draw_tokens(each, widest) for each in sampled]),
        failing_tokens=np.array([_failing_tokens(each) for each in sampled]),
        greedy_failing=np.array([not each.passed[0] for each in greedy], float) if greedy else None,
        greedy_tokens=np.array([_tokens(each)[0] for each in greedy]) if greedy else None,
        lengths=_lengths(sampled) if arm.counted else np.empty(0),
    )


def together(parts: Sequence[Effects]) -> Effects:
    """The problems of all parts as one; of as many samples as all of them know."""
    samples = min(part.samples for part in parts)
    greedy = all(part.greedy_failing is not None for part in parts)
    return Effects(
        failing=np.concatenate([part.failing[:, : samples + 1] for part in parts]),
        tokens=np.concatenate([part.tokens for part in parts]),
        failing_tokens=np.concatenate([part.failing_tokens for part in parts]),
        greedy_failing=_joined([part.greedy_failing for part in parts]) if greedy else None,
        greedy_tokens=_joined([part.greedy_tokens for part in parts]) if greedy else None,
        lengths=np.sort(np.concatenate([part.lengths for part in parts])),
    )


def _joined(parts: Sequence[Floats | None]) -> Floats:
    return np.concatenate([part for part in parts if part is not None])


def cut(answers: Recorded) -> Recorded:
    """As a large call has them: longer answers end at its tokens, and fail."""
    if answers.tokens is None:
        return answers
    whole = answers.tokens <= CALL_TOKENS
    return replace(
        answers, passed=answers.passed & whole, tokens=np.minimum(answers.tokens, CALL_TOKENS)
    )


def _tokens(answers: Recorded) -> Floats:
    """A sample counts as one where nobody counted its tokens."""
    return np.ones(len(answers.passed)) if answers.tokens is None else answers.tokens


def _failing(passed: Floats, drawn: Floats, most: int) -> Floats:
    """(n, most+1): the posterior expectation of (1-p)^k, p of a problem being Beta a priori.

    A problem of which few samples are known is drawn towards the others, and one that never passed
    is not taken to be hopeless. The prior's mean is that of all samples, its strength the likeliest
    (beta-binomial likelihood over a grid).
    """
    mean = min(max(passed.sum() / drawn.sum(), 1e-6), 1 - 1e-6)
    strength = max(_PRIORS, key=lambda s: _log_likelihood(passed, drawn, s * mean, s * (1 - mean)))
    a, b = strength * mean, strength * (1 - mean)
    k = np.arange(most)
    step = (b + drawn - passed)[:, None] + k
    ratios = step / (step + (a + passed)[:, None])
    return np.concatenate([np.ones((len(passed), 1)), np.cumprod(ratios, axis=1)], axis=1)


def _log_likelihood(passed: Floats, drawn: Floats, a: float, b: float) -> float:
    """Of beta-binomial counts, up to a constant: products of a+i and b+i over a+b+i."""
    total = 0.0
    for c, n in zip(passed.astype(int), drawn.astype(int), strict=True):
        total += float(np.log(a + np.arange(c)).sum() + np.log(b + np.arange(n - c)).sum())
        total -= float(np.log(a + b + np.arange(n)).sum())
    return total


def _failing_tokens(answers: Recorded) -> float:
    """Of those that fail; of all where none does."""
    tokens = _tokens(answers)
    return float(tokens[~answers.passed].mean() if not answers.passed.all() else tokens.mean())


def draw_tokens(answers: Recorded, widest: int) -> Floats:
    """(widest+1,): expected tokens of draws with replacement, ended by the first pass.

    The first pass is the shortest passing sample of the draw, and the others have come to as many
    tokens by then, or ended. For each passing sample, the shortest first, the draws that it is the
    first pass of are those of it and of samples that are no shorter passes. Where nobody counted
    tokens, every sample of a draw is paid for.
    """
    widths = np.arange(widest + 1)
    if answers.tokens is None:
        return widths.astype(np.float64)
    tokens, n = answers.tokens, len(answers.tokens)
    passing = np.flatnonzero(answers.passed)
    passing = passing[np.argsort(tokens[passing], kind="stable")]
    found = (1 - len(passing) / n) ** widths * widths * _failing_tokens(answers)
    allowed = np.ones(n, np.bool_)
    beside = np.maximum(widths - 1, 0)
    for at in passing:
        share = allowed.sum() / n
        allowed[at] = False  # for the longer ones; and its own tokens are told apart here
        rest = np.minimum(tokens[allowed], tokens[at]).sum() / n
        any_beside, none_again = share**beside, (share - 1 / n) ** beside
        found += widths * (tokens[at] / n * any_beside + rest * (any_beside - none_again))
    found[0] = 0.0
    return np.asarray(found)


def _lengths(sampled: Sequence[Recorded]) -> Floats:
    return np.sort(np.concatenate([_tokens(each)[each.passed] for each in sampled]))
