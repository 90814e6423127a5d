"""Partial credit as a predictor, against all orders in which few samples can come."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from evaluation.calibration.particles import Arm, Particles, Recorded
from evaluation.calibration.signals.prediction import CLASSES, MOST, predictions

PASSED = ([0, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 1])
HELD = ([0.0, 0.6, 1.0, 0.2], [0.0, 0.0, 0.3, 0.0], [1.0, 1.0, 0.5, 0.5], [0.7, 1.0, 1.0, 1.0])


def arm(passed=PASSED, held=HELD, tokens=10.0):
    return Arm(
        tuple(
            Recorded(np.array(p, bool), np.full(len(p), tokens), np.array(h))
            for p, h in zip(passed, held, strict=True)
        )
    )


def particles(**arms: Arm) -> Particles:
    return Particles("tiny", tuple(f"t/{at}" for at in range(len(PASSED))), arms)


def by_hand(k: int):
    """(class, best share, whether the next passed) of every order of every problem, by weight."""
    for passed, held in zip(PASSED, HELD, strict=True):
        orders = list(itertools.permutations(range(len(passed)), k + 1))
        for order in orders:
            if not any(passed[at] for at in order[:k]):
                share = max(held[at] for at in order[:k])
                cls = 0 if share == 0 else 1 if share < MOST else 2
                yield cls, share, passed[order[k]], 1 / len(orders)


@pytest.mark.parametrize("k", [1, 2])
def test_rates_and_auc_are_those_of_all_orders(k: int) -> None:
    (found,) = [row for row in predictions(particles(small=arm()), ["small"]) if row.k == k]
    seen = list(by_hand(k))
    for at in range(len(CLASSES)):
        whole = sum(w for c, _, _, w in seen if c == at)
        assert found.problems[at] == pytest.approx(whole)
        rate = found.rates[at]
        if whole:
            passing = sum(w for c, _, p, w in seen if c == at and p)
            assert rate is not None
            assert rate.value == pytest.approx(passing / whole)
        else:
            assert rate is None
    pairs = [
        (a[3] * b[3], (a[1] > b[1]) + (a[1] == b[1]) / 2)
        for a, b in itertools.product(seen, seen)
        if a[2] and not b[2]
    ]
    assert found.auc is not None
    auc = sum(w * won for w, won in pairs) / sum(w for w, _ in pairs)
    assert found.auc.value == pytest.approx(auc)


def test_the_next_sample_may_be_the_next_larger_models_and_no_others() -> None:
    three = particles(small=arm(), middle=arm(), large=arm())
    rows = predictions(three, ["small", "middle", "large"])
    assert {(row.model, row.next_model) for row in rows} == {
        ("small", "small"),
        ("small", "middle"),
        ("middle", "middle"),
        ("middle", "large"),
        ("large", "large"),
    }
    assert {row.k for row in rows} == {1, 2}  # four samples: after four nothing is left
    solved = arm(passed=[[1]] * 4, held=[[1.0]] * 4)
    rows = predictions(particles(small=arm(), large=solved), ["small", "large"])
    (after,) = [row for row in rows if row.next_model == "large" and row.k == 1]
    assert all(rate.value == 1 for rate in after.rates if rate is not None)
    assert after.auc is None  # nothing failed


def test_an_answer_that_is_too_long_failed() -> None:
    rows = predictions(particles(small=arm(tokens=9999.0)), ["small"])
    assert all(rate.value == 0 for row in rows for rate in row.rates if rate is not None)


def test_a_share_that_tells_all_and_one_that_tells_nothing() -> None:
    rng = np.random.default_rng(0)
    passed = rng.random((60, 12)) < np.repeat([0.0, 0.5], 30)[:, None]
    telling = np.where(passed, 1.0, np.repeat([0.0, 0.8], 30)[:, None])
    for held, low, high in ((telling, 0.7, 1.0), (np.where(passed, 1.0, 0.3), 0.45, 0.55)):
        arms = Arm(tuple(Recorded(p, None, h) for p, h in zip(passed, held, strict=True)))
        row = predictions(Particles("made", tuple(map(str, range(60))), {"small": arms}), ["small"])
        assert row[0].auc is not None
        assert low <= row[0].auc.value <= high
        assert row[0].auc.low <= row[0].auc.value <= row[0].auc.high
